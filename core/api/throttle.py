"""How often a key may call: its own limit a minute, counted atomically in the cache that all processes share."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.models import ApiKey

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60


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
    try:
        cache.add(name, 0, timeout=2 * WINDOW_SECONDS)
        return cache.incr(name)
    except (RedisError, ValueError):
        logger.warning("throttle.uncounted api_key__id=%s: the cache did not answer", api_key_id)
        return 0
