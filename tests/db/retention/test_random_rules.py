"""Many random rules as segments, over members with much missing: the scan's members are those of the rules' oracle."""

from __future__ import annotations

import datetime
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from core.periods import date_of
from members.models import Member, MemberTag
from members.services.growth.entries import award_growth
from members.services.points.awarding import award_points
from retention.models import Membership, Segment
from retention.selectors import facts_rows, matching, scores_rows
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from retention.services.segments import create_segment
from tests.db.rules.oracle import Oracle
from tests.factories import NOW, TODAY, TODAY_NUMBER, make_member, make_order, shop_time
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db

CITIES = ["", "Wuhan", "Beijing"]
BIRTHDAYS = [None, 101, 228, 229, 614, 615, 616, 621, 1231]
STAGES = ["none", "new", "active", "at_risk", "dormant", "lost"]
LEAVES: dict[str, tuple[list[str], list[Any]]] = {
    "city": (["=", "!=", "contains", "is_null"], ["Wuhan", "Beijing", "e"]),
    "gender": (["=", "!=", "is_not_null"], ["female", "male"]),
    "order_count": (["=", ">=", "<", "in"], [0, 1, 2, 5]),
    "revenue_minor_90d": (["=", ">="], [0, 500, 3_000]),
    "average_order_minor": ([">", "<=", "is_null"], [500, 1_000]),
    "refund_rate": ([">", "="], [0.0, 0.5]),
    "days_since_last_order": ([">=", "<", "between"], [0, 1, 10, 30, 90]),
    "overdue_ratio": ([">", "<="], [0.5, 2.0]),
    "last_order_at": (["after", "within_last_days"], ["2026-06-01", "2026-03-17"]),
    "birth_date": (["is_anniversary_within_days", "is_null", "before"], ["1995-01-01"]),
    "registered_at": (["within_last_days", "is_null"], []),
    "lifecycle_stage": (["=", "!=", "in"], STAGES),
    "r_score": (["=", ">="], [1, 3, 5]),
    "tags": (["has_tag"], ["vip", "nobody has it"]),
    "tier": (["=", "!=", "in", "is_null"], ["ordinary", "silver", "gold"]),
    "tier_drop_on": (["within_next_days", "is_null", "after"], ["2026-06-20"]),
    "points_balance": (["=", ">="], [0, 50, 100]),
    "growth_value": (["=", ">"], [0, 7]),
}
DAYS = [1, 2, 7, 90]


def make_members(random: Random, count: int) -> None:
    put_in_force(("ordinary", 0), ("silver", 1_000), ("gold", 2_500), window_days=90, review_days=5)
    for _number in range(count):
        key = random.choice(BIRTHDAYS)
        member = make_member(
            city=random.choice(CITIES),
            gender=random.choice(["", "female", "male"]),
            birth_key=key,
            birth_year=random.choice([None, 1990, 1996]) if key else None,
            registered_at=random.choice([None, shop_time(TODAY_NUMBER - 5)]),
        )
        if random.random() < 0.3:
            MemberTag.objects.create(member=member, tag="vip")
        add_orders(random, member)
        if random.random() < 0.3:
            award_points(member_id=member.pk, points=random.choice([50, 100]), reference="a", now=NOW)
            award_growth(member_id=member.pk, value=7, reference="g", now=NOW)


def add_orders(random: Random, member: Member) -> None:
    for _order in range(random.choice([0, 0, 1, 2, 6])):
        total = random.choice([300, 1_000, 2_500])
        make_order(
            member,
            placed_at=shop_time(TODAY_NUMBER - random.choice([0, 1, 9, 10, 29, 30, 89, 90, 300])) - timedelta(hours=6),
            total_minor=total,
            refunded_minor=random.choice([0, 0, total]),
        )


