from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from retention.models import Segment
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.acceptance.browser.conftest import Visitor
from tests.factories import make_member, make_order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def buyers(db: None) -> None:
    """Three members: one order, two orders, none; the last lives in Wuhan."""
    now = timezone.now()
    make_order(make_member("one"), placed_at=now - timedelta(days=10))
    two = make_member("two")
    make_order(two, placed_at=now - timedelta(days=100))
    make_order(two, placed_at=now - timedelta(days=50))
    make_member("none", city="Wuhan")
    refresh(as_of=now)


def rule_of(name: str) -> object:
    version = Segment.objects.get(name=name).version
    assert version is not None
    return version.rule


def pick(page: Page, path: str, field: str) -> None:
    page.locator(f'[data-focus="{path}#field"]').select_option(field)


class TestBuilding:
    def test_two_levels_are_built_counted_saved_opened_and_changed(self, visitor: Visitor, buyers: None) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.get_by_label("name").first.fill("Buyers or Wuhan")
        builder = page.locator("[data-rule-builder]")
        expect(builder.get_by_text("Nobody is chosen yet: add the first condition.")).to_be_visible()

        builder.get_by_role("button", name="Condition", exact=True).click()
        pick(page, "rules[0]", "field:order_count")
        page.locator('[data-path="rules[0]"]').get_by_label("Value").fill("2")
        page.locator('[data-focus="#word"]').select_option(label="at least one of these holds")
        builder.get_by_role("button", name="Group", exact=True).click()
        pick(page, "rules[1].rules[0]", "field:city")
        page.locator('[data-path="rules[1].rules[0]"]').get_by_label("Value").fill("Wuhan")
        expect(page.locator(".rk-preview")).to_contain_text("2 members")
        expect(page.locator(".rk-preview")).to_contain_text("67% of all")
        page.get_by_role("button", name="Make the segment").click()
        expect(page.get_by_role("heading", name="Buyers or Wuhan", exact=True)).to_be_visible()
        assert rule_of("Buyers or Wuhan") == {
            "combinator": "or",
            "rules": [
                {"field": "order_count", "operator": ">=", "value": 2},
                {"combinator": "and", "rules": [{"field": "city", "operator": "=", "value": "Wuhan"}]},
            ],
        }

        page.get_by_role("link", name="Edit segment").click()
        expect(page.locator('[data-path="rules[0]"]').get_by_label("Value")).to_have_value("2")
        page.locator('[data-path="rules[1].rules[0]"]').get_by_role("button", name="Remove this condition").click()
        page.locator('[data-path="rules[1]"]').get_by_role("button", name="Remove this group").click()
        page.locator('[data-path="rules[0]"]').get_by_label("Value").fill("1")
        expect(page.locator(".rk-preview")).to_contain_text("orders is at least 1 order")
        page.get_by_role("button", name="Save segment").click()
        expect(page.get_by_role("heading", name="Versions")).to_be_visible()
        assert rule_of("Buyers or Wuhan") == {
            "combinator": "or",
            "rules": [{"field": "order_count", "operator": ">=", "value": 1}],
        }

    def test_money_shares_dates_and_lists_are_written_as_the_rule_language_has_them(
        self, visitor: Visitor, buyers: None
    ) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        builder = page.locator("[data-rule-builder]")
        wanted = [
            ("revenue_minor", ">=", "12.5", 1250),
            ("coupon_share", ">=", "12.5", 0.125),
            ("registered_at", "before", "2026-01-31", "2026-01-31"),
            ("registered_at", "within_last_days", "30", 30),
        ]
        for number, (field, operator, typed, _stored) in enumerate(wanted):
            builder.get_by_role("button", name="Condition", exact=True).click()
            pick(page, f"rules[{number}]", f"field:{field}")
            page.locator(f'[data-focus="rules[{number}]#operator"]').select_option(operator)
            page.locator(f'[data-path="rules[{number}]"]').get_by_label("Value").fill(typed)
        builder.get_by_role("button", name="Condition", exact=True).click()
        pick(page, "rules[4]", "field:lifecycle_stage")
        page.locator('[data-focus="rules[4]#operator"]').select_option("in")
        page.locator('[data-path="rules[4]"]').get_by_label("lost").check()
        page.locator('[data-path="rules[4]"]').get_by_label("dormant").check()
        rules = json.loads(page.locator("textarea[name=rule]").input_value())["rules"]
        assert [rule["value"] for rule in rules] == [*(stored for *_rest, stored in wanted), ["lost", "dormant"]]

    def test_it_is_worked_by_keyboard_alone(self, visitor: Visitor, buyers: None) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.locator("[data-rule-builder]").get_by_role("button", name="Condition", exact=True).focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.dataset.focus") == "rules[0]#field"
        page.keyboard.type("everyone")
        page.keyboard.press("Tab")
        written = json.loads(page.locator("textarea[name=rule]").input_value())
        assert written == {"combinator": "and", "rules": [{"everyone": True}]}
        page.locator('[data-path="rules[0]"]').get_by_role("button", name="Remove this condition").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.dataset.focus") == "#word"
        expect(page.locator("textarea[name=rule]")).to_have_value("")


