"""What members do, and what comes by itself: each thing earns once by a rule, within the rule's limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum

from core.sql import find_rows, insert_rows
from members.models import (
    BehaviourEvent,
    EarnedEvent,
    EarningCurrency,
    EarningRule,
    GrowthEntry,
    LedgerEntry,
    Member,
    Waiting,
)
from members.models.earning import PROFILE
from members.services.earning.circumstances import now_holding
from members.services.earning.terms import Circumstances, in_force
from members.services.growth.entries import Growth, grow_batch
from members.services.points.awarding import Award, award_batch
from members.services.points.book import held_accounts
from members.services.points.refusals import OURS
from members.services.points.reversing import reverse_part

COLUMNS = ("member_id", "line", "occurrence", "rule", "event_id", "day", "entry_id")


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that a member did, or that came: what rules ask of it, and the name under which it earns once."""

    member_id: int
    occasion: str
    occurrence: str
    at: datetime
    day: int
    event_id: int | None = None
    properties: Mapping[str, Any] | None = None


def settle_events(event_ids: Collection[int], *, now: datetime) -> tuple[int, int]:
    """This function will give what events earned and take back what events that are gone had earned; how many of each."""
    events = BehaviourEvent.objects.filter(pk__in=event_ids).order_by("occurred_at", "pk")
    rows = events.values_list("pk", "member_id", "kind", "occurred_at", "day", "properties")
    done = [
        Done(member_id, kind, f"event:{pk}", at, day, event_id=pk, properties=properties)
        for pk, member_id, kind, at, day, properties in rows
    ]
    gone = set(event_ids) - {each.event_id for each in done}
    return reward(done, now=now), _take_back(gone, now)


def settle_profiles(member_ids: Collection[int], *, now: datetime, day: int) -> int:
    """This function will thank members whose profile is complete by now, each once."""
    complete = complete_profiles().filter(pk__in=member_ids).values_list("pk", flat=True)
    return reward([Done(pk, PROFILE, PROFILE, now, day) for pk in complete], now=now)


def complete_profiles() -> Any:
    """This function will select members of whom name, gender, birthday, city and a phone or an e-mail address are known."""
    told = Member.objects.filter(birth_key__isnull=False).exclude(Q(name="") | Q(gender="") | Q(city=""))
    return told.exclude(phone="", email="")


def reward(done: Sequence[Done], *, now: datetime) -> int:
    """This function will give what things earn by the rules in force at their moment, inside the caller's transaction, and
    return how many times something was given.

    1. lock the accounts of the members: whoever counts their limits waits;
    2. leave out what earned already, and what a limit stops, in the order in which things happened;
    3. give, and note each thing.
    """
    rules = list(EarningRule.objects.filter(occasion__in={each.occasion for each in done}))
    possible = [(each, rule) for each in done for rule in _rules_for(each, rules)]
    if not possible:
        return 0
    held_accounts({each.member_id for each, _rule in possible})
    under = now_holding([(place, each.member_id, each.at) for place, (each, _rule) in enumerate(possible)])
    limits = _Limits.of(possible)
    given = [
        (each, rule, under[place])
        for place, (each, rule) in enumerate(possible)
        if rule.tier in ("", under[place].tier) and limits.let(each, rule)
    ]
    return _give(given, now)


def _rules_for(done: Done, rules: Iterable[EarningRule]) -> list[EarningRule]:
    return [rule for rule in in_force(rules, done.at) if rule.occasion == done.occasion and _says(done, rule)]


def _says(done: Done, rule: EarningRule) -> bool:
    if not rule.property_name:
        return True
    value = (done.properties or {}).get(rule.property_name)
    said = ("true" if value else "false") if isinstance(value, bool) else str(value if value is not None else "")
    return said == rule.property_value


# --- Limits