def random_rule(random: Random, slugs: list[str], depth: int = 3) -> dict[str, Any]:
    if depth and random.random() < 0.6:
        rules = [random_rule(random, slugs, depth - 1) for _ in range(random.randint(1, 3))]
        return {"combinator": random.choice(["and", "or"]), "not": random.random() < 0.4, "rules": rules}
    if slugs and random.random() < 0.15:
        return {"in_segment": random.choice(slugs)}
    name = random.choice(list(LEAVES))
    operators, values = LEAVES[name]
    operator = random.choice(operators)
    leaf = {"field": name, "operator": operator}
    if operator in {"is_null", "is_not_null"}:
        return leaf
    if operator.endswith("_days"):
        return {**leaf, "value": random.choice(DAYS)}
    if operator == "in":
        return {**leaf, "value": random.sample(values, 2)}
    if operator == "between":
        return {**leaf, "value": sorted(random.sample(values, 2))}
    return {**leaf, "value": random.choice(values)}


def oracle_rows(on: datetime.date) -> list[dict[str, Any]]:
    """What each member has, in the oracle's forms."""
    members = {member.pk: member for member in Member.objects.prefetch_related("tags")}
    facts, scores = facts_rows(list(members)), scores_rows(list(members))
    rows = []
    for pk, member in members.items():
        row = {"id": pk, **facts[pk], **scores[pk], "tags": {tag.tag for tag in member.tags.all()}}
        last = row["last_order_at"]
        row["last_order_at"] = None if last is None else datetime.date.fromisoformat(last)
        drops = row["tier_drop_on"]
        row["tier_drop_on"] = None if drops is None else datetime.date.fromisoformat(drops)
        row["city"], row["gender"] = member.city or None, member.gender or None
        row["registered_at"] = None if member.registered_day is None else date_of(member.registered_day)
        key, year = member.birth_key, member.birth_year
        row["birth_date:month_day"] = None if key is None else divmod(key, 100)
        row["birth_date"] = _birth(year, key)
        rows.append(row)
    return rows


def _birth(year: int | None, key: int | None) -> datetime.date | None:
    if year is None or key is None:
        return None
    try:
        return datetime.date(year, *divmod(key, 100))
    except ValueError:
        return datetime.date(year, 3, 1)


def assert_segments_are_the_oracles(rules: dict[str, dict[str, Any]], on: datetime.date) -> None:
    oracle = Oracle(as_of=on, segments=rules)
    rows = oracle_rows(on)
    found: dict[str, set[int]] = {slug: set() for slug in rules}
    for slug, member_id in Membership.objects.values_list("segment__slug", "member_id"):
        found[slug].add(member_id)
    for slug, rule in rules.items():
        assert found[slug] == {row["id"] for row in rows if oracle.holds(rule, row) is True}, (slug, rule)


@pytest.mark.parametrize("seed", range(3))
class TestTheScan:
    def test_equals_the_oracle_at_first_after_changes_and_the_next_day(self, seed: int) -> None:
        random = Random(seed)
        make_members(random, 40)
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        rules: dict[str, dict[str, Any]] = {}
        for number in range(100):
            rule = random_rule(random, list(rules))
            create_segment(slug=f"s{number}", name=f"S{number}", rule=rule, now=NOW)
            rules[f"s{number}"] = rule
        refresh(as_of=NOW)
        assert_segments_are_the_oracles(rules, TODAY)
        for member in random.sample(list(Member.objects.all()), 8):
            add_orders(random, member)
        assert refresh(as_of=NOW).kind in {"changes", "nothing"}
        assert_segments_are_the_oracles(rules, TODAY)
        assert refresh(as_of=NOW + timedelta(days=1)).kind == "day"
        assert_segments_are_the_oracles(rules, TODAY + timedelta(days=1))
        assert not Segment.objects.filter(failure__isnull=False).exists()

    def test_gives_whom_a_selection_gives(self, seed: int) -> None:
        random = Random(1_000 + seed)
        make_members(random, 30)
        rules = {f"s{number}": random_rule(random, []) for number in range(60)}
        for slug, rule in rules.items():
            create_segment(slug=slug, name=slug, rule=rule, now=NOW)
        refresh(as_of=NOW)
        for slug, rule in rules.items():
            members = set(Membership.objects.filter(segment__slug=slug).values_list("member_id", flat=True))
            assert {row["member_id"] for row in matching(rule=rule)} == members, rule
