"""Late, changed and deleted data: whatever becomes of orders and events, facts are what they would be had all been so from
the beginning - compared with a full count, and with plain Python over what is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from members.ingest import IngestResult, ingest_events, ingest_orders
from members.models import BehaviourEvent, Category, DirtyMark, Member, Order, OrderLine, Product
from members.services.identity import merge_members, undo_merge
from members.services.orders import delete_order
from retention.models import MemberFacts
from retention.services import facts
from retention.services.checks import facts_are_exact
from retention.services.refresh import refresh
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, mark_dirty

pytestmark = pytest.mark.django_db

Step = Callable[[], object]


def order(name: str = "o1", *, ago: float = 10, **changes: Any) -> dict[str, Any]:
    placed_at = (NOW - timedelta(days=ago)).isoformat()
    known = {"external_id": name, "member": "anna", "placed_at": placed_at, "status": "paid", "total_minor": 10_000}
    return {**known, **changes}


def event(name: str = "e1", *, ago: float = 0, **changes: Any) -> dict[str, Any]:
    return {"id": name, "member": "anna", "kind": "visit", "at": (NOW - timedelta(days=ago)).isoformat(), **changes}


def line(product: str, amount: int, category: str = "Tea") -> dict[str, Any]:
    return {"product": product, "category": category, "quantity": 1, "unit_price_minor": amount}


def refund(amount: int, *, ago: float = 1) -> dict[str, Any]:
    return {"amount_minor": amount, "reason": "quality", "at": (NOW - timedelta(days=ago)).isoformat()}


def told(*items: dict[str, Any]) -> Step:
    def step() -> IngestResult:
        return ingest_orders(items, now=NOW)

    return step


def did(*items: dict[str, Any]) -> Step:
    return lambda: ingest_events(items, now=NOW)


def deleted(name: str) -> Step:
    return lambda: delete_order(order_id=Order.objects.get(external_id=name).pk)


def merged_and_parted() -> None:
    anna, bert = (Member.objects.get(external_id=name).pk for name in ("anna", "bert"))
    record = merge_members(keep=anna, drop=bert, now=NOW, by="boss")
    refresh(as_of=NOW)
    undo_merge(merge_id=record.pk, now=NOW, by="boss")


START = [order(), order("o2", ago=40, lines=[line("tea", 10_000)]), order("o3", ago=400), order("o4", member="bert", ago=3)]

CASES: dict[str, tuple[list[Step], dict[str, Any]]] = {
    "amended": ([told(order(total_minor=12_345, discount_minor=55))], {"revenue_minor": 32_345, "discount_minor": 55}),
    "lowered below what was refunded": (
        [told(order(refunds=[refund(8_000)])), told(order(total_minor=5_000))],
        {"revenue_minor": 22_000, "refund_count": 1},
    ),
    "refunded in part": ([told(order(refunds=[refund(3_000)]))], {"revenue_minor": 27_000, "refunded_order_count": 1}),
    "refunded wholly": ([told(order(refunds=[refund(10_000)]))], {"revenue_minor": 20_000, "order_count": 3}),
    "refunded twice": (
        [told(order(refunds=[refund(3_000)])), told(order(refunds=[refund(3_000), refund(2_000)]))],
        {"revenue_minor": 25_000, "refund_count": 2, "refunded_order_count": 1},
    ),
    "told of the same refund twice": (
        [told(order(refunds=[refund(3_000)]))] * 2, {"revenue_minor": 27_000, "refund_count": 1},
    ),
    "refunded and the refund taken back": (
        [told(order(refunds=[refund(3_000)])), told(order(refunds=[]))],
        {"revenue_minor": 30_000, "refund_count": 0},
    ),
    "refunded after the day of the count": ([told(order(refunds=[refund(3_000, ago=-0.5)]))], {}),
    "cancelled": ([told(order(status="cancelled"))], {"order_count": 2, "revenue_minor": 20_000, "order_count_30d": 0}),
    "cancelled after a refund": (
        [told(order(refunds=[refund(10_000)])), told(order(status="cancelled"))],
        {"order_count": 2, "refund_count": 0},
    ),
    "called back from being cancelled, which is refused": (
        [told(order(status="cancelled")), told(order(status="completed"))],
        {"order_count": 2, "revenue_minor": 20_000},
    ),
    "told late as it was before, which is refused": (
        [told(order(status="completed", total_minor=9_000)), told(order(status="placed"))],
        {"revenue_minor": 29_000},
    ),
    "moved to another member": ([told(order(member="bert"))], {"order_count": 2, "order_count_30d": 0}),
    "moved to somebody new": ([told(order(member="carl"))], {"order_count": 2}),
    "moved there and back": ([told(order(member="bert")), told(order())], {"order_count": 3}),
    "told by another shop too, where it is another order": ([told(order(shop="tmall"))], {"order_count": 4}),
    "moved to another shop": ([told(order(shop="tmall")), lambda: _delete_in("default")], {"order_count": 3}),
    "back-dated a year": ([told(order(ago=375))], {"order_count_30d": 0, "order_count_365d": 1}),
    "back-dated before the first": ([told(order(ago=2_000))], {"order_days": 3}),
    "forward-dated into the next hours": ([told(order(ago=-0.8))], {"order_count": 2, "order_count_30d": 0}),
    "forward-dated too far, which is refused": ([told(order(ago=-3))], {"order_count": 3, "order_count_30d": 1}),
    "moved by a minute over midnight": ([told(order(ago=10.5)), told(order(ago=10.5 + 1 / 1440))], {"order_count": 3}),
    "given other lines": ([told(order("o2", ago=40, lines=[line("cup", 4_000, "Cups"), line("tea", 6_000)]))], {}),
    "left without lines": ([told(order("o2", ago=40, lines=[]))], {"order_count": 3}),
    "given another coupon and channel": (
        [told(order(coupon_code="BACK", channel="app"))],
        {"coupon_order_count": 1, "preferred_channel": "app"},
    ),
    "deleted": ([deleted("o1")], {"order_count": 2, "order_count_30d": 0}),
    "deleted and told again": ([deleted("o1"), told(order())], {"order_count": 3}),
    "deleted to the last": ([deleted("o1"), deleted("o2"), deleted("o3")], {"order_count": 0, "last_order_day": None}),
    "of a product that is renamed": (
        [lambda: Product.objects.update(name="Longjing"), lambda: marked(Category.objects.update(name="Green tea"))],
        {"favourite_category": "Green tea"},
    ),
    "of a product that moves to another category": (
        [lambda: marked(Product.objects.update(category=Category.objects.create(name="Cups")))],
        {"favourite_category": "Cups"},
    ),
    "of a member who is merged and parted again": ([merged_and_parted], {"order_count": 3}),
    "followed by an event a month late": ([did(event(ago=31, kind="complaint"))], {"complaint_count_90d": 1}),
    "followed by a cart a month late, before an order that ends it": (
        [did(event(ago=11, kind="cart_add")), did(event("e2", ago=20, kind="cart_add"))],
        {"carts_left_30d": 1},
    ),
    "back-dated to the day on which a cart was left": (
        [did(event(ago=20, kind="cart_add")), told(order(ago=20))],
        {"carts_left_30d": 0},
    ),
    "followed by an event id a second time, told otherwise": (
        [did(event(kind="review", rating=5)), did(event(kind="review", rating=1, member="bert"))],
        {"rating_count": 1, "rating_sum": 5},
    ),
    "followed by an event id twice in one call": (
        [did(event(kind="review", rating=4), event(kind="review", rating=2))],
        {"rating_count": 1, "rating_sum": 4},
    ),
    "followed by an event that lies ahead": ([did(event(ago=-0.5, kind="complaint"))], {"complaint_count_90d": 0}),
}  # fmt: skip


def marked(_done: object) -> None:
    """Whatever changes what products are marks who bought them."""
    mark_dirty(*Member.objects.all())


def _delete_in(shop: str) -> None:
    delete_order(order_id=Order.objects.get(external_id="o1", shop__slug=shop).pk)


@pytest.fixture
def begun() -> None:
    """Everything was counted once; what comes now is late."""
    ingest_orders(START, now=NOW)
    ingest_events([event("e0", ago=5)], now=NOW)
    refresh(as_of=NOW)


def of_anna() -> dict[str, Any]:
    return MemberFacts.objects.filter(member__external_id="anna").values().get()


@pytest.mark.usefixtures("begun")
class TestAnOrder:
    @pytest.mark.parametrize("case", CASES)
    def test_is_counted_as_if_it_had_always_been_so(self, case: str) -> None:
        """Told step by step, with a refresh after each, and told at once."""
        steps, expected = CASES[case]
        if len(steps) > 1:
            with transaction.atomic():
                for step in steps:
                    step()
                    refresh(as_of=NOW)
                    assert_facts_are_exact(NOW)
                assert list(facts_are_exact()) == []
                transaction.set_rollback(True)
        for step in steps:
            step()
        assert refresh(as_of=NOW).kind in ("changes", "nothing")
        assert_facts_are_exact(NOW)
        counted = of_anna()
        assert {name: counted[name] for name in expected} == expected
        assert refresh(as_of=NOW, full=True).counts["facts_written"] == 0
        refresh(as_of=NOW + timedelta(days=1))
        assert_facts_are_exact(NOW + timedelta(days=1))

    def test_that_was_cancelled_says_why_it_is_not_called_back(self) -> None:
        ingest_orders([order(status="cancelled")], now=NOW)
        refused = ingest_orders([order(status="completed")], now=NOW).rejected
        assert [error.code for row in refused for error in row.errors] == ["status_goes_back"]

    def test_that_lies_ahead_counts_when_its_hour_has_come_without_another_mark(self) -> None:
        ingest_orders([order(ago=-0.8)], now=NOW)
        refresh(as_of=NOW)
        for hours in (1, 19, 20, 48):
            refresh(as_of=NOW + timedelta(hours=hours))
            assert_facts_are_exact(NOW + timedelta(hours=hours))
        assert of_anna()["order_count"] == 3

    def test_that_is_deleted_takes_its_lines_along_and_leaves_the_products(self) -> None:
        delete_order(order_id=Order.objects.get(external_id="o2").pk)
        assert (OrderLine.objects.count(), Product.objects.count()) == (0, 1)


# --- An ingest between any two statements of a refresh


class Interleaved:
    """Lets somebody write before the nth statement of whoever is watched. On one connection the rival's writing commits with
    ours: what is shown is that a mark written after the marks were taken stays for the next refresh."""

    def __init__(self, nth: int, rival: Step) -> None:
        self.nth, self.rival, self.seen, self.begun = nth, rival, 0, False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.seen += 1
        if self.seen == self.nth and not self.begun:
            self.begun = True
            self.rival()
        return execute(sql, params, many, context)


PARTS = 3


class TestAnIngestBetweenTwoStatementsOfARefresh:
    def statements(self) -> int:
        counting = Interleaved(0, lambda: None)
        with transaction.atomic(), connection.execute_wrapper(counting):
            refresh(as_of=NOW)
            transaction.set_rollback(True)
        return counting.seen

    @pytest.mark.parametrize("part", range(PARTS))
    def test_is_counted_by_this_one_or_the_next(self, part: int) -> None:
        """Every statement is tried, a part of them in each case."""
        ingest_orders(START, now=NOW)
        refresh(as_of=NOW)
        ingest_orders([order("changed", ago=2)], now=NOW)
        every = self.statements()
        assert every > PARTS
        for nth in range(1 + part, every + 1, PARTS):
            with transaction.atomic():
                watched = Interleaved(nth, told(order(f"rival{nth}", ago=1), order("changed", ago=2, total_minor=nth)))
                with connection.execute_wrapper(watched):
                    refresh(as_of=NOW)
                assert watched.begun, f"only {watched.seen} statements"
                refresh(as_of=NOW)
                assert_facts_are_exact(NOW)
                assert not DirtyMark.objects.exists()
                transaction.set_rollback(True)

    def test_is_lost_where_marks_are_taken_after_facts_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The proof that the test above can fail: a refresh that drops the marks last loses what came in between."""
        ingest_orders(START, now=NOW)
        refresh(as_of=NOW)
        ingest_orders([order("changed", ago=2)], now=NOW)
        real = facts.count_due

        def count_and_drop(**given: datetime) -> int:
            counted = real(**given)
            told(order("rival", member="bert", ago=1))()
            DirtyMark.objects.all().delete()
            return counted

        with monkeypatch.context() as patched:
            patched.setattr("retention.services.refresh.facts.count_due", count_and_drop)
            refresh(as_of=NOW)
        refresh(as_of=NOW)
        with pytest.raises(AssertionError):
            assert_facts_are_exact(NOW)


def test_events_of_every_age_are_kept_once() -> None:
    items = [event(f"e{ago}", ago=ago) for ago in (0, 31, 400)]
    for _time in range(2):
        ingest_events([*items, *items], now=NOW)
    assert BehaviourEvent.objects.count() == 3
