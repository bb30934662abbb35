"""How often a key may call: its own limit a minute, counted atomically in the cache that all processes share."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.models import ApiKey
from core.rates import count_call, seconds_left


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
        used = count_call(f"calls:{request.auth.pk}", now)
        rest = seconds_left(now)
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
