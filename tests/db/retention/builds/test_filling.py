"""Segments that are filled beside the refreshes, because everybody is too many to be asked inside one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from members.models import Member
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
    Transition,
)
from retention.services import builds, filling
from retention.services.refresh import refresh
from retention.services.segments import change_rule, delete_segment
from tests.db.retention.builds.given import QUIET, TOMORROW, ids, inside, make_segment, states, wrong
from tests.factories import BUYERS, NOW, TODAY_NUMBER, make_member, make_order

pytestmark = pytest.mark.django_db

EVERYONE: dict[str, Any] = {"everyone": True}


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
