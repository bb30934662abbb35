"""Forgetting events that are older than the shop's policy: every night, in chunks, without a fact changing in silence.

Facts rest on the latest event of each kind of a member (the last visit, the last message) and on every rating. Those rows
stay, without any text, session or page; everything else that is too old is deleted. So facts counted afterwards from what
is left are the facts counted before, and nothing needs to be kept beside. Rules that ask what a member did without a window,
or in a longer one than events are kept for, count what is left: the policy's page says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.sql import insert_rows
from members.models import BehaviourEvent, DirtyMark, EarnedEvent, EventPolicy
from members.models.event_policy import GROUPS
from members.services.undoing_values import delete_rows

CHUNK = 5_000
"""Events a transaction: short enough that an ingest waits for none of them."""
MOST_COUNTED = 100_000

TEXTS = {"session_id": "", "page": "", "keyword": "", "topic": "", "properties": {}}

Place = tuple[datetime, int]


def events_policy() -> EventPolicy:
    return EventPolicy.objects.filter(pk=1).first() or EventPolicy()


def too_old(policy: EventPolicy, *, now: datetime) -> QuerySet[BehaviourEvent]:
    """This function will select the events that are older than a policy lets them become."""
    old = Q(pk__in=[])
    for name, kinds in GROUPS.items():
        days = getattr(policy, name)
        if days is not None:
            old |= Q(kind__in=kinds, occurred_at__lt=now - timedelta(days=days))
    return BehaviourEvent.objects.filter(old)


def forgettable(events: QuerySet[BehaviourEvent]) -> QuerySet[BehaviourEvent]:
    """This function will keep the events on which no fact rests: unrated, and followed by another of their kind."""
    later = Q(occurred_at__gt=OuterRef("occurred_at")) | Q(occurred_at=OuterRef("occurred_at"), pk__gt=OuterRef("pk"))
    same = BehaviourEvent.objects.filter(member=OuterRef("member"), kind=OuterRef("kind"), day__gte=OuterRef("day"))
    return events.filter(Exists(same.filter(later)), rating__isnull=True)


def count_forgettable(policy: EventPolicy, *, now: datetime) -> tuple[int, bool]:
    """This function will count the events that a policy would delete, and say whether there are more than it counts."""
    found = forgettable(too_old(policy, now=now))[: MOST_COUNTED + 1].count()
    return min(found, MOST_COUNTED), found > MOST_COUNTED


def forget_events(*, now: datetime, chunk: int = CHUNK) -> Mapping[str, int]:
    """This function will delete what is too old and empty what must stay, chunk after chunk, each its own transaction.

    May die anywhere and run twice at once. Members whose events go are marked: rules may count them.
    """
    policy, place = events_policy(), None
    counts = {"deleted": 0, "emptied": 0}
    while True:
        deleted, emptied, place = _forget_some(too_old(policy, now=now), place, chunk)
        counts["deleted"] += deleted
        counts["emptied"] += emptied
        if place is None:
            return {name: count for name, count in counts.items() if count}


def _forget_some(old: QuerySet[BehaviourEvent], place: Place | None, chunk: int) -> tuple[int, int, Place | None]:
    with transaction.atomic():
        if place is not None:
            at, pk = place
            old = old.filter(Q(occurred_at__gt=at) | Q(occurred_at=at, pk__gt=pk), occurred_at__gte=at)
        looked = list(old.order_by("occurred_at", "pk").values_list("occurred_at", "pk")[:chunk])
        among = BehaviourEvent.objects.filter(pk__in=[pk for _at, pk in looked])
        going = list(forgettable(among).order_by("pk").values_list("pk", flat=True))
        concerned = BehaviourEvent.objects.filter(pk__in=going).values_list("member_id", flat=True)
        insert_rows(DirtyMark, ["member_id"], [(member_id,) for member_id in sorted(set(concerned))])
        EarnedEvent.objects.filter(event_id__in=going).update(
            event_id=None
        )  # forgotten, not taken back: what it earned stays
        delete_rows(BehaviourEvent, "id", going)
        emptied = among.exclude(**TEXTS).update(**TEXTS)
        return len(going), emptied, looked[-1] if len(looked) == chunk else None
