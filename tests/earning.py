"""Earning in tests: rules with what they need said, orders taken in as a shop sends them, and what it came to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.registry import checks
from members.ingest.load import ingest_events, ingest_orders
from members.models import EarningRule, Member
from members.services.earning.rules import begin_rule
from members.services.earning.working import earn
from members.services.growth.entries import growth_of
from members.services.points.standing import points_standing
from tests.factories import NOW

DAY = timedelta(days=1)
BEGUN = NOW - 30 * DAY
"""When the rules of tests began."""


def make_rule(now: datetime = BEGUN, **terms: Any) -> EarningRule:
    """This function will begin a rule: one point for each yuan, unless told otherwise."""
    span = {name: terms.pop(name) for name in ("valid_from", "valid_until") if name in terms}
    occasion = terms.get("occasion", "order")
    usual = {"name": "a point a yuan", "currency": "points", "occasion": "order", "amount": 1}
    if occasion == "order":
        usual["per_minor"] = 100
    return begin_rule(terms=usual | terms, now=now, **span)


def order(external_id: str = "o1", now: datetime = NOW, **fields: Any) -> None:
    """This function will take an order of 100 yuan in, paid at `NOW`, and reckon it."""
    write_order(external_id, now=now, **fields)
    earn(now=now)


def write_order(external_id: str = "o1", now: datetime = NOW, **fields: Any) -> None:
    usual = {"external_id": external_id, "member": "m", "placed_at": NOW.isoformat(), "status": "paid"}
    result = ingest_orders([usual | {"total_minor": 10_000} | fields], now=now)
    assert result.rejected == ()


def refund(amount_minor: int, at: datetime = NOW) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "reason": "other", "at": at.isoformat()}


def event(kind: str, external_id: str, at: datetime = NOW, now: datetime = NOW, **fields: Any) -> None:
    """This function will take an event in and reckon it."""
    result = ingest_events([{"id": external_id, "member": "m", "kind": kind, "at": at.isoformat(), **fields}], now=now)
    assert result.rejected == ()
    earn(now=now)


def proved() -> None:
    codes = ("points", "earning")
    assert [sentence for check in checks if check.code.startswith(codes) for sentence in check.rows()] == []


def has(external_id: str = "m", now: datetime = NOW) -> tuple[int, int]:
    """(available, pending) of a member, after the books were proved."""
    proved()
    standing = points_standing(member_id=Member.objects.get(external_id=external_id).pk, now=now)
    return standing.available, standing.pending


def grown(external_id: str = "m") -> int:
    return growth_of(Member.objects.get(external_id=external_id).pk)
