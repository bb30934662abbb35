from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from json import loads

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from core.registry import checks
from members.models import DirtyMark, Order
from retention.models import MemberFacts, MemberMask, Membership, RefreshRun, RefreshState, ScoringModel, Segment
from retention.selectors import state
from retention.services import refresh as service
from retention.services.refresh import nightly, refresh, refresh_due
from retention.services.segments import create_segment
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)
"""The first moment of 16 June in the shop."""
LAST_MOMENT = MIDNIGHT - timedelta(microseconds=1)
NIGHT = MIDNIGHT + timedelta(hours=3)


def wrong() -> list[str]:
    return [problem for check in checks if check.code.startswith("retention.") for problem in check.rows()]


class TestWhichPass:
    def test_is_full_at_first_and_then_by_what_changed(self) -> None:
        assert refresh(as_of=NOW).kind == "full"
        assert refresh(as_of=NOW).kind == "nothing"
        make_member()
        assert refresh(as_of=NOW).kind == "changes"
        assert refresh(as_of=MIDNIGHT).kind == "day"
        assert refresh(as_of=MIDNIGHT, full=True).kind == "full"
        assert [run.kind for run in RefreshRun.objects.order_by("id")] == ["full", "changes", "day", "full"]

    def test_leaves_its_state_last(self) -> None:
        report = refresh(as_of=NOW)
        left = state()
        assert (left.as_of, left.day, left.last_run_id) == (NOW, TODAY_NUMBER, report.run_id)

    def test_takes_the_marks(self) -> None:
        make_member()
        refresh(as_of=NOW)
        make_member()
        refresh(as_of=NOW)
        assert DirtyMark.objects.count() == 0

    def test_takes_a_mark_of_a_member_who_is_gone(self) -> None:
        refresh(as_of=NOW)
        DirtyMark.objects.create(member_id=999)
        assert refresh(as_of=NOW).counts["facts_written"] == 0
        assert MemberFacts.objects.count() == 0


class TestTheClocksRefresh:
    def test_begins_with_everybody(self) -> None:
        make_order(make_member())
        refresh_due(now=NOW)
        assert (state().as_of, MemberFacts.objects.count()) == (NOW, 1)

    def test_keeps_the_day_until_the_nightly_pass(self) -> None:
        refresh_due(now=NOW)
        member = make_member()
        make_order(member, placed_at=MIDNIGHT + timedelta(minutes=1))
        refresh_due(now=MIDNIGHT + timedelta(hours=1))
        assert (state().as_of, MemberFacts.objects.get().order_count) == (LAST_MOMENT, 0)
        nightly(now=NIGHT)
        assert (state().as_of, MemberFacts.objects.get().order_count) == (NIGHT, 1)
        refresh_due(now=NIGHT + timedelta(minutes=1))
        assert state().day == TODAY_NUMBER + 1

    def test_never_goes_back_behind_a_refresh_made_ahead(self) -> None:
        ahead = NOW + timedelta(days=9)
        refresh(as_of=ahead)
        make_member()
        refresh_due(now=NOW)
        make_member()
        nightly(now=NOW)
        assert state().as_of == ahead
        assert [run.kind for run in RefreshRun.objects.order_by("id")] == ["full", "changes", "changes"]

    def test_fits_as_soon_as_there_are_orders(self) -> None:
        make_member()
        refresh_due(now=NOW)
        assert ScoringModel.objects.count() == 0
        make_order(make_member())
        refresh_due(now=NOW)
        assert set(ScoringModel.objects.filter(current=True).values_list("kind", flat=True)) == {"rfm", "value"}
        fitted = ScoringModel.objects.count()
        nightly(now=NIGHT)
        assert ScoringModel.objects.count() == fitted

    @pytest.mark.parametrize("work", [refresh_due, nightly])
    def test_twice_changes_nothing_more(self, work) -> None:
        make_order(make_member())
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        work(now=NOW)
        work(now=NOW)
        runs = RefreshRun.objects.count()
        assert work(now=NOW) == {}
        assert (RefreshRun.objects.count(), Membership.objects.count()) == (runs, 1)


@pytest.mark.django_db(transaction=True)
class TestARefreshThatFails:
    def test_changes_nothing_and_says_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_member()

        def fail(*_given: object) -> None:
            raise RuntimeError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(service, "ask_everybody", fail)
            with pytest.raises(RuntimeError):
                refresh(as_of=NOW)
        assert RefreshRun.objects.get().error.startswith("RuntimeError in fail, line ")
        assert (MemberFacts.objects.count(), DirtyMark.objects.count(), RefreshState.objects.count()) == (0, 1, 0)
        refresh(as_of=NOW)
        assert (MemberFacts.objects.count(), state().last_run_id) == (1, RefreshRun.objects.latest("id").pk)

    def test_may_die_before_the_commit(self) -> None:
        member = make_member()
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        with transaction.atomic():
            refresh(as_of=NOW)
            transaction.set_rollback(True)
        assert (Membership.objects.count(), DirtyMark.objects.count()) == (0, 1)
        refresh(as_of=NOW)
        assert Membership.objects.get().member_id == member.pk


