"""Rules as people edit them: begun, changed by ending one and beginning the next, ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import DomainError, FieldProblem, InvalidInput
from members.models import EARNING_EVENTS, BehaviourEvent, EarningCurrency, EarningDays, EarningRule, Order, Tier, Waiting
from members.models.earning import ONCE, ORDER
from members.services.calendar import hold_zone, keep_writers_out
from members.services.earning.marks import mark_events, mark_orders

MOST = 10**9
"""Points, money, times and days that a rule may name. Origin: sums of a million of them fit."""

TERMS = (
    "name", "currency", "occasion", "amount", "per_minor", "shop", "category", "payment_method", "tier", "property_name",
    "property_value", "daily_limit", "lifetime_limit", "waiting", "wait_days",
)  # fmt: skip
DAYS_TERMS = ("name", "currency", "factor", "starts_at", "ends_at", "weekday", "month_day")


class RuleRefused(DomainError):
    """What a rule already did does not allow it; nothing was changed."""


def begin_rule(
    *, terms: Mapping[str, Any], now: datetime, valid_from: datetime | None = None, valid_until: datetime | None = None
) -> EarningRule:
    """This function will begin a rule now, or at an instant to come.

    What was bought before was reckoned already, so that no rule begins in the past. Whoever is writing orders or events is
    waited for: what they write from now on is noted for the rule. Raises InvalidInput naming what is wrong.
    """
    begins = now if valid_from is None else valid_from
    _refuse([*problems_of(terms), *_span_problems(begins, valid_until, now)])
    with transaction.atomic():
        hold_zone_alone(now=now)
        rule = EarningRule.objects.create(**_fitting(terms), valid_from=begins, valid_until=valid_until)
        EarningRule.objects.filter(pk=rule.pk).update(line=rule.pk)
        rule.line = rule.pk
        _mark_what_is_there(rule, since=now)
    return rule


def _mark_what_is_there(rule: EarningRule, *, since: datetime) -> None:
    """What came in while this rule was waiting for its turn, or is dated ahead: it may have been reckoned already."""
    if rule.occasion == ORDER:
        mark_orders(Order.objects.filter(placed_at__gte=since).values_list("pk", flat=True))
    else:
        events = BehaviourEvent.objects.filter(occurred_at__gte=since, kind=rule.occasion)
        mark_events(events.values_list("pk", "kind"))


def change_rule(
    *,
    rule_id: int,
    terms: Mapping[str, Any],
    now: datetime,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> EarningRule:
    """This function will change a rule and return the one that now holds.

    A name and an end are written into it. Other terms end it now and begin the next of its line: what was ordered before is
    reckoned by the old ones for ever. A rule that does not hold yet is rewritten, its beginning too; but what it gives, and
    for what, stands on the entries of orders that are dated ahead: there the next one takes its place before it ever held.
    """
    with transaction.atomic():
        hold_zone_alone(now=now)
        rule = EarningRule.objects.select_for_update(of=("self",)).get(pk=rule_id)
        if rule.valid_until is not None and rule.valid_until <= now:
            raise RuleRefused(_("This rule has ended; begin another."), code="ended")
        ahead = rule.valid_from > now
        begins = (valid_from or rule.valid_from) if ahead else now
        _refuse([*problems_of(terms), *_span_problems(begins, valid_until, now)])
        wanted = _fitting(terms)
        same = all(getattr(rule, name) == wanted[name] for name in TERMS if name != "name")
        replaced = any(getattr(rule, name) != wanted[name] for name in ("currency", "occasion"))
        if same or (ahead and not replaced):
            written = {**wanted, "valid_until": valid_until, **({"valid_from": begins} if ahead else {})}
            for name, value in written.items():
                setattr(rule, name, value)
            rule.save()
        else:
            EarningRule.objects.filter(pk=rule.pk).update(valid_until=max(rule.valid_from, now))
            _mark_what_is_there(rule, since=now)
            rule = EarningRule.objects.create(**wanted, valid_from=begins, valid_until=valid_until, line=rule.root)
        _mark_what_is_there(rule, since=now)
    return rule


def end_rule(*, rule_id: int, now: datetime) -> EarningRule:
    """This function will end a rule now; what was ordered or done until now still earns, what is dated ahead does not. One
    that has ended stays so."""
    with transaction.atomic():
        hold_zone_alone(now=now)
        rule = EarningRule.objects.select_for_update(of=("self",)).get(pk=rule_id)
        if rule.valid_until is None or rule.valid_until > now:
            rule.valid_until = max(rule.valid_from, now)
            rule.save(update_fields=["valid_until"])
            _mark_what_is_there(rule, since=now)
    return rule


def save_days(*, days_id: int | None, terms: Mapping[str, Any]) -> EarningDays:
    """This function will write multiplied days. They hold for what is reckoned from now on; what was reckoned stays so."""
    _refuse(days_problems(terms))
    values = {name: terms[name] for name in DAYS_TERMS}
    if days_id is None:
        return EarningDays.objects.create(**values)
    EarningDays.objects.filter(pk=days_id).update(**values)
    return EarningDays.objects.get(pk=days_id)


def hold_zone_alone(*, now: datetime) -> None:
    """This function will wait for everybody who writes orders and events and keep others out until the transaction ends."""
    keep_writers_out()
    hold_zone(now=now)


def rules_of_tier(slug: str, *, now: datetime) -> list[EarningRule]:
    """This function will list the rules that hold, or will, for members of a tier."""
    return list(EarningRule.objects.in_state("standing", now=now).filter(tier=slug).order_by("name", "pk"))


# --- What is wrong


def problems_of(terms: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """This function will yield what is wrong with a rule's terms; paths are their names."""
    yield from _named(terms)
    yield from _number(terms, "amount", _("At least one."))
    if terms["occasion"] == ORDER:
        if terms.get("per_minor") is None:
            yield FieldProblem("per_minor", "required", _("Say for how much money: without a rate a rule gives nothing."))
        else:
            yield from _number(terms, "per_minor", _("An amount above zero: for nothing everything would be given."))
    elif terms["occasion"] not in ONCE:
        for name in ("daily_limit", "lifetime_limit"):
            if terms.get(name) is not None:
                yield from _number(terms, name, _("At least once; leave it empty for no limit."))
        if terms.get("property_value") and not terms.get("property_name"):
            yield FieldProblem("property_name", "required", _("Name the property that has this value."))
    if terms.get("tier") and not Tier.objects.in_force().filter(slug=terms["tier"]).exists():
        yield FieldProblem("tier", "unknown", _("There is no such tier now: for its members nothing would be given."))
    yield from _waiting_problems(terms)


