"""SHOP_TIME_ZONE changed after orders were stored: refused where days are written, until all are worked out anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.periods import day_number, hour_of_day
from core.services.keys import create_api_key
from members.ingest import ingest_events, ingest_members, ingest_orders
from members.models import BehaviourEvent, DirtyMark, Member, Order, StoredCalendar
from members.services.calendar import ZoneChanged, change_zone
from retention.models import MemberFacts, RefreshRun, RefreshState
from retention.services import calendar as service
from retention.services.calendar import change_time_zone
from retention.services.refresh import nightly, refresh, refresh_due
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW

pytestmark = pytest.mark.django_db

ORDER = {"external_id": "o1", "member": "m1", "placed_at": "2026-06-01T00:30:00+08:00", "status": "paid", "total_minor": 1}
EVENT = {"id": "e1", "member": "m1", "kind": "visit", "at": "2026-06-01T00:30:00+08:00"}
MEMBER = {"external_id": "m1", "registered_at": "2026-06-01T00:30:00+08:00"}
HOURS = [timedelta(hours=number, minutes=30 * (number % 2)) for number in range(0, 24 * 380, 23)]


def moments() -> list[datetime]:
    """Through more than a year, at every hour, with first moments of days in several zones and parts of seconds."""
    start = datetime(2025, 5, 20, tzinfo=UTC)
    return [start + each + timedelta(microseconds=number % 2) for number, each in enumerate(HOURS)]


def stock() -> None:
    items = [
        {**ORDER, "external_id": f"o{number}", "member": f"m{number % 9}", "placed_at": at.isoformat()}
        for number, at in enumerate(moments())
    ]
    events = [
        {**EVENT, "id": f"e{number}", "member": f"m{number % 9}", "at": at.isoformat()}
        for number, at in enumerate(moments())
    ]
    members = [{"external_id": f"m{number}", "registered_at": at.isoformat()} for number, at in enumerate(moments()[:20])]
    for result in (
        ingest_orders(items, now=NOW), ingest_events(events, now=NOW), ingest_members(members, now=NOW, proof="a test"),
    ):  # fmt: skip
        assert result.rejected == ()


def days() -> dict[str, list[tuple[Any, ...]]]:
    return {
        "orders": list(Order.objects.order_by("pk").values_list("placed_at", "placed_day", "placed_hour")),
        "events": list(BehaviourEvent.objects.order_by("pk").values_list("occurred_at", "day")),
        "members": list(
            Member.objects.filter(registered_at__isnull=False).order_by("pk").values_list("registered_at", "registered_day")
        ),
    }


def expected(zone: str) -> dict[str, list[tuple[Any, ...]]]:
    key = ZoneInfo(zone)
    stored = days()
    return {
        "orders": [(at, day_number(at, key), hour_of_day(at, key)) for at, *_rest in stored["orders"]],
        "events": [(at, day_number(at, key)) for at, _day in stored["events"]],
        "members": [(at, day_number(at, key)) for at, _day in stored["members"]],
    }


class TestTheFirstWrite:
    @pytest.mark.parametrize(
        "write",
        [
            lambda: ingest_orders([ORDER], now=NOW),
            lambda: ingest_events([EVENT], now=NOW),
            lambda: ingest_members([MEMBER], now=NOW, proof="a test"),
            lambda: refresh(as_of=NOW),
        ],
    )
    def test_notes_the_zone(self, write: Any, settings: Any) -> None:
        settings.SHOP_TIME_ZONE = "Europe/Paris"
        write()
        assert [(each.zone, each.changed_at) for each in StoredCalendar.objects.all()] == [("Europe/Paris", NOW)]


class TestAnotherZone:
    @pytest.fixture(autouse=True)
    def _moved(self, settings: Any) -> None:
        ingest_orders([ORDER], now=NOW)
        refresh(as_of=NOW)
        DirtyMark.objects.create(member_id=Member.objects.get().pk)
        settings.SHOP_TIME_ZONE = "Asia/Tokyo"

    @pytest.mark.parametrize(
        "write",
        [
            lambda: ingest_orders([{**ORDER, "external_id": "o2"}], now=NOW),
            lambda: ingest_events([EVENT], now=NOW),
            lambda: ingest_members([{"external_id": "m2"}], now=NOW, proof="a test"),
        ],
    )
    def test_is_refused_by_ingest_and_nothing_is_written(self, write: Any) -> None:
        with pytest.raises(ZoneChanged, match="Asia/Shanghai, but SHOP_TIME_ZONE is Asia/Tokyo"):
            write()
        assert (Order.objects.count(), Member.objects.count(), BehaviourEvent.objects.count()) == (1, 1, 0)

    @pytest.mark.parametrize(
        "work", [lambda: refresh(as_of=NOW, full=True), lambda: refresh_due(now=NOW), lambda: nightly(now=NOW)]
    )
    def test_is_refused_by_refreshes_which_leave_everything(self, work: Any) -> None:
        with pytest.raises(ZoneChanged, match="change_time_zone"):
            work()
        assert (DirtyMark.objects.count(), RefreshRun.objects.count()) == (1, 1)

    @pytest.mark.parametrize("command", ["refresh", "import_orders", "import_members", "import_events"])
    def test_is_a_sentence_on_the_command_line(self, command: str, tmp_path: Path) -> None:
        path = tmp_path / "rows.csv"
        path.write_text("external_id,member\nx,y\n")
        with pytest.raises(CommandError, match="change_time_zone”, which works out"):
            call_command(command, *([] if command == "refresh" else [str(path)]), stdout=StringIO(), stderr=StringIO())
        assert [each.name for each in tmp_path.iterdir()] == ["rows.csv"]

    def test_is_a_conflict_over_rest(self) -> None:
        _key, secret = create_api_key(name="till", scopes=["orders:write"], now=NOW)
        body = {"items": [{**ORDER, "external_id": "o2"}]}
        answer = Client().post(
            "/api/v1/orders/bulk/", body, content_type="application/json", headers={"authorization": f"Bearer {secret}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "time_zone_changed")
        assert Order.objects.count() == 1

    def test_is_fine_again_once_it_is_set_back(self, settings: Any) -> None:
        settings.SHOP_TIME_ZONE = "Asia/Shanghai"
        assert ingest_orders([{**ORDER, "external_id": "o2"}], now=NOW).accepted == 1


class TestChangingTheZone:
    @pytest.mark.parametrize(
        "zone", ["Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
    )
    def test_works_every_day_and_hour_out_anew(self, zone: str, settings: Any) -> None:
        stock()
        assert days() == expected("Asia/Shanghai")
        settings.SHOP_TIME_ZONE = zone
        change_zone(now=NOW)
        assert days() == expected(zone)
        assert StoredCalendar.objects.get().zone == zone

    def test_counts_everybody_anew(self, settings: Any) -> None:
        stock()
        refresh(as_of=NOW)
        before = MemberFacts.objects.order_by("member_id").values_list("preferred_hour", "last_order_day")
        known = list(before)
        settings.SHOP_TIME_ZONE = "America/Los_Angeles"
        counts, report = change_time_zone(now=NOW)
        assert (report.kind, counts["members"] > 0) == ("full", True)
        assert list(before.all()) != known
        assert_facts_are_exact(NOW)
        assert RefreshState.objects.get().day == day_number(NOW, ZoneInfo("America/Los_Angeles"))

    def test_goes_on_from_there(self, settings: Any) -> None:
        stock()
        refresh(as_of=NOW)
        settings.SHOP_TIME_ZONE = "America/Los_Angeles"
        change_time_zone(now=NOW)
        ingest_orders([{**ORDER, "external_id": "late", "member": "m3"}], now=NOW)
        for first, second in pairwise([NOW, NOW + timedelta(hours=9), NOW + timedelta(days=2), NOW + timedelta(days=31)]):
            assert first < second
            refresh(as_of=second)
            assert_facts_are_exact(second)

    def test_leaves_rows_alone_that_are_right_already(self, settings: Any) -> None:
        stock()
        settings.SHOP_TIME_ZONE = "Asia/Singapore"  # another name, the same clock since 1982
        assert change_zone(now=NOW) == {"orders": 0, "events": 0, "members": 0, "growth": 0}
        assert StoredCalendar.objects.get().zone == "Asia/Singapore"

    def test_changes_nothing_where_counting_fails(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        stock()
        refresh(as_of=NOW)
        known = days()

        def fail(**_given: object) -> None:
            raise RuntimeError("the disk is full")

        settings.SHOP_TIME_ZONE = "America/Los_Angeles"
        with monkeypatch.context() as patched:
            patched.setattr(service, "refresh", fail)
            with pytest.raises(RuntimeError):
                change_time_zone(now=NOW)
        assert (days(), StoredCalendar.objects.get().zone) == (known, "Asia/Shanghai")

    def test_is_a_command_that_can_be_run_twice(self, settings: Any) -> None:
        ingest_orders([ORDER], now=NOW)
        settings.SHOP_TIME_ZONE = "UTC"
        said = [StringIO(), StringIO()]
        for out in said:
            call_command("change_time_zone", stdout=out)
        assert said[0].getvalue().startswith("Days follow UTC now. Rewritten: orders 1, events 0, members 0, growth 0.")
        assert said[1].getvalue().startswith("Days follow UTC now. Rewritten: orders 0, events 0, members 0, growth 0.")
        assert (Order.objects.get().placed_hour, Order.objects.get().placed_day) == (16, 20_604)

    def test_of_an_empty_shop_only_notes_it(self, settings: Any) -> None:
        refresh(as_of=NOW)
        settings.SHOP_TIME_ZONE = "UTC"
        assert change_time_zone(now=NOW)[0] == {"orders": 0, "events": 0, "members": 0, "growth": 0}
        assert refresh(as_of=NOW).kind == "nothing"
