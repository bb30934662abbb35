from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from campaigns.models import Campaign
from campaigns.services.running import run_campaigns
from retention.services.refresh import refresh
from tests.acceptance.browser.conftest import Visitor
from tests.campaign_factories import make_reachable, make_template

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_campaign_is_drafted_started_and_watched(visitor: Visitor, db: None) -> None:
    for _number in range(4):
        make_reachable(name="王芳")
    make_reachable("silent", channels=())
    make_template("back", name="Come back")
    refresh(as_of=timezone.now())

    page = visitor.visit(reverse("admin:campaigns_campaign_add"))
    page.locator("[name=name]").fill("Win back")
    page.locator("[name=control_percent]").fill("0")
    who = page.locator("#part-who [data-rule-builder]").first
    who.get_by_role("button", name="Condition", exact=True).click()
    page.keyboard.type("everyone")
    page.keyboard.press("Enter")
    expect(who.locator(".rk-preview")).to_contain_text("5 members")

    steps = page.locator("[data-step]:visible")
    steps.first.locator("textarea").fill("Dear {{ member.name }}, take {{ coupon.code }}")
    expect(steps.first.locator("[data-preview]")).to_contain_text("no step before this message gives a coupon")
    page.get_by_role("button", name="Coupon", exact=True).click()
    expect(steps.nth(1).locator("[data-preview]")).to_contain_text("Dear 王芳, take 7K3M")
    steps.nth(1).get_by_role("button", name="Earlier").click()
    expect(steps.first.locator("[data-preview]")).to_contain_text("no step before this message gives a coupon")
    steps.nth(1).get_by_role("button", name="Earlier").click()
    expect(steps.nth(1).locator("[data-preview]")).to_contain_text("Dear 王芳, take 7K3M")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The draft was saved. Look it over, then start it.")).to_be_visible()

    page.locator("#start").click()
    expect(page.get_by_text("This will reach up to 5 members")).to_be_visible()
    expect(page.get_by_text("4 of them can be written to by SMS.")).to_be_visible()
    page.get_by_role("button", name="Start campaign").click()
    expect(page.get_by_text("Nobody has been due yet. The clock looks every minute")).to_be_visible()

    run_campaigns(now=timezone.now())
    page.reload()
    expect(page.locator("#balance .rk-balance")).to_have_text(
        "due 5 = fired 4 + held out 0 + suppressed 1 + failed 0 + waiting 0", use_inner_text=True
    )
    page.locator("#balance").get_by_role("link", name="suppressed").click()
    expect(page.locator("#result_list tbody")).to_have_count(1)
    version = Campaign.objects.select_related("version").get().version
    assert version is not None
    assert [step["kind"] for step in version.steps] == ["issue_coupon", "send_message"]


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_page_is_wider_than_the_screen(width: int, visitor: Visitor, db: None) -> None:
    member = make_reachable(name="A name that is long enough to need a second line on the screen of a telephone")
    make_template("back", name="Come back")
    refresh(as_of=timezone.now())
    visitor.page.set_viewport_size({"width": width, "height": 900})
    pages = [
        reverse("admin:index"),
        reverse("admin:members_member_changelist"),
        reverse("admin:members_member_change", args=[member.pk]),
        reverse("admin:retention_segment_add"),
        reverse("admin:campaigns_campaign_add"),
        reverse("admin:campaigns_coupontemplate_add"),
    ]
    wide = []
    for path in pages:
        page = visitor.visit(path)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path)
    assert wide == []
