"""Random rules on what members did and on attributes: the database's answers are those of the plain oracle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from campaigns.coupons.issue import Grant, issue_batch
from campaigns.models import Coupon, CouponTemplate, Enrolment
from core.periods import date_of
from members.models import AttributeDefinition, BehaviourEvent, Category, Member, OrderLine, Product, Shop
from members.services.points.awarding import award_points
from retention.fields import catalogue
from retention.models import Membership
from retention.scored import current_parameters, scored
from retention.selectors import facts_rows, scores_rows
from retention.selectors.state import asked_at
from retention.services.reasons import use_defaults
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from retention.services.static_lists import create_list
from rules.check import check
from rules.compile import compile_flag, compile_rule
from rules.parse import parse
from tests.campaign_factories import make_draft
from tests.coupons import make_template
from tests.db.retention.behaviour_oracle import BehaviourOracle, attribute_rows
from tests.factories import NOW, TODAY_NUMBER, make_event, make_member, make_order, mark_dirty, shop_time
from tests.tiers import put_in_force

TYPES = {
    **{"club": "text", "children": "number", "vip": "boolean", "since": "date"},
    **{"2024": "number", "a.b\"c'$[0]": "text", "身高 %s": "number"},
}
ATTRIBUTES: list[Any] = [
    *("gold", "Gold", "", "2026-02-29", "2026-02-28", "2024-02-29", "0000-01-01", "2026-6-1", "12", "true", "日本"),
    *(0, 1, -2.5, 5e-324, 1e308, 2**53, True, False),
]
AGO = [0, 1, 6, 7, 29, 30, 31, 89, 90, 91, 400]
TIMES = [timedelta(hours=-12), timedelta(), timedelta(hours=3), timedelta(hours=11, minutes=59)]
KINDS = ["visit", "view", "review"]
OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "between"]
TEXT_OPERATORS = ["=", "!=", "in", "not_in", "contains", "starts_with", "is_null", "is_not_null"]
NUMBER_OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "between", "is_null", "is_not_null"]
WORDS = {
    "category": ["tea", "Tea", "coffee", "none"],
    "product": ["p0", "p1", "p2", "none"],
    "sku": ["red", "blue"],
    "shop": ["default", "other"],
    "status": ["placed", "paid", "completed"],
    "channel": ["app", "App", "web"],
    "coupon_code": ["SPRING"],
    "city": ["Wuhan", "武汉"],
    "keyword": ["tea pot", "Tea", "pot"],
    "topic": ["late", "late parcel"],
    "page": ["/", "/tea"],
    "reason": ["quality", "price", "other"],
    "campaign": ["win-back", "Win-back", "none"],
    "template": ["spring", "summer"],
}
CHANNELS = ["sms", "email"]
MESSAGES = ["message_sent", "message_opened", "message_clicked"]
CHOSEN = ("status", "reason")
NUMBERS = {
    **{"amount_minor": [0, 500, 1_000], "discount_minor": [0, 100], "refunded_minor": [0, 500], "points_used": [0, 5]},
    **{"shipping_days": [0, 1, 2], "delivery_days": [0, 2, 8]},
    **{"hour": [0, 12, 15], "rating": [1, 3, 5], "dwell_seconds": [0.0, 1.5, 30.0], "value": [-1.5, 0.0, 2.25]},
}
ASKED = {
    "order": [
        *("category", "product", "sku", "shop", "status", "channel", "coupon_code", "city"),
        *("amount_minor", "discount_minor", "refunded_minor", "points_used", "hour", "shipping_days", "delivery_days"),
    ],
    "refund": ["reason", "amount_minor", "shop"],
    "event": ["category", "product", "keyword", "topic", "page", "rating", "dwell_seconds", "value"],
    **{kind: ["channel", "campaign"] for kind in MESSAGES},
    "coupon_redeemed": ["template", "campaign"],
    "coupon_issued": ["template", "campaign"],
}
CONTACTS = {
    "messages_30d": (["=", "<", ">=", "between"], [0, 1, 2]),
    "coupons_redeemed_90d": (["=", "!=", ">="], [0, 1]),
    "last_contacted_at": (["before", "after", "is_null", "within_last_days"], ["2026-06-01", "2026-03-17"]),
}
SUMS: dict[str, dict[str, list[Any]]] = {
    "order": {
        "amount_minor": [0, 1, 500, 2_000],
        "lines_minor": [0, 300, 900],
        "quantity": [0, 1, 4],
        "points_used": [0, 5],
    },
    "refund": {"amount_minor": [0, 500, 2_000]},
    "event": {"value": [-1.5, 0, 2.25], "dwell_seconds": [0, 1.5, 31.5]},
}


def some(random: Random, *values: Any, missing: Any) -> Any:
    return random.choice(values) if random.random() < 0.7 else missing


def make_shop(random: Random, members: int) -> None:
    categories = [Category.objects.create(name=name) for name in ("tea", "Tea")]
    products = [
        Product.objects.create(code=f"p{number}", category=some(random, *categories, missing=None)) for number in range(4)
    ]
    shops = [Shop.objects.create(slug="other", name="Other")]
    for slug in WORDS["campaign"][:2]:
        make_enrolment(slug)
    for _number in range(members):
        attributes = {name: random.choice(ATTRIBUTES) for name in TYPES if random.random() < 0.7}
        member = make_member(city=some(random, "Wuhan", "武汉", missing=""), attributes=attributes)
        for _order in range(random.choice([0, 1, 1, 3, 8])):
            make_random_order(random, member, products, shops)
        for _event in range(random.choice([0, 1, 4, 9])):
            make_random_event(random, member, products)
        for _contact in range(random.choice([0, 0, 1, 3])):
            make_random_contact(random, member)


def moment(random: Random) -> Any:
    return shop_time(TODAY_NUMBER - random.choice(AGO)) + random.choice(TIMES)


def make_random_order(random: Random, member: Member, products: list[Product], shops: list[Shop]) -> None:
    total = random.choice([0, 500, 1_000, 1_500])
    more = {"shop": random.choice(shops)} if random.random() < 0.3 else {}
    placed_at = moment(random)
    order = make_order(
        member,
        placed_at=placed_at,
        shipped_at=some(random, placed_at, placed_at + timedelta(hours=20), missing=None),
        delivered_at=some(random, placed_at + timedelta(hours=30), placed_at + timedelta(days=8), missing=None),
        total_minor=total,
        refunded_minor=random.choice([0, 0, total]),
        status=random.choice(["placed", "paid", "completed", "cancelled"]),
        discount_minor=random.choice([0, 100]),
        points_used=random.choice([0, 5]),
        channel=some(random, "app", "App", "web", missing=""),
        coupon_code=some(random, "SPRING", "spring", missing=""),
        city=some(random, "Wuhan", "武汉", missing=""),
        **more,
    )
    reason = random.choice(WORDS["reason"])
    order.refunds.update(refunded_at=NOW + timedelta(hours=random.choice([-1, 0, 1])), reason=reason)
    for position in range(random.choice([0, 1, 1, 2, 3])):
        OrderLine.objects.create(
            order=order,
            position=position,
            product=random.choice(products),
            sku=some(random, "red", "blue", missing=""),
            quantity=random.choice([1, 2]),
            unit_price_minor=300,
            amount_minor=random.choice([0, 300, 600]),
        )


def make_random_event(random: Random, member: Member, products: list[Product]) -> None:
    make_event(
        member,
        random.choice(KINDS),
        occurred_at=moment(random),
        product=some(random, *products, missing=None),
        category=some(random, "tea", "coffee", missing=""),
        keyword=some(random, "tea pot", "Tea", missing=""),
        topic=some(random, "late", "late parcel", missing=""),
        page=some(random, "/", "/tea", missing=""),
        rating=some(random, 1, 3, 5, missing=None),
        dwell_seconds=some(random, 0.0, 1.5, 30.0, missing=None),
        value=some(random, -1.5, 0.0, 2.25, missing=None),
    )


def make_random_contact(random: Random, member: Member) -> None:
    """What the product did: it wrote to the member, gave a coupon, or took one."""
    kind = random.choice([*MESSAGES, "coupon_redeemed", "coupon_issued"])
    if kind == "coupon_issued":
        make_random_coupon(random, member)
        return
    name = "channel" if kind in MESSAGES else "template"
    told = {name: random.choice(CHANNELS if name == "channel" else WORDS["template"])}
    if campaign := some(random, *WORDS["campaign"][:2], missing=None):
        told["campaign"] = campaign
    make_event(member, kind, occurred_at=moment(random), properties=told)


def make_random_coupon(random: Random, member: Member) -> None:
    slug = random.choice(WORDS["template"])
    template = CouponTemplate.objects.filter(slug=slug).first() or make_template(slug, per_member_limit=9)
    enrolment = some(random, *Enrolment.objects.values_list("pk", flat=True).order_by("pk"), missing=0)
    issue_batch(template_id=template.pk, grants=[Grant(member.pk, enrolment, Coupon.objects.count())], now=moment(random))


def make_enrolment(slug: str) -> None:
    """Of a campaign that gives coupons; whose it is matters to nobody here."""
    version = make_draft(slug=slug).versions.get()
    Enrolment.objects.create(
        campaign=version.campaign, version=version, member_id=0, occurrence=slug, arm="treated", status="fired", due_at=NOW
    )


def random_rule(random: Random, depth: int = 2, slugs: Sequence[str] = ()) -> dict[str, Any]:
    """With `slugs`, segments inside, and what is worked out of everything else: stage, reason, days, tier, points."""
    if depth and random.random() < 0.5:
        rules = [random_rule(random, depth - 1, slugs) for _ in range(random.randint(1, 3))]
        return {"combinator": random.choice(["and", "or"]), "not": random.random() < 0.4, "rules": rules}
    if slugs and random.random() < 0.3:
        return random.choice([{"in_segment": random.choice(slugs)}, random_scored(random)])
    return random.choice([random_did, random_did, random_did, random_attribute, random_contact])(random)


def random_contact(random: Random) -> dict[str, Any]:
    name = random.choice(list(CONTACTS))
    operators, values = CONTACTS[name]
    operator = random.choice(operators)
    if operator == "is_null":
        return {"field": name, "operator": operator}
    value = random.choice([1, 30, 90]) if operator == "within_last_days" else compared(random, operator, values)
    return {"field": name, "operator": operator, "value": value}


SCORED: dict[str, tuple[list[str], list[Any]]] = {
    "lifecycle_stage": (["=", "!="], ["new", "active", "at_risk", "dormant", "lost", "none"]),
    "churn_reason": (["=", "!=", "is_null"], ["quality", "price", "natural"]),
    "days_since_last_order": ([">=", "<", "between"], [0, 7, 30, 90]),
    "points_balance": (["=", ">="], [0, 50]),
    "tier": (["=", "!=", "is_null"], ["ordinary", "silver"]),
}


def random_scored(random: Random) -> dict[str, Any]:
    name = random.choice(list(SCORED))
    operators, values = SCORED[name]
    operator = random.choice(operators)
    leaf = {"field": name, "operator": operator}
    return leaf if operator == "is_null" else {**leaf, "value": compared(random, operator, values)}


def scored_rows() -> list[dict[str, Any]]:
    """Attributes, and what the last refresh and its day give; each is proved against an oracle of its own elsewhere."""
    rows = attribute_rows(TYPES)
    ids = [row["id"] for row in rows]
    facts, scores = facts_rows(ids), scores_rows(ids)
    return [{**facts[row["id"]], **scores[row["id"]], **row} for row in rows]


def random_did(random: Random) -> dict[str, Any]:
    kind = random.choice(["order", "order", "order", "refund", *KINDS, *MESSAGES, "coupon_redeemed", "coupon_issued"])
    of = kind if kind in ASKED else "event"
    leaf: dict[str, Any] = {"did": kind, "operator": random.choice(OPERATORS), **window(random)}
    if of in SUMS and random.random() < 0.4:
        leaf["sum"] = random.choice(list(SUMS[of]))
        leaf["value"] = compared(random, leaf["operator"], SUMS[of][leaf["sum"]])
    else:
        leaf["times"] = compared(random, leaf["operator"], [0, 1, 2, 3])
        if random.random() < 0.4:
            leaf["distinct_days"] = True
    if random.random() < 0.6:
        leaf["where"] = {name: where(random, name, of) for name in random.sample(ASKED[of], random.choice([1, 1, 2]))}
    return leaf


def window(random: Random) -> dict[str, Any]:
    form = random.choice(["", "within_days", "between_days_ago", "since"])
    if form == "within_days":
        return {form: random.choice([1, 7, 30, 90])}
    if form == "between_days_ago":
        return {form: random.sample([0, 1, 7, 30, 90], 2)}
    return {form: date_of(TODAY_NUMBER - random.choice(AGO)).isoformat()} if form else {}


def compared(random: Random, operator: str, values: list[Any]) -> Any:
    return sorted(random.choices(values, k=2)) if operator == "between" else random.choice(values)


def where(random: Random, name: str, of: str) -> Any:
    words = CHANNELS if of in MESSAGES and name == "channel" else WORDS.get(name)
    if words is None:
        operator = random.choice(NUMBER_OPERATORS)
        value = {} if operator.startswith("is_") else {"value": compared(random, operator, NUMBERS[name])}
        return {"operator": operator, **value}
    if random.random() < 0.5:
        return random.choice(words) if random.random() < 0.7 else random.sample(words, 1)
    operators = TEXT_OPERATORS if name not in CHOSEN else ["=", "!=", "in", "not_in", "is_null"]
    return {"operator": (operator := random.choice(operators)), **worded(random, operator, words)}


def worded(random: Random, operator: str, words: list[str]) -> dict[str, Any]:
    if operator.startswith("is_"):
        return {}
    return {"value": random.sample(words, 1) if operator in {"in", "not_in"} else random.choice(words)}


def random_attribute(random: Random) -> dict[str, Any]:
    name = random.choice(list(TYPES))
    leaf = {"field": f"attributes.{name}"}
    match TYPES[name]:
        case "text":
            operator = random.choice(TEXT_OPERATORS)
            return {
                **leaf,
                "operator": operator,
                **worded(random, operator, ["gold", "Gold", "o", "2026-02-29", "日本", "g"]),
            }
        case "boolean":
            operator = random.choice(["=", "!=", "is_null", "is_not_null"])
            return {**leaf, "operator": operator, **({} if operator.startswith("is_") else {"value": random.random() < 0.5})}
        case "number":
            operator = random.choice(NUMBER_OPERATORS)
            numbers = [-2.5, 0, 1, 2**53, 9e18]
        case _:
            operator = random.choice(["=", "<", "before", "within_last_days", *NUMBER_OPERATORS])
            if operator == "within_last_days":
                return {**leaf, "operator": operator, "value": 200}
            numbers = ["2026-02-28", "2024-02-29", "2026-06-01"]
    return {
        **leaf,
        "operator": operator,
        **({} if operator.startswith("is_") else {"value": compared(random, operator, numbers)}),
    }


@pytest.fixture
def declared(db: None) -> None:
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(name=name, type=type_, created_at=NOW) for name, type_ in TYPES.items()
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_database_answers_as_the_oracle(seed: int, declared: None) -> None:
    random = Random(seed)
    make_shop(random, 25)
    refresh(as_of=NOW)
    asked, known = asked_at(None), catalogue()
    assert asked is not None
    oracle, rows = BehaviourOracle(NOW), attribute_rows(TYPES)
    for _batch in range(6):
        rules = [random_rule(random) for _number in range(25)]
        read = [check(parse(rule), known, segments=()) for rule in rules]
        flags = {
            f"rule_{number}": compile_flag(compile_rule(each, known, as_of_day=asked.day, as_of=asked.instant))
            for number, each in enumerate(read)
        }
        answers = scored(as_of_day=asked.day, parameters=current_parameters()).annotate(**flags)
        found = {row["member_id"]: row for row in answers.values("member_id", *flags)}
        for number, rule in enumerate(rules):
            expected = {row["id"] for row in rows if oracle.holds(rule, row) is True}
            got = {member for member, row in found.items() if row[f"rule_{number}"]}
            assert got == expected, (rule, [row for row in rows if row["id"] in got ^ expected])


@pytest.mark.parametrize("seed", range(2))
def test_segments_follow_what_changes_the_hour_and_the_day(seed: int, declared: None) -> None:
    random = Random(50 + seed)
    put_in_force(("ordinary", 0), ("silver", 1_000), window_days=90, review_days=5)
    use_defaults(now=NOW)
    make_shop(random, 20)
    some_members = random.sample(list(Member.objects.all()), 5)
    for member in some_members:
        award_points(member_id=member.pk, points=50, reference="a", now=NOW)
    create_list(slug="list", name="L", members=[member.external_id for member in some_members], now=NOW)
    listed = {"list": {member.pk for member in some_members}}
    rules: dict[str, dict[str, Any]] = {}
    for number in range(25):
        slug = f"s{number}"
        rules[slug] = random_rule(random, slugs=[*listed, *rules])
        create_segment(slug=slug, name=slug, rule=rules[slug], now=NOW)
    products, shops = list(Product.objects.all()), list(Shop.objects.all())
    for as_of in (NOW, NOW, NOW + timedelta(hours=3), NOW + timedelta(days=1)):
        refresh(as_of=as_of)
        oracle, rows = BehaviourOracle(as_of), scored_rows()
        oracle.segments = {**rules, **listed}
        found: dict[str, set[int]] = {slug: set() for slug in [*rules, *listed]}
        for slug, member_id in Membership.objects.values_list("segment__slug", "member_id"):
            found[slug].add(member_id)
        for slug, rule in rules.items():
            assert found[slug] == {row["id"] for row in rows if oracle.holds(rule, row) is True}, rule
        for member in random.sample(list(Member.objects.all()), 4):
            make_random_order(random, member, products, shops)
            make_random_event(random, member, products)
            make_random_contact(random, member)
        gone = random.choice(list(BehaviourEvent.objects.select_related("member")))
        gone.delete()
        mark_dirty(gone.member)
