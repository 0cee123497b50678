"""Figures that are kept for a while, because they cost more than they change."""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def kept(key: str, seconds: int, make: Callable[[], T]) -> T:
    """What `make` gives, at most `seconds` old. While the cache is away it is made each time: slower, never wrong."""
    try:
        value: T | None = cache.get(key)
        if value is None:
            value = make()
            cache.set(key, value, seconds)
    except RedisError as error:
        logger.warning("the cache is away, %s is worked out anew: %s", key, error)
        return make()
    return value
