"""Stored answers of unsafe calls that carried an Idempotency-Key: a repeat gets the first answer and does nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.locks import LockSpace, try_lock_for_transaction
from core.models import ApiKey, IdempotencyRecord

KEPT_FOR = timedelta(hours=48)
"""How long an answer is kept. Origin: a client that retries gives up within a day; the second one is reserve."""


class KeyReused(DomainError):
    """The same Idempotency-Key came with another request: answering the first one would be a lie."""

    code = "idempotency_key_reused"
    status = 422


class CallUnderWay(DomainError):
    """The first call with this key still runs; its answer is a moment away."""

    code = "idempotent_call_under_way"
    retryable = True


def stored_answer(*, api_key: ApiKey, key: str, request_hash: str) -> IdempotencyRecord | None:
    """This function will hold the key until the transaction ends, and return the answer a first call left.

    1. Take a transaction lock on the key, so that of two calls at once one runs. Busy: CallUnderWay.
    2. Find the answer. One that belongs to another request: KeyReused.

    The caller does the work and stores its answer in the same transaction; if the process dies, neither happened.
    """
    if not try_lock_for_transaction(LockSpace.IDEMPOTENT_CALL, _lock_number(api_key, key)):
        raise CallUnderWay(_("A call with this Idempotency-Key is still running. Try again in a moment."))
    record = IdempotencyRecord.objects.filter(api_key=api_key, key=key).first()
    if record is not None and record.request_hash != request_hash:
        raise KeyReused(_("This Idempotency-Key was used for another request. Use a new key for each request."))
    return record


def store_answer(
    *, api_key: ApiKey, key: str, request_hash: str, status: int, content_type: str, body: str, now: datetime
) -> None:
    """This function will keep an answer beside what the call did; it refuses to run outside the call's transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an answer is stored in the transaction of the call it belongs to")
    IdempotencyRecord.objects.create(
        api_key=api_key,
        key=key,
        request_hash=request_hash,
        status=status,
        content_type=content_type,
        body=body,
        created_at=now,
    )


def forget_answers(*, now: datetime) -> Mapping[str, int]:
    """This function will remove the answers nobody asks for any more; their keys are free again."""
    forgotten, _by_model = IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    return {"forgotten": forgotten}


def _lock_number(api_key: ApiKey, key: str) -> int:
    """A signed 32-bit number, as advisory locks take them. Two keys that share one only ever wait for each other."""
    digest = hashlib.sha256(f"{api_key.pk}\0{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True)
