"""Facts and scores of a page of members, under the names of the rule language: one statement each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from core.periods import date_of
from retention.fields import CHURN_REASON, SCORE_FIELDS, SHOWN_FACTS
from retention.scored import Scored, current_parameters
from retention.scoring.lifecycle import Stage
from retention.selectors.reasons import rows_asked
from retention.selectors.rules import Rulebook
from retention.selectors.state import Asked, asked_at
from rules.errors import RuleErrors
from rules.fields import Field, FieldType

Sections = Mapping[int, dict[str, Any]]
CHURN_PROBABILITY = "churn_probability"


def facts_rows(
    member_ids: Collection[int], as_of: datetime | None = None, *, only: Collection[str] | None = None
) -> Sections:
    """This function will return what each member's orders add up to, as of the last refresh: all of it, or `only` some.

    Dates are ISO dates, amounts minor units. A member whom no refresh has seen yet has zeros and nothing known.
    """
    return _rows(member_ids, _chosen(SHOWN_FACTS, only), as_of, unseen={})


def scores_rows(
    member_ids: Collection[int], as_of: datetime | None = None, *, only: Collection[str] | None = None
) -> Sections:
    """This function will return each member's scores on `as_of`'s shop day, or the last refresh's: all, or `only` some.

    `churn_calibrated` says whether the churn probability may be read as a percentage, or as a rank alone, and `churn_rank`
    where it stands among all members': low, middle, high. Both are None without one, and come with the probability.
    """
    rows = _rows(member_ids, _chosen(SCORE_FIELDS, only), as_of, unseen={"lifecycle_stage": Stage.NONE.value})
    if only is not None and CHURN_PROBABILITY not in only:
        return rows
    churn = current_parameters().churn
    for row in rows.values():
        known = churn is not None and row[CHURN_PROBABILITY] is not None
        row["churn_calibrated"] = churn.calibrated if churn is not None and known else None
        row["churn_rank"] = churn.rank_of(row[CHURN_PROBABILITY]).value if churn is not None and known else None
    return rows


def _chosen(fields: tuple[Field, ...], only: Collection[str] | None) -> tuple[Field, ...]:
    return fields if only is None else tuple(field for field in fields if field.name in only)


def _rows(
    member_ids: Collection[int], fields: tuple[Field, ...], as_of: datetime | None, *, unseen: dict[str, Any]
) -> Sections:
    ids = list(member_ids)
    asked = asked_at(as_of)
    nothing = {field.name: None if field.nullable else unseen.get(field.name, 0) for field in fields}
    rows = {member_id: dict(nothing) for member_id in ids}
    if asked is None or not ids:
        return rows
    found, read = _scored(fields, asked, ids)
    for row in found.values("member_id", *(field.column for field in read)):
        rows[row["member_id"]] |= {field.name: _shown(field, row[field.column]) for field in read}
    return rows


def _scored(fields: tuple[Field, ...], asked: Asked, ids: list[int]) -> tuple[QuerySet[Scored], list[Field]]:
    """Rows, and what can be read of them: everything but the reason while one of its rules cannot be asked."""
    given: dict[str, Any] = {"parameters": current_parameters(), "day": asked.day, "as_of": asked.instant, "scope": ids}
    given["reads"] = [field.column for field in fields if field.name != CHURN_REASON]
    reads = any(field.name == CHURN_REASON for field in fields)
    try:
        return rows_asked(rulebook=Rulebook(), with_reason=reads, **given), [*fields]
    except RuleErrors:
        rest = [field for field in fields if field.name != CHURN_REASON]
        return rows_asked(rulebook=Rulebook(), **given), rest


def _shown(field: Field, value: Any) -> Any:
    return date_of(value).isoformat() if field.type is FieldType.DATE and value is not None else value
