"""From a ready rule to a segment, and to why somebody is or is not in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from retention.models import Segment
from retention.services.refresh import refresh
from tests.acceptance.browser.conftest import Visitor
from tests.factories import make_member, make_order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(db: None) -> None:
    """lover used a coupon in three orders of three, plain in none."""
    now = timezone.now()
    for name, coupon in (("lover", "TEN"), ("plain", "")):
        member = make_member(name)
        for days in (50, 30, 10):
            make_order(member, placed_at=now - timedelta(days=days), coupon_code=coupon)
    refresh(as_of=now)


def test_a_ready_rule_becomes_a_segment_that_explains_itself(visitor: Visitor, shop: None) -> None:
    page = visitor.visit(reverse("admin:retention_segment_changelist"))
    page.get_by_role("link", name="Start from a ready rule").click()
    card = page.locator("#ready-coupon-lovers")
    expect(card).to_contain_text("1 member")
    card.get_by_role("link", name="Start from this").click()
    expect(page.locator("[name=name]")).to_have_value("Coupon lovers")
    page.get_by_role("button", name="Make the segment").click()
    expect(page.locator("#why")).to_be_visible()
    refresh(as_of=timezone.now())
    page.reload()
    expect(page.locator(".rk-headline")).to_have_text("1 member is in it.")
    expect(page.locator("#inside")).to_contain_text("That is 50% of all 2 members.")

    page.get_by_label("Member", exact=True).fill("plain")
    page.get_by_role("button", name="Explain").click()
    answer = page.locator("#why-answer")
    expect(answer).to_contain_text("plain is not meant.")
    expect(answer.locator(".rk-turns")).to_contain_text("has: 0%")
    page.get_by_label("Member", exact=True).fill("lover")
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("lover is meant.")

    segment = Segment.objects.get(slug="coupon-lovers")
    page.goto(visitor.base + reverse("admin:members_member_changelist") + "?q=plain")
    page.get_by_role("link", name="plain").first.click()
    page.get_by_label("Segment", exact=True).select_option(segment.slug)
    expect(page.locator("#why-answer")).to_contain_text("plain is not meant.")
