"""When a member changed: noted by the refresh that takes in what came, and asked for in that order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db import connection

from core.errors import InvalidInput
from members.ingest.load import ingest_members
from members.models import ConsentSource, Member
from retention.models import MemberFacts, RefreshState
from retention.selectors.changes import members_changed
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests.factories import NOW, make_member, make_order
from tests.rest import Caller, caller, paths_of
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def changed(since: datetime, **place: Any) -> list[str]:
    return [member.external_id for member in members_changed(Member.objects.all(), since, **{"most": 100, **place})]


def asked(client: Caller, **query: Any) -> Any:
    return client.get(f"members/?{urlencode(query)}")


def ids_in(answer: Any) -> list[str]:
    return [each["external_id"] for each in answer.json()["results"]]


def noted(member: Member) -> datetime | None:
    return MemberFacts.objects.get(member=member).changed_at


class TestARefresh:
    def test_notes_of_whom_something_came_in_and_of_nobody_else(self) -> None:
        first, second = make_member("first"), make_member("second")
        refresh(as_of=NOW)
        assert (noted(first), noted(second)) == (NOW, NOW)
        make_order(second)
        refresh(as_of=NOW, now=NOW + MINUTE)
        assert (noted(first), noted(second)) == (NOW, NOW + MINUTE)
        refresh(as_of=NOW, now=NOW + 2 * MINUTE, full=True)
        assert (noted(first), noted(second)) == (NOW, NOW + MINUTE)

    @pytest.mark.parametrize("full", [False, True])
    def test_notes_a_profile_that_moves_no_fact(self, full: bool) -> None:
        make_member("quiet"), make_member("moved")
        refresh(as_of=NOW)
        item = {"external_id": "moved", "name": "Anna"}
        ingest_members([item], now=NOW, proof="", source=ConsentSource.API)
        refresh(as_of=NOW, now=NOW + MINUTE, full=full)
        assert changed(NOW) == ["moved"]

    def test_takes_no_day_that_turns_for_a_change(self) -> None:
        member = make_member("m")
        make_order(member, placed_at=NOW - 29 * DAY)
        refresh(as_of=NOW)
        refresh(as_of=NOW + DAY)
        assert MemberFacts.objects.get(member=member).order_count_30d == 0
        fit_models(as_of=NOW + DAY, now=NOW + DAY)
        refresh(as_of=NOW + DAY, now=NOW + DAY + MINUTE)
        assert noted(member) == NOW

    def test_takes_another_tier_for_one(self) -> None:
        put_in_force()
        rich, other = make_member("rich"), make_member("other")
        make_order(rich, total_minor=6_000, placed_at=NOW - 364 * DAY), make_order(other, total_minor=1)
        refresh(as_of=NOW, full=True)
        MemberFacts.objects.update(changed_at=None)
        put_in_force(("ordinary", 0), ("silver", 1_000), ("gold", 7_000), moves_down=True)
        refresh(as_of=NOW, now=NOW + MINUTE)
        assert (noted(rich), noted(other)) == (NOW + MINUTE, None)

    def test_gives_each_its_own_instant_though_its_clock_was_late(self) -> None:
        refresh(as_of=NOW, now=NOW + MINUTE)
        late = make_member("late")
        refresh(as_of=NOW, now=NOW)
        assert noted(late) == NOW + MINUTE + datetime.resolution
        assert changed(NOW + MINUTE) == ["late"]


class TestWhoAsks:
    @pytest.fixture
    def three(self) -> list[datetime]:
        """Three refreshes, the first of three members, of whom one changes again in the last."""
        people = [make_member(name) for name in ("a", "b", "c")]
        refresh(as_of=NOW)
        make_member("d")
        refresh(as_of=NOW, now=NOW + MINUTE)
        make_order(people[0])
        refresh(as_of=NOW, now=NOW + 2 * MINUTE)
        return [NOW, NOW + MINUTE, NOW + 2 * MINUTE]

    def test_gets_what_came_after_an_instant_the_longest_ago_first(self, three: list[datetime]) -> None:
        assert [changed(since) for since in (LONG_AGO, *three)] == [["b", "c", "d", "a"], ["d", "a"], ["a"], []]

    def test_walks_over_rest_page_by_page_both_ways(self, three: list[datetime]) -> None:
        client = caller()
        pages = [asked(client, changed_since="2000-01-01", page_size=1)]
        while following := pages[-1].json()["next"]:
            pages.append(client.get(following))
        assert [ids_in(page) for page in pages] == [["b"], ["c"], ["d"], ["a"]]
        assert ids_in(client.get(pages[-1].json()["previous"])) == ["d"]
        last = pages[-1].json()["results"][0]["changed_at"]
        assert datetime.fromisoformat(last) == three[-1]
        assert ids_in(asked(client, changed_since=last)) == []

    def test_finds_who_changes_while_they_walk_at_the_end(self, three: list[datetime]) -> None:
        client = caller()
        pages = [asked(client, changed_since=LONG_AGO.isoformat(), page_size=2)]
        make_order(Member.objects.get(external_id="c"))
        refresh(as_of=NOW, now=NOW + 3 * MINUTE)
        while following := pages[-1].json()["next"]:
            pages.append(client.get(following))
        assert [ids_in(page) for page in pages] == [["b", "c"], ["d", "a"], ["c"]]

    def test_may_filter_beside_it(self, three: list[datetime]) -> None:
        Member.objects.filter(external_id__in=["b", "d"]).update(city="Wuhan")
        assert ids_in(asked(caller(), changed_since="2000-01-01", city="Wuhan")) == ["b", "d"]

    @pytest.mark.parametrize("query", ["changed_since=yesterday", "changed_since="])
    def test_is_refused_what_is_no_instant(self, query: str, three: list[datetime]) -> None:
        refused = caller().get(f"members/?{query}")
        assert (refused.status_code, paths_of(refused)) == (422, ["changed_since"])

    def test_is_refused_the_cursor_of_another_list(self, three: list[datetime]) -> None:
        following = caller().get("members/?page_size=1").json()["next"]
        refused = caller().get(f"{following}&changed_since=2000-01-01")
        assert (refused.status_code, paths_of(refused)) == (422, ["cursor"])


class TestAShopThatWasThereBeforeChangesWereNoted:
    def test_is_asked_from_then_on_alone(self) -> None:
        make_member("old")
        refresh(as_of=NOW)
        MemberFacts.objects.update(changed_at=None)
        module = import_module("retention.migrations.0012_changes_of_members")
        module.note_from_now(apps, None)
        since = RefreshState.objects.get().changes_from
        assert since is not None
        with pytest.raises(InvalidInput, match="Changes are known from"):
            changed(since - MINUTE)
        assert changed(since) == []
        answer = caller().get("members/").json()["results"]
        assert [(each["external_id"], each["changed_at"]) for each in answer] == [("old", None)]
        refused = asked(caller(), changed_since=(since - MINUTE).isoformat())
        assert (refused.status_code, paths_of(refused)) == (422, ["changed_since"])


@pytest.mark.postgresql
def test_the_order_of_changes_has_an_index() -> None:
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    everybody = Member.objects.filter(facts__changed_at__gt=NOW).order_by("facts__changed_at", "facts__member_id")
    assert "using facts_changed" in everybody[:10].explain()