class TestTheChecks:
    def test_find_nothing_wrong(self) -> None:
        for number in range(5):
            make_order(make_member(), placed_at=shop_time(TODAY_NUMBER - 10 * number))
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        assert wrong() == []
        refresh(as_of=NOW)
        refresh(as_of=NIGHT)
        assert wrong() == []

    def test_apply_what_is_marked_first(self) -> None:
        refresh(as_of=NOW)
        make_order(make_member("new"))
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        assert wrong() == []
        assert (MemberFacts.objects.count(), Membership.objects.count()) == (1, 1)

    def test_name_the_member_whose_facts_are_wrong(self) -> None:
        make_order(make_member("li"), total_minor=500)
        refresh(as_of=NOW)
        MemberFacts.objects.update(order_count=7, revenue_minor=600)
        assert wrong() == ["Member li: order_count is 7, counted 1, revenue_minor is 600, counted 500"]

    def test_name_the_member_without_facts(self) -> None:
        make_member("li")
        refresh(as_of=NOW)
        MemberFacts.objects.all().delete()
        assert wrong() == ["Member li: no facts are stored"]

    def test_find_an_order_that_came_without_a_mark(self) -> None:
        make_order(make_member("li"), total_minor=500)
        refresh(as_of=NOW)
        Order.objects.update(status="cancelled")
        assert len(wrong()) == 1

    def test_name_the_segment_whose_masks_are_wrong(self) -> None:
        make_member()
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW)
        MemberMask.objects.update(mask=0)
        assert wrong() == [
            "Segment all: 1 members differ from a fresh scan",
            "Segment all: 1 members, 0 in the masks, 1 counted",
        ]

    def test_name_the_segment_whose_members_are_wrong(self) -> None:
        make_member()
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW)
        Membership.objects.all().delete()
        assert wrong() == ["Segment all: 0 members, 1 in the masks, 1 counted"]


class TestAFullPass:
    def test_mends_what_the_checks_name(self) -> None:
        first, second = make_member(), make_member()
        everyone = create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        buyers = {"field": "order_count", "operator": ">=", "value": 1}
        create_segment(slug="buyers", name="Buyers", rule=buyers, now=NOW)
        refresh(as_of=NOW)
        Membership.objects.filter(member_id=first.pk).delete()
        Membership.objects.create(segment=Segment.objects.get(slug="buyers"), member_id=second.pk, entered_at=NOW)
        MemberMask.objects.filter(member_id=second.pk).update(mask=0b10)
        MemberMask.objects.create(member_id=999, word=0, mask=0b01)
        Membership.objects.create(segment=everyone, member_id=999, entered_at=NOW)
        MemberFacts.objects.filter(member=second).update(order_count=3, first_order_day=1, last_order_day=1)
        assert len(wrong()) > 2
        refresh(as_of=NOW, full=True)
        assert wrong() == []
        members = Membership.objects.order_by("segment__slug", "member_id").values_list("segment__slug", "member_id")
        assert list(members) == [("all", first.pk), ("all", second.pk)]


class TestTheCommands:
    def test_refresh_prints_counts_and_seconds(self) -> None:
        make_order(make_member(), placed_at=LAST_MOMENT)
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        out = StringIO()
        call_command("refresh", "--as-of", "2026-06-15", "--json", stdout=out)
        printed = loads(out.getvalue())
        assert (printed["kind"], printed["counts"]["facts_written"]) == ("full", 1)
        assert {"facts", "scan", "memberships", "total"} <= set(printed["seconds"])
        assert (state().as_of, MemberFacts.objects.get().order_count) == (LAST_MOMENT, 1)

    def test_refresh_says_when_nothing_changed(self) -> None:
        out = StringIO()
        for _time in range(2):
            call_command("refresh", "--as-of", "2026-06-15T12:00", stdout=out)
        assert out.getvalue().splitlines()[-1] == "Nothing changed."
        assert state().as_of == NOW

    def test_refresh_in_full_counts_again(self) -> None:
        for _time in range(2):
            call_command("refresh", "--full", "--as-of", "2026-06-15", stdout=StringIO())
        assert [run.kind for run in RefreshRun.objects.all()] == ["full", "full"]

    @pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-06-15T25:00", "0001-01-01", "9999-12-31T23:59:59Z"])
    def test_refuse_what_is_no_instant(self, text: str) -> None:
        with pytest.raises(CommandError, match=text):
            call_command("refresh", "--as-of", text)

    def test_fit_models_publishes(self) -> None:
        out = StringIO()
        call_command("fit_models", "--as-of", "2026-06-15", stdout=out)
        assert out.getvalue().startswith("Nothing to fit")
        make_order(make_member())
        call_command("refresh", "--as-of", "2026-06-15", stdout=StringIO())
        call_command("fit_models", "--as-of", "2026-06-15", stdout=out)
        assert {fit.as_of for fit in ScoringModel.objects.all()} == {LAST_MOMENT}
        assert "churn: not published. There are 1 members with orders" in out.getvalue()

    def test_fit_models_refuses_a_time_before_the_facts(self) -> None:
        make_order(make_member())
        refresh(as_of=NOW)
        with pytest.raises(CommandError, match="refresh to an earlier time first"):
            call_command("fit_models", "--as-of", "2026-06-14")
