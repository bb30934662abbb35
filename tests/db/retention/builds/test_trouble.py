from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F, Q, Value
from django.db.models.lookups import GreaterThan

from members.models import AttributeDefinition, Member
from retention.models import (
    BuildAnswer,
    Segment,
    SegmentBuild,
    SegmentVersion,
)
from retention.models.failures import failure
from retention.selectors.rules import Rulebook
from retention.services import filling
from retention.services.filling import finish_builds
from retention.services.refresh import refresh, refresh_due
from tests.campaign_factories import EVERYONE
from tests.db.retention.builds.given import TOMORROW, ids, inside, make_segment, states
from tests.factories import BUYERS, NOW, make_order

pytestmark = pytest.mark.django_db


class TestALease:
    def test_that_ran_out_is_taken_over_where_the_dead_worker_stopped(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        dead = filling._Worker(NOW)
        (build,) = dead.claim()
        assert build.scanned == 2
        assert finish_builds(now=NOW + timedelta(seconds=30)).counts == {}
        done = finish_builds(now=NOW + timedelta(seconds=91))
        assert (done.counts["segments_filled"], inside("buyers")) == (1, ids(members[::2]))
        assert SegmentBuild.objects.get().scanned == 7

    def test_that_ran_out_lets_its_holder_write_nothing_more(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        slow, quick = filling._Worker(NOW), filling._Worker(NOW + timedelta(minutes=2))
        stale = list(slow.claim())
        assert len(quick.claim()) == 1
        answers = BuildAnswer.objects.count()
        slow.step(stale)
        assert (SegmentBuild.objects.get().scanned, BuildAnswer.objects.count()) == (2, answers)
        assert slow.claim() == []

    def test_given_at_another_time_on_the_clock_holds_nobody_up(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        filling._Worker(NOW + timedelta(days=3_000)).claim()
        assert finish_builds(now=NOW).counts["segments_filled"] == 1

    def test_of_workers_that_keep_dying_ends_in_a_failure(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        for minutes in (0, 2, 4):
            filling._Worker(NOW + timedelta(minutes=minutes)).claim()
        assert filling._Worker(NOW + timedelta(minutes=6)).claim() == []
        assert (states(), Segment.objects.get().error) == (["failed"], "The work on it broke off 3 times.")
        one_chunk()
        assert refresh(as_of=NOW).kind == "nothing"
        refresh(as_of=TOMORROW)
        assert (Segment.objects.get().error, inside("buyers")) == ("", ids(members[::2]))


class TestTrouble:
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The rule of «broken» divides by zero, as no rule that was checked can."""
        real = Rulebook.condition_of

        def condition_of(rulebook: Rulebook, slug: str, **given: Any) -> Q:
            if slug == "broken":
                return Q(GreaterThan(Value(1) / F("order_count"), 0))
            return real(rulebook, slug, **given)

        monkeypatch.setattr(Rulebook, "condition_of", condition_of)

    @pytest.mark.postgresql
    def test_of_one_stops_no_other(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        make_segment("broken", EVERYONE)
        make_segment("buyers", BUYERS)
        self.broken(monkeypatch)
        report = refresh(as_of=NOW)
        assert (report.counts["segments_failed"], report.counts["segments_filled"]) == (1, 1)
        assert (inside("buyers"), inside("broken")) == (ids(members[::2]), set())
        assert Segment.objects.get(slug="broken").error.startswith("The database could not answer its rule (DataError")

    @pytest.mark.postgresql
    def test_is_not_asked_for_again_until_something_turns(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_segment("broken", EVERYONE)
        with monkeypatch.context() as patched:
            self.broken(patched)
            refresh(as_of=NOW)
            make_order(members[1])
            refresh(as_of=NOW)
            assert states() == ["failed"]
        refresh(as_of=TOMORROW)
        assert (states(), inside("broken")) == (["failed", "done"], ids(members))

    def test_that_is_tried_again_goes_on_at_the_next_refresh(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        Segment.objects.update(failure=failure("died", times=3), rule_key=SegmentBuild.objects.get().rule_key)
        SegmentBuild.objects.all().delete()
        refresh(as_of=TOMORROW)
        make_order(members[1], placed_at=NOW)
        one_chunk()
        refresh(as_of=TOMORROW)
        assert (states(), inside("buyers")) == (["done"], ids([members[1], *members[::2]]))

    def test_of_a_rule_that_can_no_longer_be_read_is_said_in_the_readers_language(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("gone", BUYERS)
        refresh(as_of=NOW)
        SegmentVersion.objects.update(rule={"field": "gone", "operator": "=", "value": 1})
        one_chunk()
        refresh(as_of=NOW)
        segment = Segment.objects.get()
        assert segment.failure is not None
        assert segment.failure["code"] == "rule"
        assert "gone" in segment.error

    def test_that_may_pass_is_tried_again_with_fewer_members(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_segment("buyers", BUYERS)
        real, failures = filling.find_changes, [OperationalError("canceling statement due to statement timeout")] * 2

        def find_changes(*given: Any) -> int:
            if failures:
                raise failures.pop()
            return real(*given)

        monkeypatch.setattr(filling, "find_changes", find_changes)
        refresh(as_of=NOW)
        assert (SegmentBuild.objects.get().chunk, inside("buyers")) == (1, ids(members[::2]))

    def test_that_does_not_pass_ends_in_a_sentence(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        make_segment("slow", BUYERS)

        def find_changes(*_given: Any) -> int:
            raise OperationalError("canceling statement due to statement timeout")

        monkeypatch.setattr(filling, "find_changes", find_changes)
        refresh(as_of=NOW)
        assert Segment.objects.get().error == "Its rule took longer than 60 seconds for 1 members."


class TestTheClocksRefresh:
    def test_goes_on_with_what_there_was_no_time_for(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        make_segment("buyers", BUYERS)
        with monkeypatch.context() as patched:
            patched.setattr("retention.services.refresh.BUILD_SECONDS", 0)
            refresh_due(now=NOW)
            assert (states(), inside("buyers")) == (["waiting"], set())
        assert refresh_due(now=NOW)["segments_filled"] == 1
        assert inside("buyers") == ids(members[::2])


class TestAnAttribute:
    def test_read_by_another_type_has_its_segments_filled_anew(self, members: list[Member]) -> None:
        AttributeDefinition.objects.create(name="grade", type="text", created_at=NOW)
        AttributeDefinition.objects.create(name="other", type="text", created_at=NOW)
        Member.objects.filter(pk=members[0].pk).update(attributes={"grade": "7", "other": "7"})
        Member.objects.filter(pk=members[1].pk).update(attributes={"grade": 7, "other": 7})
        for name in ("grade", "other"):
            make_segment(name, {"field": f"attributes.{name}", "operator": "is_not_null"})
        refresh(as_of=NOW, full=True)
        assert (inside("grade"), inside("other")) == ({members[0].pk}, {members[0].pk})
        AttributeDefinition.objects.filter(name="grade").update(type="number")
        refresh(as_of=NOW)
        assert (inside("grade"), inside("other")) == ({members[1].pk}, {members[0].pk})
        assert list(SegmentBuild.objects.values_list("segment__slug", flat=True)) == ["grade"]