def _named(terms: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if not str(terms.get("name") or "").strip():
        yield FieldProblem("name", "required", _("Give it a name: it stands on every entry it makes."))


def _number(terms: Mapping[str, Any], name: str, least: str) -> Iterator[FieldProblem]:
    value = terms.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        yield FieldProblem(name, "wrong_type", _("A whole number."))
    elif value < 1:
        yield FieldProblem(name, "not_positive", least)
    elif value > MOST:
        yield FieldProblem(name, "too_large", _("At most a thousand million."))


def _waiting_problems(terms: Mapping[str, Any]) -> Iterator[FieldProblem]:
    waiting = terms.get("waiting") or Waiting.NONE
    if waiting == Waiting.DAYS and not terms.get("wait_days"):
        yield FieldProblem("wait_days", "required", _("Say how many days."))
    elif waiting == Waiting.DAYS and not 1 <= terms["wait_days"] <= 3_650:
        yield FieldProblem("wait_days", "out_of_range", _("A whole number of days from 1 to 3,650."))
    if waiting == Waiting.COMPLETED and terms["occasion"] != ORDER:
        yield FieldProblem("waiting", "no_order", _("Only what an order earns can wait for the order."))
    if waiting != Waiting.NONE and terms["currency"] == EarningCurrency.GROWTH:
        yield FieldProblem("waiting", "growth_never_waits", _("Growth counts at once; only points can wait."))


def _span_problems(begins: datetime, ends: datetime | None, now: datetime) -> Iterator[FieldProblem]:
    if begins < now:
        message = _("A rule begins now or later: what was bought before has been reckoned.")
        yield FieldProblem("valid_from", "in_the_past", message)
    if ends is not None and ends <= begins:
        yield FieldProblem("valid_until", "too_early", _("A rule ends after it begins."))


def days_problems(terms: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """This function will yield what is wrong with multiplied days."""
    yield from _named(terms)
    if not 1 < terms["factor"] <= 99:
        yield FieldProblem("factor", "out_of_range", _("More than 1, at most 99: 2 doubles what is earned."))
    if terms.get("ends_at") is not None and terms["ends_at"] <= terms["starts_at"]:
        yield FieldProblem("ends_at", "too_early", _("They end after they begin."))
    if terms.get("weekday") is not None and terms.get("month_day") is not None:
        yield FieldProblem("month_day", "two_kinds", _("A weekday or a day of the month, not both."))
    if terms.get("month_day") is not None and not 1 <= terms["month_day"] <= 31:
        yield FieldProblem("month_day", "out_of_range", _("A day from 1 to 31."))


def _refuse(problems: Iterator[FieldProblem] | list[FieldProblem]) -> None:
    found = list(problems)
    if found:
        raise InvalidInput(found[0].message, problems=found)


def _fitting(terms: Mapping[str, Any]) -> dict[str, Any]:
    """The terms with what another kind of occasion would have asked for left out."""
    occasion = terms["occasion"]
    empty: dict[str, Any] = {
        "per_minor": None, "shop": None, "category": "", "payment_method": "", "tier": "", "property_name": "",
        "property_value": "", "daily_limit": None, "lifetime_limit": None, "wait_days": None,
    }  # fmt: skip
    values = {name: terms.get(name, empty.get(name)) for name in TERMS}
    values["waiting"] = terms.get("waiting") or Waiting.NONE
    unasked = [] if occasion == ORDER else ["per_minor", "shop", "category", "payment_method"]
    if occasion not in [kind.value for kind in EARNING_EVENTS]:
        unasked += ["property_name", "property_value", "daily_limit", "lifetime_limit"]
    if values["waiting"] != Waiting.DAYS:
        unasked.append("wait_days")
    return values | {name: empty[name] for name in unasked}
