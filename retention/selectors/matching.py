"""Whom a rule means: counted, listed, explained, always by the one compile path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Window
from django.db.models.lookups import Exact

from members.models import Member
from retention.models import MemberFacts
from retention.scored import Scope, Scored, current_parameters
from retention.selectors.reasons import reads_reason, rows_asked
from retention.selectors.rules import Rulebook, condition, demand_askable_together, readable, writer
from retention.selectors.state import Asked, asked_at
from rules.compile import compile_flag, compile_leaves, compile_values
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
    """This function will count whom a rule means, as of the last refresh or later.

    Everybody is looked at once: the first members come with their count, and only theirs are the numbers looked up.
    """
    meant = _meant(rule=rule, as_of=as_of).annotate(meant=Window(Count("*"))).order_by("member_id")
    first = list(meant.values_list("member_id", "meant")[: max(sample, 1)])
    count, everybody = first[0][1] if first else 0, MemberFacts.objects.count()
    ids = [member_id for member_id, _meant_in_all in first][:sample]
    members = Member.objects.filter(pk__in=ids).order_by("pk").values_list("external_id", flat=True)
    rulebook = Rulebook()
    return Preview(
        count=count,
        share=count / everybody if everybody else 0.0,
        sample=tuple(members),
        sentence=writer(rulebook).sentence(readable(rule, prefix="rule", rulebook=rulebook)[0]),
    )


def explain(*, rule: Rule, member_id: int, as_of: datetime | None = None) -> Explanation | None:
    """This function will answer why (not) this member: each condition with its value. None for a member without facts."""
    rulebook = Rulebook()
    placed = readable(rule, prefix="rule", rulebook=rulebook)[1]
    asked = asked_at(as_of)
    if asked is None:
        return None
    given: dict[str, Any] = {"as_of_day": asked.day, "as_of": asked.instant, "scope": member_id}
    answers = compile_leaves(placed, rulebook.catalogue, **given)
    values = compile_values(placed, rulebook.catalogue, **given)
    # Paths are no names of columns.
    columns = {f"answer_{number}": answer for number, answer in enumerate(answers.values())}
    columns |= {f"value_{number}": value for number, value in enumerate(values.values())}
    rows = rows_asked(
        rulebook=rulebook,
        parameters=current_parameters(),
        day=asked.day,
        as_of=asked.instant,
        scope=member_id,
        with_reason=reads_reason(placed),
    )
    row = rows.annotate(**columns).values(*columns).first()
    if row is None:
        return None
    return explanation(
        placed,
        writer(rulebook),
        results={path: row[f"answer_{number}"] for number, path in enumerate(answers)},
        values={path: row[f"value_{number}"] for number, path in enumerate(values)},
    )


def _meant(
    *, rule: Rule, as_of: datetime | None, exclusion: Rule | None = None, member_ids: Scope = None
) -> QuerySet[Scored, Scored]:
    asked = asked_at(as_of) or Asked(0, None)  # before the first refresh nobody has facts, and a bad rule is bad already
    rulebook = Rulebook()
    given: dict[str, Any] = {"day": asked.day, "as_of": asked.instant, "scope": member_ids, "rulebook": rulebook}
    demand_askable_together(rule, exclusion, prefix="exclusion", rulebook=rulebook)
    met = condition(rule, **given)
    excluded = None if exclusion is None else compile_flag(condition(exclusion, prefix="exclusion", **given))
    asks_reason = any(reads_reason(readable(each, rulebook=rulebook)[1]) for each in (rule, exclusion) if each is not None)
    meant = rows_asked(parameters=current_parameters(), with_reason=asks_reason, **given).filter(met)
    return meant if excluded is None else meant.filter(Q(Exact(excluded, 0)))
