"""The list of churn reasons: what tells each, in which order, and what a shop begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.errors import FieldProblem, InvalidInput
from core.locks import EDITING, LockSpace, lock_for_transaction
from core.queue import enqueue_on_commit
from core.sql import update_rows
from retention.models import ChurnReason, Reason
from retention.selectors.reasons import demand_reasons_askable_together, listed, placed_rule
from retention.selectors.rules import Rulebook, invalid_rule
from rules.errors import RuleErrors

Rule = dict[str, Any]


def _is(field: str, operator: str, value: Any) -> Rule:
    return {"field": field, "operator": operator, "value": value}


def _did(what: str, days: int, **where: Any) -> Rule:
    return {"did": what, "operator": ">=", "times": 1, "within_days": days, **({"where": where} if where else {})}


def _any(*rules: Rule) -> Rule:
    return {"combinator": "or", "rules": [*rules]}


def _all(*rules: Rule) -> Rule:
    return {"combinator": "and", "rules": [*rules]}


YEAR, HALF = 365, 180
"""Days looked back on: who is dormant or lost had the last order, and its trouble, months ago."""

DEFAULTS: Mapping[str, Rule] = {
    Reason.QUALITY: _any(
        _did("refund", YEAR, reason="quality"),
        _did("complaint", HALF, topic=["quality", "质量", "质量问题"]),
        _did("review", HALF, rating={"operator": "<=", "value": 2}),
    ),
    Reason.DESCRIPTION: _any(
        _did("refund", YEAR, reason="description"),
        _did("complaint", HALF, topic=["description", "描述不符", "与描述不符"]),
    ),
    Reason.LOGISTICS: _any(
        _did("refund", YEAR, reason="logistics"),
        _did("complaint", HALF, topic=["logistics", "delivery", "物流", "快递"]),
        _did("order", HALF, delivery_days={"operator": ">", "value": 7}),
    ),
    Reason.SERVICE: _any(
        _did("complaint", HALF),
        _did("service", HALF, response_seconds={"operator": ">", "value": 24 * 3600}),
    ),
    Reason.PRICE: _any(
        _did("refund", YEAR, reason="price"),
        _all(_is("order_count", ">=", 2), _is("coupon_share", ">=", 0.6)),
        _all(_is("order_count", ">=", 2), _is("discount_share", ">=", 0.3)),
    ),
    Reason.FATIGUE: _is("messages_30d", ">=", 8),
    Reason.COMPETITION: _any(
        _is("carts_left_30d", ">=", 1),
        _all(_is("days_since_last_visit", "<=", 30), _is("days_since_last_order", ">", 30)),
    ),
    Reason.NATURAL: {"everyone": True},
}
"""What a shop begins with, in this order: what members said or had trouble with goes before what their habits suggest."""


def default_rows() -> list[dict[str, Any]]:
    """This function will give the list that a shop begins with."""
    return [
        {"reason": str(reason), "position": place, "rule": rule, "active": True}
        for place, (reason, rule) in enumerate(DEFAULTS.items(), start=1)
    ]


def use_defaults(*, now: datetime, by: str = "") -> None:
    """This function will put every rule and the order back to what a shop begins with."""
    with _editing():
        ChurnReason.objects.all().delete()
        ChurnReason.objects.bulk_create(ChurnReason(**row, changed_at=now, changed_by=by) for row in default_rows())


def change_reason(*, reason: str, rule: object, now: datetime, by: str = "") -> ChurnReason:
    """This function will save another rule for a reason; the next refresh follows it.

    Raises InvalidInput with paths for a rule that cannot be asked, reads the reason itself or names a segment that does.
    """
    with _editing():
        row = _line(reason)
        row.rule, row.changed_at, row.changed_by = rule, now, by
        try:
            placed_rule(rule, Rulebook())
            row.save(update_fields=["rule", "changed_at", "changed_by"])
            demand_reasons_askable_together(Rulebook())
        except RuleErrors as errors:
            raise invalid_rule(errors, prefix="rule") from None
    return row


def switch_reason(*, reason: str, active: bool, now: datetime, by: str = "") -> None:
    """This function will pass a line over, or take it into use again."""
    with _editing():
        row = _line(reason)
        row.active, row.changed_at, row.changed_by = active, now, by
        row.save(update_fields=["active", "changed_at", "changed_by"])
        if not active:
            return
        try:
            demand_reasons_askable_together(Rulebook())
        except RuleErrors as errors:
            raise invalid_rule(errors, prefix="rule") from None


def move_reason(*, reason: str, up: bool) -> None:
    """This function will change a line's place with the one before it, or after it; at the end of the list it stays."""
    with _editing():
        lines = listed()
        place = next((number for number, each in enumerate(lines) if each.reason == reason), None)
        if place is None:
            raise _unknown(reason)
        other = place + (-1 if up else 1)
        if 0 <= other < len(lines):
            lines[place], lines[other] = lines[other], lines[place]
        update_rows(ChurnReason, "pk", ["position"], [(each.pk, number) for number, each in enumerate(lines, start=1)])


@contextmanager
def _editing() -> Iterator[None]:
    """A transaction that changes rules alone, as those of segments are changed; the next refresh hears of it."""
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        yield
        enqueue_on_commit("retention.refresh")


def _line(reason: str) -> ChurnReason:
    row = ChurnReason.objects.filter(reason=reason).first()
    if row is None:
        raise _unknown(reason)
    return row


def _unknown(reason: str) -> InvalidInput:
    message = _("There is no churn reason “%(reason)s” in the list.") % {"reason": reason}
    return InvalidInput(message, problems=[FieldProblem("reason", "unknown", message)])
