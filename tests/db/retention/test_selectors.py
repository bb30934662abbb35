from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Value

from core.errors import InvalidInput
from core.registry import member_sections
from core.sql import insert_from_select
from members.models import Member
from retention.models import StaticMember
from retention.selectors import explain, facts_rows, matching, preview, scores_rows
from retention.services.refresh import refresh
from retention.services.rules import checked_rule, sentence
from retention.services.segments import create_segment
from rules.ast import Compare
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db

MODELLED = (
    *("p_alive", "expected_orders_90d", "clv_365d_minor", "churn_probability", "churn_calibrated", "churn_rank"),
    "value_layer",
)
"""What is not known before a model is fitted."""


def leaf(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def ids(rows: Any) -> set[int]:
    return {row["member_id"] for row in rows}


BUYERS = leaf("order_count", ">=", 1)


class TestMatching:
    def test_gives_the_members_a_rule_means(self) -> None:
        buyer, _other = make_member(), make_member()
        make_order(buyer)
        refresh(as_of=NOW)
        assert ids(matching(rule=BUYERS)) == {buyer.pk}

    def test_knows_nobody_before_the_first_refresh(self) -> None:
        make_member()
        assert ids(matching(rule={"everyone": True})) == set()
        with pytest.raises(InvalidInput):
            matching(rule=leaf("nothing", "=", 1))

    def test_stands_in_a_subquery_and_in_an_insert(self) -> None:
        buyer, other = make_member(), make_member()
        make_order(buyer)
        segment = create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        meant = matching(rule={"in_segment": "buyers"})
        assert list(Member.objects.filter(pk__in=meant)) == [buyer]
        assert list(Member.objects.exclude(pk__in=meant)) == [other]
        rows = meant.annotate(segment=Value(segment.pk)).values_list("segment", "member_id")
        assert insert_from_select(StaticMember, rows, ["segment", "member_id"]) == 1
        assert StaticMember.objects.get().member_id == buyer.pk

    def test_leaves_out_whom_the_exclusion_means_and_nobody_it_is_unknown_of(self) -> None:
        wuhan, beijing, unknown = make_member(city="Wuhan"), make_member(city="Beijing"), make_member()
        refresh(as_of=NOW)
        found = matching(rule={"everyone": True}, exclusion=leaf("city", "=", "Wuhan"))
        assert ids(found) == {beijing.pk, unknown.pk}
        assert wuhan.pk not in ids(found)

    def test_looks_at_the_members_asked_for_alone(self) -> None:
        first, second, third = (make_member() for _ in range(3))
        refresh(as_of=NOW)
        assert ids(matching(rule={"everyone": True}, member_ids=[first.pk, third.pk])) == {first.pk, third.pk}
        chosen = Member.objects.filter(pk=second.pk).values("pk")
        assert ids(matching(rule={"everyone": True}, member_ids=chosen)) == {second.pk}
        assert ids(matching(rule={"everyone": True}, member_ids=[])) == set()

    def test_ages_the_scores_for_a_later_time(self) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 10))
        refresh(as_of=NOW)
        silent = leaf("days_since_last_order", ">=", 12)
        assert ids(matching(rule=silent)) == set()
        assert ids(matching(rule=silent, as_of=NOW + timedelta(days=2))) == {member.pk}

    def test_refuses_a_time_before_the_facts(self) -> None:
        refresh(as_of=NOW)
        with pytest.raises(InvalidInput) as error:
            matching(rule={"everyone": True}, as_of=NOW - timedelta(seconds=1))
        assert [(each.path, each.code) for each in error.value.problems] == [("as_of", "before_facts")]
        assert error.value.status == 422

    @pytest.mark.parametrize("today", [True, False])
    def test_finds_birthdays_on_29_february_in_common_years(self, today: bool) -> None:
        born = make_member(birth_key=229)
        day = shop_time(TODAY_NUMBER) + timedelta(days=258 if today else 259)
        refresh(as_of=day)  # 28 February and 1 March 2027
        assert (born.pk in ids(matching(rule=leaf("birth_date", "is_anniversary_within_days", 1)))) is today


class TestPreview:
    def test_counts_and_shows_some(self) -> None:
        members = [make_member(f"p{number:02}") for number in range(20)]
        for member in members[:15]:
            make_order(member)
        refresh(as_of=NOW)
        shown = preview(rule=BUYERS, sample=3)
        assert (shown.count, shown.share, shown.sample) == (15, 0.75, ("p00", "p01", "p02"))
        assert shown.sentence == "orders is at least 1 order"

    def test_of_an_empty_shop_is_nobody(self) -> None:
        shown = preview(rule={"everyone": True})
        assert (shown.count, shown.share, shown.sample) == (0, 0.0, ())