class TestNobody:
    def test_a_rule_that_nobody_fits_shows_no_examples(self, visitor: Visitor, buyers: None) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.locator("[data-rule-builder]").get_by_role("button", name="Condition", exact=True).click()
        page.locator('[data-path="rules[0]"]').get_by_label("Value").fill("9999")
        expect(page.locator(".rk-preview")).to_contain_text("0 members")
        expect(page.locator(".rk-preview")).not_to_contain_text("null")
        expect(page.locator(".rk-preview h4")).to_have_count(0)


class TestKeeping:
    def test_opening_and_saving_makes_no_new_version(self, visitor: Visitor, buyers: None) -> None:
        rule = {"field": "order_count", "operator": ">=", "value": 1}
        segment = create_segment(slug="leaf", name="Leaf", rule=rule, now=timezone.now())
        page = visitor.visit(reverse("admin:retention_segment_edit", args=[segment.pk]))
        expect(page.locator(".rk-preview")).to_contain_text("2 members")
        page.get_by_role("button", name="Save segment").click()
        expect(page.get_by_role("heading", name="Versions")).to_be_visible()
        assert (segment.versions.count(), rule_of("Leaf")) == (1, rule)

    def test_what_it_cannot_show_it_keeps(self, visitor: Visitor, buyers: None) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.locator("details.rk-raw summary").click()
        unknown = {"did": "order", "operator": ">=", "times": 2}
        page.locator("textarea[name=rule]").fill(json.dumps({"combinator": "and", "rules": [unknown]}))
        page.locator("textarea[name=rule]").blur()
        page.locator("[data-rule-builder]").get_by_role("button", name="Condition", exact=True).click()
        rules = json.loads(page.locator("textarea[name=rule]").input_value())["rules"]
        assert rules[0] == unknown


class TestMistakes:
    def test_what_is_wrong_is_said_at_its_condition_while_counting(self, visitor: Visitor, buyers: None) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.locator("[data-rule-builder]").get_by_role("button", name="Condition", exact=True).click()
        pick(page, "rules[0]", "field:last_order_at")
        page.locator('[data-focus="rules[0]#operator"]').select_option("within_last_days")
        page.locator('[data-path="rules[0]"]').get_by_label("Value").fill("99999")
        expect(page.locator('[data-path="rules[0]"] .rk-error')).to_be_visible()

    def test_what_the_server_refuses_is_said_at_its_condition_after_saving(self, visitor: Visitor, buyers: None) -> None:
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.get_by_label("name").first.fill("Wrong")
        page.locator("[data-rule-builder]").get_by_role("button", name="Condition", exact=True).click()
        page.get_by_role("button", name="Make the segment").click()
        expect(page.locator('[data-path="rules[0]"] .rk-error')).to_be_visible()

    def test_a_segments_name_cannot_speak_as_markup(self, visitor: Visitor, buyers: None) -> None:
        create_segment(slug="x", name="<img src=x onerror=alert(1)>", rule={"everyone": True}, now=timezone.now())
        page = visitor.visit(reverse("admin:retention_segment_add"))
        page.locator("[data-rule-builder]").get_by_role("button", name="Condition", exact=True).click()
        pick(page, "rules[0]", "is:segment")
        expect(page.locator(".rk-preview")).to_contain_text("in segment <img src=x onerror=alert(1)>")
