"""How often a key may call: its own limit a minute, counted atomically in the cache that all processes share."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import cache as once
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.models import ApiKey

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
PATIENCE_SECONDS = 1
"""For the cache to answer. Origin: counting must never cost more than the call."""


class KeyThrottle(BaseThrottle):
    """Counts calls per clock minute. Without a broker each process counts its own: the embedded product has one.

    A cache that does not answer lets calls through: the limit guards against a runaway client, not against thieves.
    """

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return True
        now = timezone.now()
        limit = request.auth.requests_per_minute
        used = _count_call(request.auth.pk, now)
        rest = _seconds_left(now)
        view.headers.update(
            {
                "RateLimit-Limit": str(limit),
                "RateLimit-Remaining": str(max(0, limit - used)),
                "RateLimit-Reset": str(rest),
            }
        )
        self._wait = rest
        return used <= limit

    def wait(self) -> float | None:
        return self._wait


def _seconds_left(now: datetime) -> int:
    """At least 1: a client told to wait 0 seconds would come back at once."""
    return WINDOW_SECONDS - int(now.timestamp()) % WINDOW_SECONDS


def _count_call(api_key_id: int, now: datetime) -> int:
    name = f"calls:{api_key_id}:{int(now.timestamp()) // WINDOW_SECONDS}"
    kept = settings.CACHES["default"]
    try:
        return _counted_by_redis(kept["LOCATION"], name) if "redis" in kept["BACKEND"] else _counted_here(name)
    except (RedisError, ValueError):
        logger.warning("throttle.uncounted api_key__id=%s: the cache did not answer", api_key_id)
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
