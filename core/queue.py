"""The doorbell: rows are the queue, a task only says «look now». Without a broker `tick` finds the row by itself."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from core.conf import has_broker

logger = logging.getLogger(__name__)


def enqueue_on_commit(task_name: str, **kwargs: object) -> None:
    """This function will ring for a task after the current transaction commits; a lost ring costs a minute, never a row."""
    if has_broker():
        transaction.on_commit(lambda: _ring(task_name, kwargs))


def ring(task_name: str, *, expires_seconds: float) -> None:
    """This function will ring for a task now; a ring that no worker hears in time is dropped."""
    if has_broker():
        _ring(task_name, {}, expires_seconds)


def _ring(task_name: str, kwargs: dict[str, object], expires_seconds: float | None = None) -> None:
    try:
        current_app.send_task(task_name, kwargs=kwargs, ignore_result=True, expires=expires_seconds)
    except OperationalError:
        logger.warning("doorbell.unheard task=%s: the broker did not answer; the next tick finds the row", task_name)
