"""Each ready rule can be asked, and finds exactly whom it should in a small shop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from members.models import Member
from retention.models import Segment
from retention.selectors import matching
from retention.services.library import READY_RULES, count_ready_rules, ready_rule
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from retention.services.segments import create_segment
from tests.factories import NOW, make_event, make_member, make_order
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db

MEANT = {
    "tier-about-to-drop": {"asleep"},
    "at-risk-by-own-cadence": {"late"},
    "one-time-buyers-last-quarter": {"once", "complainer"},
    "high-value-dormant": {"asleep"},
    "cart-left": {"cart"},
    "coupon-lovers": {"coupons"},
    "complained-and-silent": {"complainer"},
    "birthday-next-week": {"birthday", "tomorrow"},
    "price-sensitive": {"bargains"},
    "browses-never-buys": {"browser"},
}


def buys(name: str, *days_ago: int, total_minor: int = 10_000, **fields: object) -> Member:
    member = make_member(name)
    for days in days_ago:
        make_order(member, placed_at=NOW - timedelta(days=days), total_minor=total_minor, **fields)
    return member


@pytest.fixture
def shop(db: None) -> None:
    """Each member is here for one rule. Who buys every 20 days is at risk past 40 days and dormant past 80.

    On 1 July one of four orders of 9,000 that earned a tier will have left its window.
    """
    put_in_force(("ordinary", 0), ("gold", 2_000_000), window_days=150, review="date", review_key=701)
    buys("late", 110, 90, 70, 50)
    buys("asleep", 160, 140, 120, 100, total_minor=900_000)
    buys("active", 80, 60, 40, 20)
    buys("once", 35)
    buys("once-long-ago", 200)
    coupons = buys("coupons", 50, coupon_code="X")
    for days in (30, 10):
        make_order(coupons, placed_at=NOW - timedelta(days=days), coupon_code="" if days == 10 else "Y")
    buys("bargains", 45, 25, 5, discount_minor=2_500)
    complainer = buys("complainer", 40)
    make_event(complainer, "complaint", occurred_at=NOW - timedelta(days=30))
    content = buys("content", 65, 3)
    make_event(content, "complaint", occurred_at=NOW - timedelta(days=30))
    make_event(make_member("cart"), "cart_add", occurred_at=NOW - timedelta(days=5))
    browser, glance = make_member("browser"), make_member("glance")
    for days in (1, 2, 3):
        make_event(browser, "view", occurred_at=NOW - timedelta(days=days))
    make_event(glance, "view", occurred_at=NOW - timedelta(days=1))
    for name, key in (("birthday", 615), ("tomorrow", 621), ("missed", 614), ("later", 622)):
        make_member(name, birth_key=key)
    fit_models(as_of=NOW, now=NOW)
    refresh(as_of=NOW)
    fit_models(as_of=NOW, now=NOW)


@pytest.mark.parametrize("code", MEANT)
def test_a_ready_rule_finds_whom_it_means(shop: None, code: str) -> None:
    ready = ready_rule(code)
    assert ready is not None
    found = matching(rule=ready.rule).values_list("external_id", flat=True)
    assert set(found) == MEANT[code]


def test_all_are_counted_in_one_scan_as_their_segments_will_be(shop: None) -> None:
    counted = count_ready_rules()
    assert {code: each.count for code, each in counted.items()} == {code: len(names) for code, names in MEANT.items()}
    for each in READY_RULES:
        create_segment(slug=each.code, name=str(each.name), rule=each.rule, now=NOW)
    refresh(as_of=NOW + timedelta(minutes=1))
    assert dict(Segment.objects.values_list("slug", "member_count")) == {code: len(names) for code, names in MEANT.items()}


def test_each_says_itself_in_words_in_both_languages() -> None:
    for language in ("en", "zh-hans"):
        with translation.override(language):
            assert all(each.sentence and str(each.name) and str(each.description) for each in READY_RULES)


def test_nobody_is_counted_before_the_first_refresh(db: None) -> None:
    assert {(each.count, each.share) for each in count_ready_rules().values()} == {(0, None)}


def test_there_is_no_rule_of_another_code() -> None:
    assert ready_rule("x") is None
