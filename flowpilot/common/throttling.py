"""How many requests a caller of the API may make in a minute: each API key, and each log-in, by itself."""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = logging.getLogger(__name__)

WINDOW_S = 60


class Window:
    """How often something happened in this minute, counted in Redis by all web workers together.

    While Redis is away nothing is counted: a limit that fails would be an outage.
    """

    def __init__(self, name: str) -> None:
        now = int(time.time())
        self.seconds_left = WINDOW_S - now % WINDOW_S
        self._key = f"{name}:{now // WINDOW_S}"

    def add(self) -> int:
        """Once more; how often it was in this minute, this time included, or 0 while Redis is away."""
        try:
            cache.add(self._key, 0, 2 * WINDOW_S)
            return int(cache.incr(self._key))
        except RedisError as error:
            logger.warning("the cache is away, requests are not limited: %s", error)
            return 0

    def count(self) -> int:
        try:
            return int(cache.get(self._key) or 0)
        except RedisError as error:
            logger.warning("the cache is away, requests are not limited: %s", error)
            return 0


class CallerThrottle(BaseThrottle):
    """`API_REQUESTS_PER_MINUTE` of each caller.

    The view tells the headers `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) from
    `rate_limits`.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = settings.API_REQUESTS_PER_MINUTE
        caller = self._caller(request)
        if not limit or caller is None:
            return True
        window = Window(f"api-rate:{caller}")
        self._wait = window.seconds_left
        count = window.add()
        if not count:
            return True
        request.rate_limits = {  # type: ignore[attr-defined]
            "RateLimit-Limit": limit,
            "RateLimit-Remaining": max(0, limit - count),
            "RateLimit-Reset": self._wait,
        }
        return count <= limit

    def wait(self) -> float:
        return self._wait

    def _caller(self, request: Request) -> str | None:
        if not request.user.is_authenticated:
            return None
        return f"key-{request.auth.pk}" if request.auth else f"user-{request.user.pk}"
