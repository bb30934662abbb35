from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from members.models import REPORTED_KINDS, BehaviourEvent, Category, EventKind, Member, Order, Product
from retention.behaviours import BEHAVIOURS
from retention.models import Membership, Segment
from retention.scored import current_parameters, scored
from retention.selectors import explain, matching, preview
from retention.selectors.rules import Rulebook, condition
from retention.services.refresh import refresh
from retention.services.rules import sentence
from retention.services.segments import create_segment
from rules.compile import compile_leaves
from tests.factories import NOW, TODAY_NUMBER, make_event, make_line, make_member, make_order, mark_dirty, shop_time

pytestmark = pytest.mark.django_db


def meant(rule: dict[str, Any], **more: Any) -> set[str]:
    ids = matching(rule=rule, **more)
    return set(Member.objects.filter(pk__in=ids).values_list("external_id", flat=True))


def did(kind: str = "order", operator: str = ">=", times: Any = 1, **more: Any) -> dict[str, Any]:
    return {"did": kind, "operator": operator, "times": times, **more}


def summed(of: str, operator: str, value: Any, kind: str = "order", **more: Any) -> dict[str, Any]:
    return {"did": kind, "operator": operator, "sum": of, "value": value, **more}


class TestWindows:
    @pytest.fixture(autouse=True)
    def _orders(self, db: None) -> None:
        for ago in (0, 29, 30, 89, 90):
            make_order(make_member(f"ago{ago}"), placed_at=shop_time(TODAY_NUMBER - ago))
        make_member("never")
        refresh(as_of=NOW)

    @pytest.mark.parametrize(
        ("window", "inside"),
        [
            ({}, {0, 29, 30, 89, 90}),
            ({"within_days": 1}, {0}),
            ({"within_days": 30}, {0, 29}),
            ({"within_days": 90}, {0, 29, 30, 89}),
            ({"between_days_ago": [30, 89]}, {30, 89}),
            ({"between_days_ago": [89, 30]}, {30, 89}),
            ({"between_days_ago": [0, 0]}, {0}),
            ({"since": "2026-05-17"}, {0, 29}),
            ({"since": "2030-01-01"}, set()),
        ],
    )
    def test_hold_the_dates_they_name(self, window: dict[str, Any], inside: set[int]) -> None:
        assert meant(did(**window)) == {f"ago{ago}" for ago in inside}
        everybody = {"ago0", "ago29", "ago30", "ago89", "ago90", "never"}
        assert meant(did(operator="=", times=0, **window)) == everybody - {f"ago{ago}" for ago in inside}

    def test_move_with_the_day_that_is_asked_for(self) -> None:
        assert meant(did(within_days=30), as_of=NOW + timedelta(days=1)) == {"ago0"}


class TestWhatCounts:
    def test_is_every_order_but_the_cancelled(self) -> None:
        member = make_member("m")
        for status in ("placed", "paid", "shipped", "completed", "cancelled"):
            make_order(member, status=status)
        refresh(as_of=NOW)
        assert meant(did(operator="=", times=4)) == {"m"}
        assert meant(did(operator="=", times=1, where={"status": "paid"})) == {"m"}

    def test_is_nothing_later_than_the_refresh(self) -> None:
        member = make_member("m")
        make_order(member, placed_at=NOW)
        make_order(member, placed_at=NOW + timedelta(seconds=1))
        make_event(member, "visit", occurred_at=NOW + timedelta(hours=3))
        refresh(as_of=NOW)
        assert meant(did(operator="=", times=1, within_days=1)) == {"m"}
        assert meant(did("visit")) == set()
        assert meant(did("visit"), as_of=NOW + timedelta(hours=3)) == {"m"}

    def test_is_revenue_less_refunds(self) -> None:
        make_order(make_member("m"), total_minor=10_000, refunded_minor=4_000)
        make_member("nobody")
        refresh(as_of=NOW)
        assert meant(summed("amount_minor", "=", 6_000)) == {"m"}
        assert meant(did(where={"amount_minor": {"operator": "<=", "value": 6_000}})) == {"m"}
        assert meant(summed("amount_minor", "<", 6_000)) == {"nobody"}

    def test_is_no_refund_given_later(self) -> None:
        order = make_order(make_member("m"), total_minor=10_000, refunded_minor=4_000)
        order.refunds.update(refunded_at=NOW + timedelta(seconds=1))
        refresh(as_of=NOW)
        assert meant(summed("amount_minor", "=", 10_000)) == {"m"}
        assert meant(did(where={"refunded_minor": 0, "amount_minor": 10_000})) == {"m"}
        assert meant(summed("amount_minor", "=", 6_000), as_of=NOW + timedelta(seconds=1)) == {"m"}

    def test_is_each_day_once_where_days_are_asked_for(self) -> None:
        member = make_member("m")
        for hours in (1, 2, 30):
            make_event(member, "visit", occurred_at=NOW - timedelta(hours=hours))
        refresh(as_of=NOW)
        assert meant(did("visit", "=", 2, distinct_days=True)) == {"m"}
        assert meant(did("visit", "=", 3)) == {"m"}

    def test_is_nothing_that_nobody_writes(self) -> None:
        """Asked for, it would count as never done by anybody. Coupons given are asked for where they stand."""
        events = {behaviour.code for behaviour in BEHAVIOURS} - {"order", "refund"}
        assert set(EventKind) - events == {EventKind.COUPON_ISSUED}

    @pytest.mark.parametrize("kind", REPORTED_KINDS)
    def test_is_every_kind_of_event(self, kind: str) -> None:
        make_event(make_member("m"), kind)
        make_member("nobody")
        refresh(as_of=NOW)
        assert meant(did(kind)) == {"m"}
        assert meant(did(kind, "=", 0)) == {"nobody"}

    def test_may_be_summed_and_asked_in_every_way_the_catalogue_names(self) -> None:
        refresh(as_of=NOW)
        for behaviour in BEHAVIOURS:
            missing = [did(behaviour.code, where={field.name: {"operator": "is_null"}}) for field in behaviour.wheres]
            added_up = [summed(field.name, ">", 0, behaviour.code) for field in behaviour.sums]
            for rules in filter(None, (missing, added_up)):
                assert meant({"combinator": "or", "rules": rules}) == set()