class TestExplain:
    def test_gives_each_condition_with_its_value(self) -> None:
        member = make_member(city="Wuhan")
        make_order(member)
        refresh(as_of=NOW)
        rule = {"combinator": "and", "rules": [BUYERS, leaf("city", "=", "Beijing"), leaf("gender", "=", "female")]}
        why = explain(rule=rule, member_id=member.pk)
        assert why is not None
        assert why.held is False
        assert [(each.held, each.value, each.decides) for each in why.children] == [
            (True, 1, False),
            (False, "Wuhan", True),
            (None, None, False),
        ]

    def test_looks_into_segments(self) -> None:
        member = make_member()
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        why = explain(rule={"in_segment": "buyers"}, member_id=member.pk)
        assert why is not None
        assert (why.kind, why.held, why.children[0].value) == ("segment", False, 0)

    def test_knows_nothing_of_a_member_without_facts(self) -> None:
        refresh(as_of=NOW)
        assert explain(rule=BUYERS, member_id=12345) is None


class TestSections:
    def test_carry_the_names_of_the_rule_language(self) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 3), total_minor=1_000, coupon_code="A")
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 13), total_minor=501)
        refresh(as_of=NOW)
        facts = facts_rows([member.pk])[member.pk]
        assert facts == {
            "order_count": 2,
            "revenue_minor": 1_501,
            "average_order_minor": 751,
            **{f"order_count_{days}d": 2 for days in (30, 90, 180, 365)},
            **{f"revenue_minor_{days}d": 1_501 for days in (30, 90, 180, 365)},
            "first_order_at": "2026-06-02",
            "last_order_at": "2026-06-12",
            "refund_count": 0,
            "refund_rate": 0.0,
            "coupon_share": 0.5,
            "discount_share": 0.0,
            "preferred_hour": 12,
            "preferred_channel": None,
            "favourite_category": None,
            "last_visit_at": None,
            "carts_left_30d": 0,
            "complaint_count_90d": 0,
            "average_rating": None,
            "points_balance": 0,
            "growth_value": 0,
            "last_contacted_at": None,
            "messages_30d": 0,
            "coupons_redeemed_90d": 0,
            "tier": None,
            "tier_drop_on": None,
        }
        scores = scores_rows([member.pk], as_of=NOW + timedelta(days=1))[member.pk]
        assert scores == {
            "days_since_last_visit": None,
            "days_since_last_order": 4,
            "mean_gap_days": 10.0,
            "rhythm_days": 10.0,
            "overdue_ratio": 0.4,
            "r_score": None,
            "f_score": None,
            "m_score": None,
            "rfm_group": None,
            "lifecycle_stage": "new",
            "churn_reason": None,
            **dict.fromkeys(MODELLED),
        }

    def test_have_a_row_for_a_member_no_refresh_has_seen(self) -> None:
        refresh(as_of=NOW)
        member = make_member()
        assert facts_rows([member.pk])[member.pk]["order_count"] == 0
        assert scores_rows([member.pk])[member.pk]["lifecycle_stage"] == "none"

    def test_are_one_statement_for_a_page(self, django_assert_max_num_queries: Any) -> None:
        members = [make_member() for _ in range(50)]
        refresh(as_of=NOW)
        with django_assert_max_num_queries(4):
            rows = facts_rows([member.pk for member in members])
        assert len(rows) == 50

    def test_are_registered(self) -> None:
        member = make_member()
        refresh(as_of=NOW)
        shown = {section.code: section.rows(member_ids=[member.pk], as_of=None) for section in member_sections}
        assert set(shown["facts"]) == set(shown["scores"]) == {member.pk}


class TestRules:
    def test_are_checked_under_a_prefix(self) -> None:
        assert checked_rule(BUYERS) == Compare("order_count", ">=", 1)
        group = {"combinator": "and", "rules": [leaf("order_cont", "=", 1)]}
        with pytest.raises(InvalidInput) as error:
            checked_rule(group, prefix="audience")
        assert [each.path for each in error.value.problems] == ["audience.rules[0].field"]
        assert "order_count" in str(error.value.problems[0].message)

    def test_are_said_in_words(self) -> None:
        create_segment(slug="buyers", name="Good buyers", rule=BUYERS, now=NOW)
        rule = {"combinator": "and", "rules": [{"in_segment": "buyers"}, leaf("revenue_minor", ">", 123_456)]}
        assert sentence(rule) == "in segment Good buyers and revenue is more than ¥1,234.56"
