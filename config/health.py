"""Is it alive, is it ready: what an orchestrator asks every few seconds, without a key and without side effects."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis
from redis.exceptions import RedisError

from core.conf import has_broker
from core.models import ClockEntry

logger = logging.getLogger(__name__)

BROKER_TIMEOUT_SECONDS = 1.0

Check = Callable[[], Any]


@never_cache
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """This function will answer that the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """This function will answer 200 when requests can be served, else 503 and which part is missing.

    A clock that does not tick is told, not refused: the pages and the API work, campaigns wait.
    """
    parts = {name: _passes(name, check) for name, check in _checks().items()}
    ready = all(parts.values())
    body = {"status": "ok" if ready else "not ready", **parts, "clock_last_started_at": _clock() if ready else None}
    return JsonResponse(body, status=200 if ready else 503)


def _checks() -> dict[str, Check]:
    checks: dict[str, Check] = {"database": _database_answers, "migrations": _migrations_applied}
    if has_broker():
        checks["broker"] = _broker_answers
    return checks


def _passes(name: str, check: Check) -> bool:
    try:
        return bool(check())
    except (DatabaseError, RedisError, OSError) as error:
        logger.warning("readyz.failed check=%s error=%s", name, type(error).__name__)
        return False


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _migrations_applied() -> bool:
    """Asked of the database until it is true once: a process never runs with fewer migrations later."""
    if _up_to_date.is_set():
        return True
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        _up_to_date.set()
    return _up_to_date.is_set()


_up_to_date = Event()


def _broker_answers() -> bool:
    with Redis.from_url(
        settings.REDIS_URL, socket_timeout=BROKER_TIMEOUT_SECONDS, socket_connect_timeout=BROKER_TIMEOUT_SECONDS
    ) as broker:
        return bool(broker.ping())


def _clock() -> str | None:
    last = ClockEntry.objects.aggregate(last=Max("started_at"))["last"]
    return last.isoformat() if last else None