class TestOrdersOfACategory:
    @pytest.fixture(autouse=True)
    def _orders(self, db: None) -> None:
        member = make_member("both")
        order = make_order(member, total_minor=10_000)
        make_line(order, "green", "tea", amount_minor=3_000, quantity=3)
        make_line(order, "black", "tea", amount_minor=2_000)
        make_line(order, "arabica", "coffee", amount_minor=5_000)
        make_order(make_member("bare"), total_minor=10_000)
        refresh(as_of=NOW)

    def test_count_once_however_many_lines_match(self) -> None:
        assert meant(did(operator="=", times=1, where={"category": "tea"})) == {"both"}
        assert meant(did(where={"category": ["tea", "coffee"]})) == {"both"}

    def test_need_one_line_that_is_all_that_is_asked(self) -> None:
        assert meant(did(where={"category": "tea", "product": "black"})) == {"both"}
        assert meant(did(where={"category": "coffee", "product": "black"})) == set()

    def test_add_up_to_whole_orders_or_to_the_lines_alone(self) -> None:
        tea = {"category": "tea"}
        assert meant(summed("amount_minor", "=", 10_000, where=tea)) == {"both"}
        assert meant(summed("lines_minor", "=", 5_000, where=tea)) == {"both"}
        assert meant(summed("quantity", "=", 4, where=tea)) == {"both"}
        assert meant(summed("lines_minor", "=", 10_000)) == {"both"}
        assert meant(summed("lines_minor", "=", 0)) == {"bare"}

    def test_are_of_the_category_as_it_is_written(self) -> None:
        assert meant(did(where={"category": "Tea"})) == set()


class TestEventsOfACategory:
    def test_say_it_themselves_or_have_it_from_their_product(self) -> None:
        kind = Category.objects.create(name="tea")
        product = Product.objects.create(code="green", category=kind)
        make_event(make_member("own"), "view", category="tea")
        make_event(make_member("products"), "view", product=product)
        make_event(make_member("other"), "view", product=product, category="gifts")
        refresh(as_of=NOW)
        assert meant(did("view", where={"category": "tea"})) == {"own", "products"}


