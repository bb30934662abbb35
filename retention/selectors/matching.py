"""Whom a rule means: counted, listed, explained, always by the one compile path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact

from retention.fields import CATALOGUE
from retention.models import MemberFacts
from retention.scored import Scope, Scored, current_parameters, scored
from retention.selectors.rules import condition, readable, writer
from retention.selectors.state import day_asked
from rules.ast import fields_in
from rules.compile import compile_flag, compile_leaves
from rules.explain import Explanation
from rules.explain import explain as explanation

Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """How many a rule means, their share of all members, some of their member numbers, the rule in words."""

    count: int
    share: float
    sample: tuple[str, ...]
    sentence: str


def matching(
    *, rule: Rule, as_of: datetime | None = None, exclusion: Rule | None = None, member_ids: Scope = None
) -> QuerySet[Scored, Any]:
    """This function will select the ids of the members whom `rule` means and `exclusion` does not.

    One column, `member_id`: fit for a subquery and for insert_from_select. `member_ids` (ids, or a queryset of them) limits
    who is looked at, and is as fast as they are few. An exclusion that is unknown of a member excludes nobody.
    """
    return _meant(rule=rule, as_of=as_of, exclusion=exclusion, member_ids=member_ids).values("member_id")


def preview(*, rule: Rule, as_of: datetime | None = None, sample: int = 10) -> Preview:
    """This function will count whom a rule means, as of the last refresh or later."""
    meant = _meant(rule=rule, as_of=as_of)
    count, everybody = meant.count(), MemberFacts.objects.count()
    members = meant.order_by("member_id").values_list("external_id", flat=True)[:sample] if count else ()
    return Preview(
        count=count,
        share=count / everybody if everybody else 0.0,
        sample=tuple(members),
        sentence=writer().sentence(readable(rule, prefix="rule")[0]),
    )


def explain(*, rule: Rule, member_id: int, as_of: datetime | None = None) -> Explanation | None:
    """This function will answer why (not) this member: each condition with its value. None for a member without facts."""
    _as_given, placed = readable(rule, prefix="rule")
    day = day_asked(as_of)
    if day is None:
        return None
    answers = compile_leaves(placed, CATALOGUE, as_of_day=day)
    # Paths are no names of columns.
    columns = {f"answer_{number}": answer for number, answer in enumerate(answers.values())}
    read = {CATALOGUE[name].column for name in fields_in(placed)} & {field.name for field in Scored._meta.fields}
    row = (
        scored(as_of_day=day, parameters=current_parameters(), scope=member_id)
        .annotate(**columns)
        .values(*columns, *({"member_id"} | read))
        .first()
    )
    if row is None:
        return None
    results = {path: row[column] for path, column in zip(answers, columns, strict=True)}
    return explanation(placed, writer(), results=results, values=row)


def _meant(
    *, rule: Rule, as_of: datetime | None, exclusion: Rule | None = None, member_ids: Scope = None
) -> QuerySet[Scored, Scored]:
    day = day_asked(as_of) or 0  # before the first refresh nobody has facts, and a bad rule is bad already
    meant = scored(as_of_day=day, parameters=current_parameters(), scope=member_ids).filter(condition(rule, day=day))
    if exclusion is not None:
        excluded = compile_flag(condition(exclusion, day=day, prefix="exclusion"))
        meant = meant.filter(Q(Exact(excluded, 0)))
    return meant
