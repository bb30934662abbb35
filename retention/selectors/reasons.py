"""Why members leave: the ordered rules as one more layer of what rules read, and the evidence for one member.

A survey's answer goes before every rule when it was given on the day of the member's last order or since: it speaks of this
silence, and the member knows better. An answer names a reason in its property `reason`, or as its topic.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When, Window
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, NullIf, RowNumber
from django.db.models.lookups import GreaterThanOrEqual, In
from django.utils.translation import gettext_noop
from django_cte import CTE

from core.conf import shop_zone
from core.periods import start_of
from members.models import BehaviourEvent, EventKind
from retention.fields import CHURN_REASON
from retention.models import ChurnReason, Reason
from retention.scored import Scope, Scored, Told, scored
from retention.scoring.lifecycle import LEAVING
from retention.scoring.parameters import Parameters
from retention.selectors.rules import Rulebook
from rules.ast import Compare, Node, StaticList, at, fields_in, leaves
from rules.compile import OneOf, compile_rule
from rules.errors import RuleErrors, refuse
from rules.segments import MOST_BEHAVIOURS, looks_in


def rows_asked(
    *,
    rulebook: Rulebook,
    parameters: Parameters,
    day: int,
    as_of: datetime | None,
    scope: Scope = None,
    with_reason: bool = False,
    reads: Collection[str] | None = None,
) -> QuerySet[Scored, Scored]:
    """This function will select members as rules see them, with their churn reason where it will be read.

    `reads` names the columns that will be read, as of `scored`.

    Raises RuleErrors where a rule that tells a reason cannot be asked: no reason is then told at all.
    """
    told = told_by(rulebook, day=day, as_of=as_of, scope=scope) if with_reason else None
    return scored(as_of_day=day, parameters=parameters, scope=scope, told=told, reads=reads)


def reads_reason(node: Node | StaticList) -> bool:
    """This function will say whether a rule, with inner segments in place, reads the churn reason."""
    return not isinstance(node, StaticList) and CHURN_REASON in fields_in(node)


def told_by(rulebook: Rulebook, *, day: int, as_of: datetime | None, scope: Scope) -> Told:
    """This function will say how the reason is told from what members did up to `as_of`, or the day's end."""
    answers = CTE(_latest_answers(day=day, as_of=as_of, scope=scope), name="answered")
    since_last_order = Q(GreaterThanOrEqual(answers.col.answered_day, F("last_order_day")))
    given: dict[str, Any] = {"as_of_day": day, "as_of": as_of, "scope": scope}
    whens = [
        When(~Q(In(F("lifecycle_stage"), [stage.value for stage in LEAVING])), then=None),
        When(since_last_order, then=answers.col.answer),
        *(
            When(compile_rule(rule, rulebook.catalogue, **given), then=Value(reason))
            for reason, rule in rules_of_reasons(rulebook)
        ),
    ]
    return Told(answers, Case(*whens, default=None, output_field=CharField(null=True)))


def listed() -> list[ChurnReason]:
    """This function will list the reasons in their order."""
    return list(ChurnReason.objects.order_by("position", "pk"))


def rules_of_reasons(rulebook: Rulebook) -> list[tuple[str, Node]]:
    """This function will read the rules in use, inner segments in place; raises RuleErrors for one that cannot be asked."""
    return [(each.reason, placed_rule(each.rule, rulebook)) for each in listed() if each.active]


def demand_reasons_askable_together(rulebook: Rulebook) -> None:
    """This function will raise RuleErrors for rules in use that are too much together: they are one question, with as many
    looks at what members did as a rule may have. One that cannot be read says so itself, and counts nothing here."""
    looks: set[tuple[object, ...]] = set()
    for each in listed():
        with suppress(RuleErrors):
            looks |= looks_in(placed_rule(each.rule, rulebook)) if each.active else set()
    if len(looks) > MOST_BEHAVIOURS:
        message = gettext_noop("Together the reasons ask more than %(most)d different things of what members did.")
        raise refuse("", "too_many_behaviours", message, most=MOST_BEHAVIOURS)


def placed_rule(document: object, rulebook: Rulebook) -> Node:
    """This function will read a rule that may tell a reason: it reads no reason, nor does a segment that it names."""
    placed = rulebook.placed(rulebook.read(document))
    circle = next((leaf for leaf in leaves(placed) if isinstance(leaf, Compare) and leaf.field == CHURN_REASON), None)
    if circle is None:
        return placed
    segment, inside, _rest = circle.path.partition("in_segment")
    if inside:
        message = gettext_noop("A rule that tells the churn reason cannot name a segment that reads it.")
        raise refuse(f"{segment}{inside}", "reason_circle", message)
    message = gettext_noop("A rule that tells the churn reason cannot read it.")
    raise refuse(at(circle.path, "field"), "reason_circle", message)


def _latest_answers(*, day: int, as_of: datetime | None, scope: Scope) -> QuerySet[BehaviourEvent, Any]:
    """The last answer of each member that names a reason: member, answer, day."""
    latest = Window(RowNumber(), partition_by=F("member_id"), order_by=[F("occurred_at").desc(), F("pk").desc()])
    numbered = answers(day=day, as_of=as_of, scope=scope).annotate(number=latest).filter(number=1)
    return numbered.values("member_id", "answer", answered_day=F("day"))


def answers(*, day: int, as_of: datetime | None, scope: Scope) -> QuerySet[BehaviourEvent, Any]:
    """This function will select the survey events up to `as_of`, or the day's end, that name a reason, as their `answer`."""
    until = Q(occurred_at__lt=start_of(day + 1, shop_zone())) if as_of is None else Q(occurred_at__lte=as_of, day__lte=day)
    named = Coalesce(NullIf(KeyTextTransform("reason", "properties"), Value("")), F("topic"), output_field=CharField())
    found = BehaviourEvent.objects.filter(until, kind=EventKind.SURVEY).annotate(answer=named)
    return _of(found.filter(Q(OneOf(F("answer"), Reason.values))), scope)


def _of(rows: QuerySet[BehaviourEvent], scope: Scope) -> QuerySet[BehaviourEvent]:
    match scope:
        case None:
            return rows
        case int():
            return rows.filter(member_id=scope)
        case QuerySet():
            return rows.filter(member_id__in=scope)
        case _:
            return rows.filter(OneOf(F("member_id"), list(scope)))
