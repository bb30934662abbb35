"""A look at the data: each number, the list behind it, and going on where a worker died."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.services.jobs import cancel_job, run_jobs
from members.ingest import ingest_members
from members.models import (
    Category,
    Identifier,
    Member,
    Order,
    OrderLine,
    Product,
    QualityFinding,
    QualityLook,
)
from members.services import quality
from members.services.quality import ask_for_look, latest_look, look
from members.services.quality_measures import MEASURES, PARTS
from tests.campaign_factories import consent
from tests.factories import NOW, TODAY_NUMBER, make_event, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db

PHONE = "+8613812345678"


def looked(now: datetime = NOW) -> QualityLook:
    ask_for_look(now=now)
    run_jobs(now=now)
    found = latest_look()
    assert found is not None
    return found


def counted() -> dict[str, int]:
    """This function will look, and return what was found, zeros and totals left out."""
    counts = looked().counts
    return {code: count for code, count in counts.items() if count and not code.endswith(".total")}


def behind(code: str) -> list[int]:
    return sorted(QualityFinding.objects.filter(code=code).values_list("object_id", flat=True))


def whole(**fields: Any) -> Member:
    """This function will make a member of whom everything is known and who did something today."""
    known = {
        "name": "王芳", "gender": "female", "birth_key": 229, "birth_year": 1996, "province": "浙江", "city": "杭州",
        "registered_at": NOW, "source": "tmall", "language": "zh-hans",
    }  # fmt: skip
    member = make_member(**{**known, **fields})
    for channel in ("sms", "email"):
        consent(member, channel)
    make_event(member, "visit", session_id="s")
    return member


REACHED = {"reach.sms.reachable", "reach.email.reachable"}


class TestMembers:
    def test_of_whom_everything_is_known_are_found_by_nothing(self) -> None:
        whole(phone=PHONE, email="a@example.com")
        assert set(counted()) == REACHED

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            ({"name": ""}, {"members.name.missing"}),
            ({"gender": ""}, {"members.gender.missing"}),
            ({"birth_key": None, "birth_year": None}, {"members.birth_date.missing", "members.birth_year.missing"}),
            ({"birth_year": None}, {"members.birth_year.missing"}),
            ({"birth_year": 1850}, {"members.birth_date.invalid"}),
            ({"birth_year": 2027}, {"members.birth_date.invalid"}),
            ({"birth_year": 2026, "birth_key": 616}, {"members.birth_date.invalid"}),
            ({"birth_key": 230}, {"members.birth_date.invalid"}),
            ({"birth_key": 1131}, {"members.birth_date.invalid"}),
            ({"birth_key": 132}, {"members.birth_date.invalid"}),
            ({"birth_key": 1200}, {"members.birth_date.invalid"}),
            ({"birth_key": 1231, "birth_year": 2025}, set()),
            ({"phone": "138****5678"}, {"members.phone.invalid"}),
            ({"phone": "13812345678"}, {"members.phone.invalid"}),
            ({"email": "a**@example.com"}, {"members.email.invalid"}),
            ({"email": "nobody"}, {"members.email.invalid"}),
            ({"province": "", "city": ""}, {"members.province.missing", "members.city.missing"}),
            ({"registered_at": None}, {"members.registered_at.missing"}),
            ({"registered_at": NOW + timedelta(hours=1)}, {"members.registered_at.invalid"}),
            ({"source": "", "language": ""}, {"members.source.missing", "members.language.missing"}),
        ],
    )
    def test_are_found_field_by_field(self, fields: Mapping[str, Any], found: set[str]) -> None:
        member = whole(**{"phone": PHONE, "email": "a@example.com", **fields})
        assert set(counted()) - REACHED == found
        assert all(behind(code) == [member.pk] for code in found)

    def test_who_never_did_anything_or_not_for_a_year_are_stale(self) -> None:
        never, long_ago, lately = make_member("never"), make_member("long ago"), make_member("lately")
        make_order(long_ago, placed_at=shop_time(TODAY_NUMBER - 365))
        make_event(lately, "visit", occurred_at=shop_time(TODAY_NUMBER - 364))
        counts = counted()
        assert (counts["members.activity.missing"], counts["members.activity.stale"]) == (1, 1)
        assert (behind("members.activity.missing"), behind("members.activity.stale")) == ([never.pk], [long_ago.pk])
        assert lately.pk not in behind("members.activity.stale")

    def test_who_may_be_one_person_are_counted_as_the_page_of_duplicates_shows_them(self) -> None:
        for email in ("a@example.com", "b@example.com", "b@example.com"):
            make_member(phone=PHONE, email=email, name="李", birth_key=101, birth_year=1990)
        for place in range(2):
            Identifier.objects.create(member=make_member(), source=f"shop{place}", kind="nick", value="anna")
        found = {code: count for code, count in counted().items() if code.endswith("duplicate")}
        assert found == {
            "members.phone.duplicate": 3, "members.email.duplicate": 2, "members.birthday.duplicate": 3,
            "members.identifier.duplicate": 2,
        }  # fmt: skip

    def test_bring_attributes_that_are_counted_by_kind(self) -> None:
        make_member(attributes={"size": "M", "since": "2026-01-01", "points": 3, "vip": True})
        make_member(attributes={"size": 40, "points": 1.5, "vip": False})
        assert looked().tables["attributes"] == {
            "points": {"number": 2}, "since": {"date": 1}, "size": {"number": 1, "text": 1}, "vip": {"boolean": 2},
        }  # fmt: skip

    def test_whose_attribute_is_not_what_was_declared_are_found(self) -> None:
        long = "ü" * 100
        ingest_members(
            [{"external_id": "first", "attributes": {"size": "M", "since": "2026-01-01", long: 1}}], now=NOW, proof="a"
        )
        wrong = make_member(attributes={"size": 40, "since": "soon", long: True})
        found = {code: count for code, count in counted().items() if "attributes" in code}
        assert found == {f"members.attributes.{name}.invalid": 1 for name in ("size", "since", long)}
        assert all(behind(code) == [wrong.pk] for code in found)

    def test_whose_attribute_is_no_day_of_the_calendar_are_found_as_rules_read_it(self) -> None:
        ingest_members([{"external_id": "first", "attributes": {"since": "2024-02-29"}}], now=NOW, proof="a")
        wrong = [make_member(attributes={"since": day}).pk for day in ("2026-02-30", "2023-02-29", "2026-13-01")]
        assert counted()["members.attributes.since.invalid"] == 3
        assert sorted(behind("members.attributes.since.invalid")) == wrong


class TestReach:
    def test_puts_each_member_in_one_place(self) -> None:
        make_member("unasked", phone=PHONE)
        make_member("nothing")
        for name, phone, word in (("yes", PHONE, True), ("no", PHONE, False), ("gone", "", False), ("no address", "", True)):
            consent(make_member(name, phone=phone), "sms", granted=word)
        counts = looked().counts
        found = {code: counts[f"reach.sms.{code}"] for code in quality_reaches()}
        assert found == {"reachable": 1, "unasked": 1, "unsubscribed": 2, "no_address": 1, "nothing": 1}
        assert sum(found.values()) == Member.objects.count()
        assert counts["reach.email.nothing"] == 6


def quality_reaches() -> list[str]:
    return [code.rpartition(".")[2] for code in MEASURES if code.startswith("reach.sms.")]


class TestOrders:
    def order(self, *, lines: int | None = 10_000, **fields: Any) -> Order:
        known = {"channel": "app", "payment_method": "alipay", "city": "杭州", "paid_at": NOW}
        order = make_order(fields.pop("member", None) or make_member(), **{**known, **fields})
        if lines is not None:
            product, _made = Product.objects.get_or_create(code="tea")
            for position, part in enumerate((lines - 1, 1)):
                OrderLine.objects.create(
                    order=order, position=position, product=product, quantity=1, unit_price_minor=part, amount_minor=part
                )
        return order

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            ({}, None),
            ({"placed_at": NOW + timedelta(hours=2), "paid_at": NOW + timedelta(hours=2)}, "orders.placed_at.invalid"),
            ({"placed_at": NOW - timedelta(days=31), "status": "shipped"}, "orders.status.stale"),
            ({"placed_at": NOW - timedelta(days=30), "status": "shipped"}, None),
            ({"placed_at": NOW - timedelta(days=31), "status": "cancelled"}, None),
            ({"paid_at": None}, "orders.steps.missing"),
            ({"paid_at": None, "status": "placed"}, None),
            ({"paid_at": NOW - timedelta(seconds=1)}, "orders.steps.invalid"),
            ({"shipped_at": NOW + timedelta(2), "delivered_at": NOW + timedelta(1)}, "orders.steps.invalid"),
            ({"lines": None}, "orders.lines.missing"),
            ({"lines": 9_999}, "orders.lines.invalid"),
            ({"channel": ""}, "orders.channel.missing"),
            ({"payment_method": ""}, "orders.payment_method.missing"),
            ({"city": ""}, "orders.city.missing"),
        ],
    )
    def test_are_found_field_by_field(self, fields: dict[str, Any], found: str | None) -> None:
        order = self.order(**fields)
        codes = {code for code in counted() if code.startswith("orders.")}
        assert codes == ({found} if found else set())
        assert found is None or behind(found) == [order.pk]

    def test_told_twice_are_found_unless_only_the_day_is_known(self) -> None:
        member = make_member()
        self.order(member=member)
        again = self.order(member=member)
        for _time in range(2):
            self.order(member=member, placed_at=shop_time(TODAY_NUMBER - 1) - timedelta(hours=12))
        assert counted()["orders.number.duplicate"] == 1
        assert behind("orders.number.duplicate") == [again.pk]

    def test_say_when_each_shop_was_heard_of_last(self) -> None:
        self.order(placed_at=NOW - timedelta(days=3))
        self.order(placed_at=NOW - timedelta(days=2))
        assert looked().tables["shops"] == {"Default": [2, (NOW - timedelta(days=2)).isoformat()]}


class TestProductsAndEvents:
    def test_products_are_found_field_by_field(self) -> None:
        tea = Category.objects.create(name="Tea")
        nameless = Product.objects.create(code="1", category=tea)
        twins = [Product.objects.create(code=code, name="Green", category=tea) for code in ("2", "3")]
        loose = Product.objects.create(code="4", name="Loose")
        counted()
        assert behind("products.name.missing") == [nameless.pk]
        assert behind("products.name.duplicate") == [twin.pk for twin in twins]
        assert behind("products.category.missing") == [loose.pk]
        assert len(behind("products.sales.missing")) == 4

    def test_events_are_found_field_by_field(self) -> None:
        member = make_member()
        tea = Product.objects.create(code="tea")
        make_event(member, "view", product=tea, session_id="s")
        bad = {
            "events.product.missing": make_event(member, "view", session_id="s"),
            "events.keyword.missing": make_event(member, "search", session_id="s"),
            "events.rating.missing": make_event(member, "review", session_id="s"),
            "events.dwell_seconds.invalid": make_event(member, "visit", dwell_seconds=90_000.0, session_id="s"),
            "events.session_id.missing": make_event(member, "visit"),
            "events.occurred_at.invalid": make_event(
                member, "visit", occurred_at=NOW + timedelta(minutes=1), session_id="s"
            ),
        }
        counts = counted()
        assert {code: counts[code] for code in bad} == dict.fromkeys(bad, 1)
        assert {code: behind(code) for code in bad} == {code: [event.pk] for code, event in bad.items()}
        kinds = looked().tables["kinds"]
        assert kinds["visit"] == [3, (NOW + timedelta(minutes=1)).isoformat()]


class TestALook:
    def test_is_read_in_ranges_from_the_newest_and_keeps_the_newest_examples(self, monkeypatch: pytest.MonkeyPatch) -> None:
        people = [make_member() for _number in range(25)]
        with monkeypatch.context() as patched:
            patched.setattr(quality, "EXAMPLES", 10)
            patched.setattr(quality, "PARTS", [replace(part, at_once=7) for part in PARTS])
            assert counted()["members.name.missing"] == 25
        assert behind("members.name.missing") == [member.pk for member in people[-10:]]

    def test_of_an_empty_shop_is_whole(self) -> None:
        assert counted() == {}

    def test_is_asked_for_once_however_often_the_button_is_pressed(self) -> None:
        jobs = {ask_for_look(now=NOW).pk for _time in range(3)}
        assert len(jobs) == 1
        run_jobs(now=NOW)
        assert ask_for_look(now=NOW).pk not in jobs

    def test_lets_go_of_the_examples_of_the_one_before(self) -> None:
        make_member()
        first, second = looked(), looked(NOW + timedelta(minutes=1))
        assert (first.pk != second.pk, QualityLook.objects.count()) == (True, 2)
        assert set(QualityFinding.objects.values_list("look", flat=True)) == {second.pk}

    def test_that_is_under_way_is_not_shown(self) -> None:
        QualityLook.objects.create(started_at=NOW + timedelta(days=1))
        assert latest_look() is None

    def test_that_is_stopped_leaves_the_one_before(self) -> None:
        make_member()
        before = looked()
        job = ask_for_look(now=NOW)
        cancel_job(job_id=job.pk, now=NOW)
        run_jobs(now=NOW)
        assert latest_look() == before
        assert behind("members.name.missing") != []


class Stop(Exception):
    """The worker dies."""


class Handed:
    """A job as its worker sees it, whose worker dies at one of its reports, before or after the report commits."""

    id = None

    def __init__(self, dies_at: int, state: Mapping[str, Any]) -> None:
        self.params: dict[str, Any] = {}
        self.state, self.reports, self.dies_at = state, 0, dies_at

    def now(self) -> datetime:
        return NOW + timedelta(hours=1)

    def report(self, done: int, total: int | None = None, state: Any = None, said: Any = "") -> None:
        self.reports += 1
        if self.reports == self.dies_at:
            raise Stop
        self.state = json.loads(json.dumps(state))


class TestALookAtIdsWithGaps:
    def test_steps_over_those_that_nobody_has(self) -> None:
        make_member(pk=10**12)
        make_order(make_member())
        job = Handed(0, {})
        look(job)
        assert job.reports < 20


class TestAWorkerThatDies:
    @pytest.mark.parametrize("dies_at", [1, 2, 5, 10])
    def test_is_gone_on_from_and_nothing_is_counted_twice(self, dies_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
        for _number in range(9):
            make_order(make_member())
        expected = looked()
        kept: Mapping[str, Any] = {}
        with monkeypatch.context() as patched:
            patched.setattr(quality, "PARTS", [replace(part, at_once=3) for part in PARTS])
            job = Handed(dies_at, {})
            with pytest.raises(Stop):
                look(job)
            kept = job.state
            look(Handed(0, kept))
        again = latest_look()
        assert again is not None
        assert (again.counts, again.tables) == (expected.counts, expected.tables)
        assert QualityFinding.objects.filter(look=again).count() == sum(
            min(count, 1000) for code, count in again.counts.items() if code in MEASURES
        )
