"""Segments that are filled beside the refreshes, because everybody is too many to be asked inside one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F, Q, Value
from django.db.models.lookups import GreaterThan

from core.registry import checks
from members.models import AttributeDefinition, Member
from members.services import identity
from retention.models import (
    BuildAnswer,
    BuildTouched,
    LifecycleBands,
    Membership,
    RefreshRun,
    RefreshState,
    Segment,
    SegmentBuild,
    SegmentVersion,
    Transition,
)
from retention.models.failures import failure
from retention.selectors.rules import Rulebook
from retention.services import builds, filling
from retention.services.filling import finish_builds
from retention.services.refresh import refresh, refresh_due
from retention.services.segments import change_rule, create_segment, delete_segment
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order

pytestmark = pytest.mark.django_db

EVERYONE: dict[str, Any] = {"everyone": True}
BUYERS = {"field": "order_count", "operator": ">=", "value": 1}
QUIET = {"combinator": "and", "not": True, "rules": [BUYERS]}
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _a_large_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three members are many here, and two are a chunk."""
    monkeypatch.setattr(builds, "FEW", 2)
    monkeypatch.setattr(builds, "CHUNK", 2)
    monkeypatch.setattr(filling, "SMALLEST_CHUNK", 1)


@pytest.fixture
def members() -> list[Member]:
    """Seven members whom a refresh knows; every other one has ordered."""
    made = [make_member() for _ in range(7)]
    for member in made[::2]:
        make_order(member)
    refresh(as_of=NOW)
    return made


def make_segment(slug: str, rule: Any) -> Segment:
    return create_segment(slug=slug, name=slug.title(), rule=rule, now=NOW)


def inside(slug: str) -> set[int]:
    return set(Membership.objects.filter(segment__slug=slug).values_list("member_id", flat=True))


def ids(members: list[Member]) -> set[int]:
    return {member.pk for member in members}


def wrong() -> list[str]:
    return [problem for check in checks if check.code.startswith("retention.") for problem in check.rows()]


def states() -> list[str]:
    return list(SegmentBuild.objects.order_by("pk").values_list("state", flat=True))


