"""Whatever JSON arrives, a row is accepted or refused with a reason; nothing raises, and both databases agree to hold it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.ingest import IngestResult, ingest_events, ingest_members, ingest_orders
from members.ingest.contracts import MemberItem, OrderItem
from members.ingest.contracts_events import EventItem
from members.models import BehaviourEvent, DirtyMark, Member, Order
from tests.factories import NOW

pytestmark = pytest.mark.django_db

text = st.text(st.characters(), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from(["", "\x00", "\ud800", "x" * 10_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
times = st.datetimes().map(str) | st.sampled_from(["2026-06-01", "2026-06-01T10:00:00+08:00", "0001-01-01T00:00:00+23:59"])
amounts = st.integers(-10, 200) | st.sampled_from([10**12, 10**12 + 1, 2**63, -(2**63)])
lines = st.lists(
    st.fixed_dictionaries(
        {"product": st.sampled_from(["tea", "cup"]) | json_values, "quantity": amounts, "unit_price_minor": amounts},
        optional={"amount_minor": amounts | st.none(), "category": text | st.none(), "name": text, "sku": text},
    ),
    max_size=3,
)
refunds = st.lists(
    st.fixed_dictionaries(
        {"amount_minor": amounts, "reason": st.sampled_from(["price", "other", "bad"]), "at": times | text}
    ),
    max_size=2,
)
likely = {
    "id": st.sampled_from(["a", "b", " a "]),
    "kind": st.sampled_from(["view", "search", "cart_add", "review", "message_sent", "View"]),
    "at": times,
    "rating": st.integers(0, 6),
    "dwell_seconds": st.floats() | st.integers(-1, 10**10),
    "response_seconds": st.floats() | st.integers(-1, 10**10),
    "value": st.floats() | st.integers(-(10**16), 10**16),
    "product": st.sampled_from(["tea", "cup"]) | text,
    "category": text,
    "properties": st.dictionaries(text, st.none() | st.booleans() | st.integers() | st.floats() | text, max_size=3),
    "external_id": st.sampled_from(["a", "b", " a "]),
    "member": st.sampled_from(["m", "n"]),
    "placed_at": times,
    "status": st.sampled_from(["placed", "paid", "shipped", "completed", "cancelled", "Paid"]),
    "total_minor": amounts,
    "lines": lines,
    "refunds": refunds,
    "birth_date": st.dates().map(str) | st.sampled_from(["--02-29", "1990-02-30"]),
    "gender": st.sampled_from(["female", "man"]),
    "phone": st.sampled_from(["13800138000", "+1"]) | text,
    "tags": st.lists(text, max_size=3),
    "attributes": st.dictionaries(text, st.none() | st.booleans() | st.integers() | st.floats() | text, max_size=3),
    "identifiers": st.lists(
        st.fixed_dictionaries({"source": st.just("s"), "kind": st.just("k"), "value": st.sampled_from(["1", "2", ""])}),
        max_size=2,
    ),
    "consents": st.dictionaries(st.sampled_from(["sms", "email", "fax"]), st.booleans(), max_size=2),
}


def items_of(shape: Any) -> st.SearchStrategy[object]:
    """Objects whose values are mostly of the right kind, some of any kind, some missing; and now and then no object."""
    required = {"external_id", "id", "member", "kind", "at", "placed_at", "status", "total_minor"} & set(
        shape.__struct_fields__
    )
    values = {name: likely.get(name, text) | json_values for name in shape.__struct_fields__}
    well_meant = st.fixed_dictionaries(
        {name: likely[name] for name in required}, optional={name: values[name] for name in values if name not in required}
    )
    return st.lists(well_meant | st.fixed_dictionaries({}, optional=values) | json_values, min_size=1, max_size=4)


def check(result: IngestResult, items: list[object]) -> None:
    assert result.accepted + len(result.rejected) == len(items)
    assert [row.index for row in result.rejected] == sorted({row.index for row in result.rejected})
    for row in result.rejected:
        assert row.errors
        for error in row.errors:
            assert error.code
            assert str(error.message)
            assert error.path.encode() is not None


quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class TestAnyOrder:
    @quick
    @given(items=items_of(OrderItem))
    def test_is_accepted_or_refused_and_a_second_call_changes_nothing(self, items: list[object]) -> None:
        check(ingest_orders(items, now=NOW), items)
        for item in items[-1:]:
            first = ingest_orders([item], now=NOW)
            before = list(Order.objects.order_by("pk").values())
            marks = DirtyMark.objects.count()
            assert ingest_orders([item], now=NOW) == IngestResult(first.accepted, first.rejected)
            assert list(Order.objects.order_by("pk").values()) == before
            assert DirtyMark.objects.count() == marks


class TestAnyMember:
    @quick
    @given(items=items_of(MemberItem))
    def test_is_accepted_or_refused_and_a_second_call_changes_nothing(self, items: list[object]) -> None:
        check(ingest_members(items, now=NOW, proof="a test"), items)
        for item in items[-1:]:
            first = ingest_members([item], now=NOW, proof="a test")
            before = list(Member.objects.order_by("pk").values())
            second = ingest_members([item], now=NOW, proof="a test")
            assert (second.accepted, second.created, second.changed) == (first.accepted, 0, 0)
            assert list(Member.objects.order_by("pk").values()) == before


class TestAnyEvent:
    @quick
    @given(items=items_of(EventItem))
    def test_is_accepted_or_refused_and_a_second_call_changes_nothing(self, items: list[object]) -> None:
        first = ingest_events(items, now=NOW)
        check(first, items)
        before = list(BehaviourEvent.objects.order_by("pk").values())
        marks = DirtyMark.objects.count()
        assert ingest_events(items, now=NOW) == IngestResult(first.accepted, first.rejected)
        assert list(BehaviourEvent.objects.order_by("pk").values()) == before
        assert DirtyMark.objects.count() == marks
