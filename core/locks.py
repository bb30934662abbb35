"""Transaction locks, for throughput and for «one at a time»; what must be unique is a constraint, never a lock."""

from __future__ import annotations

from enum import IntEnum

from django.db import connection


class LockSpace(IntEnum):
    """The first half of an advisory lock's key. Never reuse or renumber a value: two releases may run side by side."""

    REFRESH = 1
    CAMPAIGN_PLANNING = 2
    CLOCK = 3
    IDEMPOTENT_CALL = 4
    CAMPAIGN_STATUS = 5
    JOBS = 6
    CALENDAR = 7
    RULE_COUNT = 8
    RULE_STOP = 9
    REFERRERS = 14


EDITING = 2
"""The key of LockSpace.REFRESH under which rules, and what they may name, are changed one after the other: two rules saved
at once could close a circle, and an attribute could go while a rule that reads it comes."""


def lock_for_transaction(space: LockSpace, key: int = 0) -> None:
    """This function will wait until this transaction holds (space, key); the end of the transaction lets go.

    On SQLite every write transaction is already alone (BEGIN IMMEDIATE), so there is nothing to take.
    """
    _demand_transaction()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [int(space), key])


def try_lock_for_transaction(space: LockSpace, key: int = 0) -> bool:
    """This function will take (space, key) when it is free and say whether it did, without waiting."""
    _demand_transaction()
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [int(space), key])
        row = cursor.fetchone()
    return bool(row and row[0])


def share_for_transaction(space: LockSpace, key: int = 0) -> None:
    """This function will hold (space, key) together with others who share it; who wants it alone waits for all of them.

    The queue is fair: who asks to share after somebody began to wait for it alone waits behind them. Row locks (FOR SHARE)
    are not: sharers that follow each other without a gap keep a writer out for ever.
    """
    _demand_transaction()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [int(space), key])


def _demand_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("a transaction lock is taken inside transaction.atomic()")