def first_chunks_only(**given: Any) -> filling.Finished:
    """As `finish_builds`, but out of time after one chunk of each."""
    worker = filling._Worker(NOW)
    worker.step(list(worker.claim()))
    worker.let_go()
    return filling.Finished({}, None)


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets refreshes do one chunk of what is open, until the test calls it."""
    real = finish_builds
    monkeypatch.setattr("retention.services.refresh.finish_builds", first_chunks_only)
    return lambda: monkeypatch.setattr("retention.services.refresh.finish_builds", real)


class TestANewSegment:
    def test_is_filled_in_chunks_before_the_refresh_returns(self, members: list[Member]) -> None:
        make_segment("buyers", BUYERS)
        report = refresh(as_of=NOW)
        build = SegmentBuild.objects.get()
        assert (build.state, build.scanned, build.total, build.position) == ("done", 7, 7, members[-1].pk)
        assert (report.counts["segments_filled"], report.counts["entered"]) == (1, 4)
        assert inside("buyers") == ids(members[::2])
        assert wrong() == []

    def test_writes_its_run_last_and_no_transition(self, members: list[Member]) -> None:
        make_segment("buyers", BUYERS)
        report = refresh(as_of=NOW)
        assert [run.kind for run in RefreshRun.objects.order_by("pk")] == ["full", "changes", "build"]
        assert RefreshState.objects.get().last_run_id == report.run_id == RefreshRun.objects.latest("pk").pk
        assert Transition.objects.count() == 0

    def test_follows_changes_from_then_on(self, members: list[Member]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        make_order(members[1])
        report = refresh(as_of=NOW)
        assert report.counts["entered"] == 1
        assert Transition.objects.get().member_id == members[1].pk

    def test_leaves_nothing_behind(self, members: list[Member]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        assert (BuildAnswer.objects.count(), BuildTouched.objects.count()) == (0, 0)
        assert refresh(as_of=NOW).kind == "nothing"

    def test_says_what_it_took_and_changed(self, members: list[Member]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        segment = Segment.objects.get()
        assert (segment.as_of, segment.member_count, segment.entered, segment.left) == (NOW, 4, 4, 0)
        assert segment.changed_at == NOW
        assert segment.seconds is not None
        assert segment.seconds > 0

    def test_is_asked_inside_the_refresh_of_a_small_shop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(builds, "FEW", 100)
        make_member()
        refresh(as_of=NOW)
        make_segment("all", EVERYONE)
        refresh(as_of=NOW)
        assert (SegmentBuild.objects.count(), len(inside("all"))) == (0, 1)

    def test_is_asked_with_all_others_by_a_full_pass(self, members: list[Member]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW, full=True)
        assert (SegmentBuild.objects.count(), inside("buyers")) == (0, ids(members[::2]))

    def test_shares_its_scans_with_those_made_with_it(self, members: list[Member]) -> None:
        for number in range(5):
            make_segment(f"s{number}", {"field": "order_count", "operator": "=", "value": number})
        report = refresh(as_of=NOW)
        assert (report.counts["segments_filled"], RefreshRun.objects.filter(kind="build").count()) == (5, 1)
        assert (inside("s0"), inside("s1"), inside("s2")) == (ids(members[1::2]), ids(members[::2]), set())
        assert wrong() == []


class TestANewVersion:
    def test_is_served_only_when_it_is_whole(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        segment = make_segment("group", BUYERS)
        refresh(as_of=NOW, full=True)
        change_rule(segment=segment, rule=QUIET, now=NOW)
        refresh(as_of=NOW)
        assert (inside("group"), states()) == (ids(members[::2]), ["waiting"])
        assert Segment.objects.get().evaluated_version_id != Segment.objects.get().version_id
        one_chunk()
        report = refresh(as_of=NOW)
        assert (report.kind, report.counts["entered"], report.counts["left"]) == ("build", 3, 4)
        assert inside("group") == ids(members[1::2])
        assert Segment.objects.get().evaluated_version_id == Segment.objects.get().version_id

    def test_writes_the_difference_alone_with_transitions(self, members: list[Member]) -> None:
        segment = make_segment("group", BUYERS)
        refresh(as_of=NOW, full=True)
        since = dict(Membership.objects.values_list("member_id", "pk"))
        change_rule(segment=segment, rule=EVERYONE, now=NOW)
        run_id = refresh(as_of=NOW).run_id
        assert {pk: since[pk] for pk in since} == dict(
            Membership.objects.filter(member_id__in=since).values_list("member_id", "pk")
        )
        written = Transition.objects.values_list("member_id", "entered", "run_id")
        assert set(written) == {(member.pk, True, run_id) for member in members[1::2]}

    def test_cancels_the_build_of_the_one_before(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        segment = make_segment("group", BUYERS)
        refresh(as_of=NOW)
        change_rule(segment=segment, rule=QUIET, now=NOW)
        one_chunk()
        refresh(as_of=NOW)
        assert states() == ["cancelled", "done"]
        assert inside("group") == ids(members[1::2])
        assert BuildAnswer.objects.count() == 0

    def test_saved_while_a_chunk_is_worked_on_ends_the_build_there(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        segment = make_segment("group", BUYERS)
        real, seen = filling.find_changes, []

        def find_and_change(*given: Any) -> int:
            if not seen:
                seen.append(change_rule(segment=segment, rule=QUIET, now=NOW))
            return real(*given)

        monkeypatch.setattr(filling, "find_changes", find_and_change)
        report = refresh(as_of=NOW)
        assert states() == ["cancelled", "done"]
        assert SegmentBuild.objects.order_by("pk")[0].scanned == 2
        assert (report.counts["builds_cancelled"], inside("group")) == (1, ids(members[1::2]))

    def test_takes_the_segments_that_mention_it_along(self, members: list[Member]) -> None:
        inner = make_segment("inner", BUYERS)
        make_segment("outer", {"combinator": "and", "not": True, "rules": [{"in_segment": "inner"}]})
        make_segment("other", EVERYONE)
        refresh(as_of=NOW, full=True)
        change_rule(segment=inner, rule=QUIET, now=NOW)
        refresh(as_of=NOW)
        assert set(SegmentBuild.objects.values_list("segment__slug", flat=True)) == {"inner", "outer"}
        assert (inside("inner"), inside("outer")) == (ids(members[1::2]), ids(members[::2]))
        assert wrong() == []


class TestWhileABuildIsUnderWay:
    def test_members_who_change_are_asked_again_at_the_swap(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        make_order(members[1])
        make_order(newcomer := make_member())
        refresh(as_of=NOW)
        assert set(BuildTouched.objects.values_list("member_id", flat=True)) == {members[1].pk, newcomer.pk}
        one_chunk()
        refresh(as_of=NOW)
        assert inside("buyers") == ids([*members[::2], members[1], newcomer])
        assert (BuildTouched.objects.count(), wrong()) == (0, [])

    def test_a_change_taken_back_before_the_swap_leaves_no_trace(
        self, members: list[Member], one_chunk: Callable[[], None]
    ) -> None:
        segment = make_segment("group", BUYERS)
        refresh(as_of=NOW, full=True)
        change_rule(segment=segment, rule={"field": "order_count", "operator": ">=", "value": 2}, now=NOW)
        make_order(members[0])
        refresh(as_of=NOW)
        members[0].orders.all().delete()
        make_order(members[0])
        refresh(as_of=NOW)
        one_chunk()
        refresh(as_of=NOW)
        assert (inside("group"), wrong()) == (set(), [])
        assert Transition.objects.filter(entered=True).count() == 0

    def test_the_other_segments_follow_every_change(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW, full=True)
        make_segment("quiet", QUIET)
        make_order(members[1])
        report = refresh(as_of=NOW)
        assert (report.counts["entered"], inside("quiet")) == (1, set())
        assert inside("buyers") == ids([*members[::2], members[1]])

    def test_a_day_that_turns_begins_it_anew(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        make_segment("fresh", {"field": "days_since_last_order", "operator": "=", "value": 1})
        refresh(as_of=NOW)
        one_chunk()
        refresh(as_of=TOMORROW)
        assert states() == ["cancelled", "done"]
        assert (SegmentBuild.objects.latest("pk").day, inside("fresh")) == (TODAY_NUMBER + 1, ids(members[::2]))
        assert wrong() == []

    def test_new_bands_begin_it_anew(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        make_segment("new", {"field": "lifecycle_stage", "operator": "=", "value": "new"})
        refresh(as_of=NOW)
        LifecycleBands.objects.create(new_days=0)
        one_chunk()
        refresh(as_of=NOW)
        assert (states(), inside("new")) == (["cancelled", "done"], set())

    def test_a_full_pass_makes_it_needless(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        refresh(as_of=NOW, full=True)
        assert (states(), inside("buyers"), BuildAnswer.objects.count()) == (["cancelled"], ids(members[::2]), 0)

    def test_a_deleted_segment_takes_it_along(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        segment = make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        delete_segment(segment=segment)
        one_chunk()
        refresh(as_of=NOW)
        assert (SegmentBuild.objects.count(), BuildAnswer.objects.count(), Membership.objects.count()) == (0, 0, 0)
        assert wrong() == []

    def test_a_merged_member_is_in_it_no_more(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        identity.merge_members(keep=members[1].pk, drop=members[0].pk, now=NOW)
        one_chunk()
        refresh(as_of=NOW)
        assert inside("buyers") == ids([members[1], *members[2::2]])
        assert wrong() == []

    def test_verify_leaves_it_out(self, members: list[Member], one_chunk: Callable[[], None]) -> None:
        make_segment("buyers", BUYERS)
        refresh(as_of=NOW)
        assert (wrong(), inside("buyers")) == ([], set())


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
