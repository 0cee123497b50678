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


class CallerThrottle(BaseThrottle):
    """A window of a minute, counted in Redis by all web workers together.

    While Redis is away nobody is refused: a limit that fails would be an outage. The view tells the headers
    `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) from `limits`.
    """

    limits: dict[str, int] | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = settings.API_REQUESTS_PER_MINUTE
        caller = self._caller(request)
        if not limit or caller is None:
            return True
        now = int(time.time())
        self._wait = WINDOW_S - now % WINDOW_S
        try:
            count = _counted(f"api-rate:{caller}:{now // WINDOW_S}")
        except RedisError as error:
            logger.warning("the cache is away, requests are not limited: %s", error)
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


def _counted(key: str) -> int:
    """How often the key was counted in its window, this time included."""
    cache.add(key, 0, 2 * WINDOW_S)
    return int(cache.incr(key))
