"""How often something happened within a clock minute, counted in the cache that all processes share."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import cache as once
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
PATIENCE_SECONDS = 1
"""For the cache to answer. Origin: counting must never cost more than the call."""


def seconds_left(now: datetime) -> int:
    """At least 1: a client told to wait 0 seconds would come back at once."""
    return WINDOW_SECONDS - int(now.timestamp()) % WINDOW_SECONDS


def count_call(name: str, now: datetime) -> int:
    """This function will count one more of `name` and return how many this minute saw; 0 where the cache is silent."""
    name = f"{name}:{int(now.timestamp()) // WINDOW_SECONDS}"
    kept = settings.CACHES["default"]
    try:
        return _counted_by_redis(kept["LOCATION"], name) if "redis" in kept["BACKEND"] else _counted_here(name)
    except (RedisError, ValueError):
        logger.warning("rates.uncounted: the cache did not answer")
        return 0


def _counted_by_redis(address: str, name: str) -> int:
    """One round trip; Django's cache would take three."""
    used = int(_redis(address).incr(name))
    if used == 1:
        _redis(address).expire(name, 2 * WINDOW_SECONDS)
    return used


@once
def _redis(address: str) -> Any:
    return Redis.from_url(address, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS)


def _counted_here(name: str) -> int:
    cache.add(name, 0, timeout=2 * WINDOW_SECONDS)
    return cache.incr(name)
