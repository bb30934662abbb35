"""Why one member leaves, and how many leave for which reason: as pages, reports and other systems read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count

from core.periods import date_of
from retention.models import ChurnReason, Reason
from retention.scored import current_parameters
from retention.scoring.lifecycle import LEAVING
from retention.selectors.explaining import plain_value
from retention.selectors.matching import explain
from retention.selectors.reasons import answers, rows_asked
from retention.selectors.rules import Rulebook
from retention.selectors.state import asked_at
from rules.errors import RuleErrors
from rules.explain import Explanation


@dataclass(frozen=True, slots=True)
class Evidence:
    """A member's reason with what tells it: their own answer of a day, or the conditions that held, each with its value."""

    reason: str
    answered_on: date | None
    conditions: tuple[Explanation, ...] = ()

    @property
    def label(self) -> str:
        return str(Reason(self.reason).label)

    def as_json(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "label": self.label,
            "source": "rule" if self.answered_on is None else "survey",
            "answered_on": self.answered_on,
            "conditions": [
                {
                    "sentence": each.sentence,
                    "value": plain_value(each.value),
                    "value_text": each.value_text or None,
                    "threshold": plain_value(each.threshold),
                }
                for each in self.conditions
            ],
        }


def evidence_for(*, member_id: int, as_of: datetime | None = None) -> Evidence | None:
    """This function will say why a member leaves, as of the last refresh or later; None where no reason is told.

    No reason is told of a member who is not at risk, dormant or lost, nor while a rule of the list cannot be asked.
    """
    asked, rulebook = asked_at(as_of), Rulebook()
    if asked is None:
        return None
    about: dict[str, Any] = {"day": asked.day, "as_of": asked.instant, "scope": member_id}
    try:
        rows = rows_asked(rulebook=rulebook, parameters=current_parameters(), with_reason=True, **about)
    except RuleErrors:
        return None
    row = rows.values("churn_reason", "last_order_day").first()
    if row is None or row["churn_reason"] is None:
        return None
    latest = answers(**about).order_by("-occurred_at", "-pk").first()
    if latest is not None and latest.day >= row["last_order_day"]:
        return Evidence(row["churn_reason"], date_of(latest.day))
    rule = ChurnReason.objects.values_list("rule", flat=True).get(reason=row["churn_reason"])
    explained = explain(rule=rule, member_id=member_id, as_of=as_of)
    return Evidence(row["churn_reason"], None, () if explained is None else tuple(_held(explained)))


def counted_by_reason(as_of: datetime | None = None) -> Mapping[str | None, int]:
    """This function will count the members at risk, dormant or lost by their reason, None for those of whom none is told.

    Raises RuleErrors where a rule cannot be asked.
    """
    asked = asked_at(as_of)
    if asked is None:
        return {}
    rows = rows_asked(
        rulebook=Rulebook(), parameters=current_parameters(), day=asked.day, as_of=asked.instant, with_reason=True
    )
    leaving = rows.filter(lifecycle_stage__in=[stage.value for stage in LEAVING])
    return dict(leaving.values_list("churn_reason").annotate(count=Count("member_id")))


def _held(node: Explanation) -> Iterator[Explanation]:
    """The conditions that decided that the rule is true."""
    if not node.children and node.decides:
        yield node
    for child in node.children:
        yield from _held(child)