class TestTheQuery:
    @staticmethod
    def looks(*rules: dict[str, Any]) -> int:
        """How many times the orders are read for these rules together."""
        rows = scored(as_of_day=TODAY_NUMBER, parameters=current_parameters())
        for number, rule in enumerate(rules):
            rows = rows.annotate(**{f"rule_{number}": condition(rule, day=TODAY_NUMBER, as_of=NOW)})
        return str(rows.query).count(f'FROM "{Order._meta.db_table}"')

    def test_reads_the_same_window_once(self) -> None:
        assert self.looks(did(within_days=90)) == 1
        assert self.looks(did(within_days=90), did(operator="=", times=0, within_days=90)) == 1
        assert self.looks(did(within_days=90), summed("amount_minor", ">=", 1, within_days=90)) == 1
        assert self.looks(did(within_days=90), did(between_days_ago=[0, 89])) == 1
        assert self.looks(did(within_days=90), did(within_days=30)) == 2
        city, channel = {"city": "Wuhan"}, {"channel": "app"}
        assert self.looks(did(where={**city, **channel}), did(where={**channel, **city})) == 1
        assert self.looks(did(where=city), did(where=channel)) == 2

    def test_reads_of_one_member_only_this_members_orders(self) -> None:
        member = make_member("m")
        make_order(member)
        refresh(as_of=NOW)
        with CaptureQueriesContext(connection) as queries:
            assert meant(did(), member_ids=member.pk) == {"m"}
        reading = next(each["sql"] for each in queries if Order._meta.db_table in each["sql"])
        assert reading.count(f'"member_id" = {member.pk}') == 2  # of facts and of orders

    @pytest.mark.parametrize("scope", ["one", "some", "queryset", "none"])
    def test_answers_the_same_for_any_scope(self, scope: str) -> None:
        members = [make_member(f"m{number}") for number in range(4)]
        for member in members[:3]:
            make_order(member)
        refresh(as_of=NOW)
        scopes: dict[str, Any] = {
            "one": members[0].pk,
            "some": [member.pk for member in members[1:]],
            "queryset": Member.objects.filter(external_id__in=["m2", "m3"]).values("pk"),
            "none": [],
        }
        expected = {"one": {"m0"}, "some": {"m1", "m2"}, "queryset": {"m2"}, "none": set()}[scope]
        assert meant(did(), member_ids=scopes[scope]) == expected

    def test_stands_in_exclusions_counts_and_aggregates(self) -> None:
        for name in ("a", "b"):
            make_order(make_member(name))
        make_event(Member.objects.get(external_id="b"), "complaint")
        refresh(as_of=NOW)
        assert meant(did(), exclusion=did("complaint")) == {"a"}
        assert preview(rule=did()).count == 2
        rows = scored(as_of_day=TODAY_NUMBER, parameters=current_parameters())
        counted = rows.aggregate(
            orders=Count("member_id", filter=condition(did(), day=TODAY_NUMBER)),
            complaints=Count("member_id", filter=condition(did("complaint"), day=TODAY_NUMBER)),
        )
        assert counted == {"orders": 2, "complaints": 1}
        stages = rows.filter(condition(did(), day=TODAY_NUMBER)).values("lifecycle_stage").annotate(members=Count("pk"))
        assert list(stages) == [{"lifecycle_stage": "new", "members": 2}]

    def test_cannot_be_stopped_by_extremes(self) -> None:
        member = make_member("m")
        for _order in range(3):
            make_order(member, total_minor=10**12)
        make_event(member, "view", value=-(10.0**15), dwell_seconds=1e9)
        refresh(as_of=NOW)
        assert meant(summed("amount_minor", "=", 3 * 10**12)) == {"m"}
        assert meant(summed("amount_minor", "<=", 2**63 - 1)) == {"m"}
        assert meant(summed("value", "<", 0, "view")) == {"m"}
        assert meant(did("view", where={"value": {"operator": "<", "value": -9e18}})) == set()
        assert meant(did(operator="<=", times=2**63 - 1)) == {"m"}
        assert meant(did("view", where={"rating": {"operator": "<", "value": -(2**63)}})) == set()


class TestSegments:
    def test_follow_what_members_do(self) -> None:
        member = make_member("m")
        make_event(member, "visit", occurred_at=shop_time(TODAY_NUMBER - 29))
        create_segment(slug="came", name="Came", rule=did("visit", within_days=30), now=NOW)
        refresh(as_of=NOW)
        assert Membership.objects.count() == 1
        other = make_member("n")
        make_event(other, "visit")
        refresh(as_of=NOW)
        assert Membership.objects.count() == 2
        BehaviourEvent.objects.filter(member=member).delete()
        mark_dirty(member)
        refresh(as_of=NOW)
        assert Membership.objects.get().member_id == other.pk
        refresh(as_of=NOW + timedelta(days=30))
        assert Membership.objects.count() == 0
        assert Segment.objects.get().member_count == 0


class TestExplain:
    def test_tells_how_often_and_what_would_have_to_change(self) -> None:
        member = make_member("m")
        make_order(member, total_minor=2_500)
        refresh(as_of=NOW)
        rule = {
            "combinator": "and",
            "rules": [
                did(times=2, within_days=90),
                summed("amount_minor", ">=", 2_000),
                did("visit", "=", 0, within_days=30),
            ],
        }
        why = explain(rule=rule, member_id=member.pk)
        assert why is not None
        assert [(each.held, each.value, each.value_text, each.threshold) for each in why.children] == [
            (False, 1, "1 time", 2),
            (True, 2_500, "¥25", 2_000),
            (True, 0, "0 times", 0),
        ]
        assert [each.sentence for each in why.changes()] == ["ordered at least 2 times in the last 90 days"]
        assert why.sentence == (
            "ordered at least 2 times in the last 90 days and ordered with total amount of at least ¥20"
            " and did not visit in the last 30 days"
        )


class TestSentences:
    @pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.code)
    def test_say_every_behaviour_done_and_not_done(self, behaviour: Any) -> None:
        done = sentence(did(behaviour.code, within_days=30))
        assert done == f"{behaviour.deed.yes} at least once in the last 30 days"
        undone = sentence({"combinator": "and", "not": True, "rules": [did(behaviour.code, within_days=30)]})
        assert undone == f"{behaviour.deed.no} in the last 30 days"
        for name, deed in behaviour.deeds_to:
            choices = behaviour.where(name).choices or [("x", "x")]
            value, label = choices[0]
            assert sentence(did(behaviour.code, where={name: value})) == f"{deed.yes % {'what': label}} at least once"


class TestAGoneBehaviour:
    def test_leaves_nobody_meant(self) -> None:
        book = Rulebook()
        rule = book.read(did())
        book.catalogue._behaviours.clear()  # as after a release that no longer knows orders
        with pytest.raises(Exception, match="nothing this shop records"):
            compile_leaves(rule, book.catalogue, as_of_day=TODAY_NUMBER)