@dataclass(slots=True)
class _Limits:
    """How often each member earned by each line, at all and by day, and which things earned already."""

    at_all: Counter[tuple[int, int]]
    by_day: Counter[tuple[int, int, int]]
    known: set[tuple[int, int, str]]

    @classmethod
    def of(cls, possible: Collection[tuple[Done, EarningRule]]) -> _Limits:
        things = {(each.member_id, rule.root, each.occurrence) for each, rule in possible}
        key = ["member_id", "line", "occurrence"]
        known = find_rows(EarnedEvent, key, sorted(things), returning=key)
        bounded = {rule.root for _each, rule in possible if rule.daily_limit or rule.lifetime_limit}
        members = {each.member_id for each, rule in possible if rule.root in bounded}
        rows = EarnedEvent.objects.filter(member_id__in=members, line__in=bounded).values_list("member_id", "line", "day")
        at_all: Counter[tuple[int, int]] = Counter()
        by_day: Counter[tuple[int, int, int]] = Counter()
        for member_id, line, day in rows:
            at_all[member_id, line] += 1
            by_day[member_id, line, day] += 1
        return cls(at_all, by_day, {(member_id, line, occurrence) for member_id, line, occurrence in known})

    def let(self, done: Done, rule: EarningRule) -> bool:
        """This function will say whether a thing earns, and count it if so."""
        member_id, line = done.member_id, rule.root
        if (member_id, line, done.occurrence) in self.known:
            return False
        if rule.lifetime_limit is not None and self.at_all[member_id, line] >= rule.lifetime_limit:
            return False
        if rule.daily_limit is not None and self.by_day[member_id, line, done.day] >= rule.daily_limit:
            return False
        self.known.add((member_id, line, done.occurrence))
        self.at_all[member_id, line] += 1
        self.by_day[member_id, line, done.day] += 1
        return True


# --- Giving and taking back


def _give(given: Sequence[tuple[Done, EarningRule, Circumstances]], now: datetime) -> int:
    awards: list[Award] = []
    growths: list[Growth] = []
    for done, rule, under in given:
        amount = int(rule.amount * under.factor(rule.currency))
        if amount < 1:
            continue
        reference = _reference(done, rule)
        if rule.currency == EarningCurrency.GROWTH:
            growths.append(Growth(done.member_id, amount, reference, done.at, rule.name, rule_id=rule.pk))
        else:
            releases_at = _releases_at(done, rule, now)
            awards.append(Award(done.member_id, amount, reference, rule.name, releases_at=releases_at, rule_id=rule.pk))
    made = {**award_batch(awards=awards, now=now), **grow_batch(growths=growths, now=now)}
    rows = []
    for done, rule, _under in given:
        entry_id = made.get((done.member_id, _reference(done, rule)))
        if entry_id is not None:
            thing = (done.member_id, rule.root, done.occurrence)
            rows.append((*thing, rule.pk, done.event_id, done.day, entry_id))
    insert_rows(EarnedEvent, COLUMNS, rows)
    return len(rows)


def _reference(done: Done, rule: EarningRule) -> str:
    return f"{OURS}earned:{rule.root}:{done.occurrence}"


def _releases_at(done: Done, rule: EarningRule, now: datetime) -> datetime | None:
    if rule.waiting != Waiting.DAYS:
        return None
    due = done.at + timedelta(days=rule.wait_days or 0)
    return due if due > now else None


def _take_back(event_ids: Collection[int], now: datetime) -> int:
    """What events that are gone earned, as the points policy lets a refund take; the limits forget them."""
    members = set(EarnedEvent.objects.filter(event_id__in=event_ids).values_list("member_id", flat=True))
    members -= Member.everybody.erased_among(members)
    if not members:
        return 0
    held_accounts(members)
    earned = EarnedEvent.objects.filter(event_id__in=event_ids, member_id__in=members)
    rows = list(earned.select_related("rule").order_by("pk"))
    growths = []
    for row in rows:  # one by one: from which lots each is taken differs, and only an undone import removes events
        reference = f"{OURS}unearned:{row.pk}"
        if row.rule.currency == EarningCurrency.GROWTH:
            grown = GrowthEntry.objects.get(pk=row.entry_id)
            growths.append(
                Growth(row.member_id, -grown.value, reference, grown.counts_at, row.rule.name, rule_id=row.rule_id)
            )
        else:
            entry = LedgerEntry.objects.annotate(undone=Sum("reversals__points")).get(pk=row.entry_id)
            left = entry.points - (entry.undone or 0)
            if left:
                reverse_part(member_id=row.member_id, entry_id=entry.pk, points=left, reference=reference, now=now)
    grow_batch(growths=growths, now=now)
    EarnedEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)
