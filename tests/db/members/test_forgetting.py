from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from django.db import IntegrityError, transaction

from members.models import BehaviourEvent, DirtyMark, EventPolicy, Member
from members.models.event import EventKind
from members.models.event_policy import GROUPS
from members.services.forgetting import count_forgettable, forget_events
from retention.models import MemberFacts
from retention.services.facts import COLUMNS
from retention.services.refresh import refresh
from tests.factories import NOW, make_event, make_member

pytestmark = pytest.mark.django_db


def ago(days: int) -> dict[str, object]:
    return {"occurred_at": NOW - timedelta(days=days), "session_id": "s", "page": "p", "properties": {"a": 1}}


def keep(**days: int) -> EventPolicy:
    policy, _made = EventPolicy.objects.update_or_create(pk=1, defaults=days)
    return policy


def test_every_kind_is_in_one_group() -> None:
    assert sorted(kind for kinds in GROUPS.values() for kind in kinds) == sorted(EventKind.values)


class TestForgetting:
    def test_deletes_nothing_without_a_policy(self) -> None:
        make_event(make_member(), EventKind.VIEW, **ago(4_000))
        assert forget_events(now=NOW) == {}
        assert BehaviourEvent.objects.get().session_id == "s"

    def test_deletes_what_is_too_old_and_keeps_the_latest_of_each_kind_empty(self) -> None:
        member = make_member()
        for days in (500, 400, 390, 365, 10):
            make_event(member, EventKind.VIEW, **ago(days), external_id=f"view-{days}")
        make_event(member, EventKind.SEARCH, **ago(600), external_id="search", keyword="tea")
        make_event(member, EventKind.COMPLAINT, **ago(600), external_id="complaint")
        DirtyMark.objects.all().delete()
        policy = keep(browsing_days=365)
        assert count_forgettable(policy, now=NOW) == (3, False)
        assert forget_events(now=NOW) == {"deleted": 3, "emptied": 1}
        left = BehaviourEvent.objects.order_by("occurred_at", "pk").values_list("external_id", "session_id", "keyword")
        assert list(left) == [("search", "", ""), ("complaint", "s", ""), ("view-365", "s", ""), ("view-10", "s", "")]
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [member.pk]
        assert forget_events(now=NOW) == {}

    def test_keeps_every_rating_without_its_words(self) -> None:
        member = make_member()
        for days, rating in ((500, 1), (450, 5), (5, 3)):
            make_event(member, EventKind.REVIEW, **ago(days), rating=rating, topic="private")
        keep(spoken_days=90)
        assert forget_events(now=NOW) == {"emptied": 2}
        assert list(BehaviourEvent.objects.order_by("pk").values_list("rating", "topic")) == [
            (1, ""),
            (5, ""),
            (3, "private"),
        ]

    def test_refuses_a_memory_shorter_than_the_facts(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            keep(browsing_days=89)
        assert not EventPolicy.objects.exists()

    @pytest.mark.parametrize("seed", range(5))
    def test_changes_no_fact_whatever_happened_and_however_small_the_chunks(self, seed: int) -> None:
        chance = Random(seed)
        people = [make_member() for _number in range(4)]
        for _number in range(120):
            rating = chance.choice([None, None, None, 1, 3, 5])
            make_event(chance.choice(people), chance.choice(EventKind.values), **ago(chance.randrange(400)), rating=rating)
        refresh(as_of=NOW, full=True)
        before = list(MemberFacts.objects.order_by("pk").values_list("pk", *COLUMNS))
        keep(browsing_days=chance.randrange(90, 200), spoken_days=chance.randrange(90, 200), own_days=90)
        told, _more = count_forgettable(EventPolicy.objects.get(), now=NOW)
        done = forget_events(now=NOW, chunk=7)
        assert done["deleted"] == told > 0
        refresh(as_of=NOW, full=True)
        assert list(MemberFacts.objects.order_by("pk").values_list("pk", *COLUMNS)) == before
        assert Member.objects.count() == 4
