"""Facts and scores of a page of members, under the names of the rule language: one statement each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from core.periods import date_of
from retention.fields import SCORE_FIELDS, SHOWN_FACTS
from retention.scored import current_parameters, scored
from retention.scoring.lifecycle import Stage
from retention.selectors.state import day_asked
from rules.fields import Field, FieldType

Sections = Mapping[int, dict[str, Any]]


def facts_rows(member_ids: Collection[int], as_of: datetime | None = None) -> Sections:
    """This function will return what each member's orders add up to, as of the last refresh.

    Dates are ISO dates, amounts minor units. A member whom no refresh has seen yet has zeros and nothing known.
    """
    return _rows(member_ids, SHOWN_FACTS, as_of, unseen={})


def scores_rows(member_ids: Collection[int], as_of: datetime | None = None) -> Sections:
    """This function will return each member's scores on `as_of`'s shop day, or the last refresh's.

    `churn_calibrated` says whether the churn probability may be read as a percentage, or as a rank alone, and `churn_rank`
    where it stands among all members': low, middle, high. Both are None without one.
    """
    rows = _rows(member_ids, SCORE_FIELDS, as_of, unseen={"lifecycle_stage": Stage.NONE.value})
    churn = current_parameters().churn
    for row in rows.values():
        known = churn is not None and row["churn_probability"] is not None
        row["churn_calibrated"] = churn.calibrated if churn is not None and known else None
        row["churn_rank"] = churn.rank_of(row["churn_probability"]).value if churn is not None and known else None
    return rows


def _rows(
    member_ids: Collection[int], fields: tuple[Field, ...], as_of: datetime | None, *, unseen: dict[str, Any]
) -> Sections:
    ids = list(member_ids)
    day = day_asked(as_of)
    nothing = {field.name: None if field.nullable else unseen.get(field.name, 0) for field in fields}
    rows = {member_id: dict(nothing) for member_id in ids}
    if day is None or not ids:
        return rows
    found = scored(as_of_day=day, parameters=current_parameters(), scope=ids)
    for row in found.values("member_id", *(field.column for field in fields)):
        rows[row["member_id"]] = {field.name: _shown(field, row[field.column]) for field in fields}
    return rows


def _shown(field: Field, value: Any) -> Any:
    return date_of(value).isoformat() if field.type is FieldType.DATE and value is not None else value
