from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from retention.services.segments import create_segment
from tests.acceptance.browser.conftest import Visitor
from tests.acceptance.browser.rule_builder import LEAVES, add, focused, keys, open_new, part, pick, rule_of, written

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestCounting:
    def test_estimates_says_who_is_inside_stops_when_somebody_types_on_and_says_what_fails(
        self, visitor: Visitor, buyers: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = open_new(visitor, {"field": "order_count", "operator": ">=", "value": 1})
        panel = page.locator(".rk-preview")
        expect(panel).to_contain_text("67% of all")
        expect(panel.get_by_role("region", name="Where they stand")).to_contain_text("new1 · 50%")
        expect(panel.get_by_role("link")).to_have_text(["one", "two"])

        page = open_new(visitor, {"field": "order_count", "operator": ">=", "value": 9999})
        expect(page.locator(".rk-preview")).to_contain_text("0 members")
        expect(page.locator(".rk-preview h4")).to_have_count(0)

        estimate_first(page, monkeypatch, visitor)

        stopped: list[str] = []
        open_new(visitor, {"field": "order_count", "operator": ">=", "value": 1})
        expect(page.locator(".rk-preview")).to_contain_text("For example")
        page.on("request", lambda request: stopped.append(request.url) if request.url.endswith("/rule/stop/") else None)
        page.route("**/rule/count/", lambda route: None)
        with page.expect_request("**/rule/count/"):
            part(page, "rules[0]", "value").fill("2")
        assert stopped == []
        with page.expect_request("**/rule/stop/"):
            part(page, "rules[0]", "value").fill("0")
        page.unroute("**/rule/count/")
        expect(page.locator(".rk-preview")).to_contain_text("3 members")

        visitor.page.route("**/rule/count/", lambda route: route.abort())
        page = open_new(visitor, {"everyone": True})
        expect(page.locator(".rk-preview")).to_contain_text("Counting failed. Check the connection")


def estimate_first(page: Page, monkeypatch: pytest.MonkeyPatch, visitor: Visitor) -> None:
    """Nobody has the patience to count; two thirds of the members are a sample. It stands until the exact count is there."""
    held: list[Any] = []
    page.route("**/rule/count/", lambda route: _hold(route, held))
    with monkeypatch.context() as patched:
        patched.setattr("retention.selectors.estimate.PATIENCE_WITH_BEHAVIOUR", 0)
        patched.setattr("retention.selectors.estimate.FIRST_MEMBERS", 2)
        patched.setattr("retention.selectors.estimate.SPENT", 0)
        open_new(visitor, {"did": "order", "operator": ">=", "times": 1, "within_days": 365})
        panel = page.locator(".rk-preview")
        expect(panel).to_have_attribute("data-exact", "false")
        expect(panel).to_contain_text("about")
        expect(panel).to_contain_text("counting exactly…")
    held[0].continue_()
    expect(panel).to_have_attribute("data-exact", "true")
    expect(panel).to_contain_text("2 members")
    page.unroute("**/rule/count/")


def _hold(route: Any, held: list[Any]) -> None:
    if '"exact"' in (route.request.post_data or ""):
        held.append(route)
    else:
        route.continue_()


class TestKeeping:
    def test_leaves_the_text_as_it_was_when_opened_and_undone_and_what_it_cannot_show_or_read(
        self, visitor: Visitor, buyers: None
    ) -> None:
        rule = {"field": "order_count", "operator": ">=", "value": 1}
        segment = create_segment(slug="leaf", name="Leaf", rule=rule, now=timezone.now())
        page = visitor.visit(reverse("admin:retention_segment_edit", args=[segment.pk]))
        expect(page.locator(".rk-preview")).to_contain_text("2 members")
        page.get_by_role("button", name="Save segment").click()
        expect(page.get_by_role("heading", name="Versions")).to_be_visible()
        assert (segment.versions.count(), rule_of("Leaf")) == (1, rule)

        page = visitor.visit(reverse("admin:retention_segment_edit", args=[segment.pk]))
        before = page.locator("textarea[name=rule]").input_value()
        part(page, "rules[0]", "value").fill("2")
        add(page)
        keys(page, "Escape")
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("button", name="Undo").click()
        assert page.locator("textarea[name=rule]").input_value() == before
        page.get_by_role("button", name="Redo").click()
        assert written(page)["rules"][0]["value"] == 2

        odd = [{"dance": "tango"}, {"field": "order_count", "operator": ">="}]
        page = open_new(visitor, {"combinator": "and", "rules": odd})
        add(page)
        assert written(page)["rules"][:2] == odd

        page = open_new(visitor, {"everyone": True})
        page.locator("textarea[name=rule]").fill('{"everyone":\n true,,}')
        page.locator("textarea[name=rule]").blur()
        expect(page.locator(".rk-lines")).to_contain_text("This is no JSON: line 2, column 7.")
        page.get_by_role("button", name="Undo").click()
        assert written(page) == {"everyone": True}
        expect(part(page, "rules[0]", "field")).to_have_value("everyone")


class TestMistakes:
    def test_what_is_wrong_is_said_at_its_condition_while_counting_and_after_saving(
        self, visitor: Visitor, buyers: None
    ) -> None:
        page = open_new(visitor, {"combinator": "and", "rules": [LEAVES[0], LEAVES[1]]})
        pick(page, "rules[1]", "last_order_at")
        part(page, "rules[1]", "operator").select_option("within_last_days")
        part(page, "rules[1]", "value").fill("99999")
        expect(page.locator('[data-path="rules[1]"] .rk-error')).to_contain_text("from 1 to 3660")
        expect(part(page, "rules[1]", "value")).to_have_attribute("aria-invalid", "true")
        assert focused(page) == "rules[1]#value"
        expect(page.locator(".rk-lines")).to_contain_text("Line 12:")
        part(page, "rules[1]", "value").fill("9")
        expect(page.locator('[data-path="rules[1]"] .rk-error')).to_have_count(0)

        page = open_new(visitor)
        page.get_by_label("name").first.fill("Wrong")
        add(page)
        keys(page, "Escape")
        page.get_by_role("button", name="Make the segment").click()
        expect(page.locator('[data-path="rules[0]"] .rk-error')).to_be_visible()

        create_segment(slug="x", name="<img src=x onerror=alert(1)>", rule={"everyone": True}, now=timezone.now())
        page = open_new(visitor)
        add(page)
        pick(page, "rules[0]", "in_segment")
        expect(page.locator(".rk-preview")).to_contain_text("in segment <img src=x onerror=alert(1)>")


class TestSurroundings:
    def test_it_speaks_chinese_and_fits_a_telephone(self, visitor: Visitor, buyers: None) -> None:
        visitor.page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": visitor.base}])
        page = open_new(visitor)
        page.locator("[data-rule-builder]").get_by_role("button", name="条件", exact=True).click()
        pick(page, "rules[0]", "城市")
        part(page, "rules[0]", "value").fill("Wuhan,")
        expect(page.locator(".rk-preview")).to_contain_text("城市")
        expect(page.locator(".rk-preview[data-count='1']")).to_be_visible()

        where = {"category": "tea", "hour": {"operator": "between", "value": [1, 2]}}
        sum_of = {"did": "order", "sum": "amount_minor", "operator": "between", "value": [100, 200]}
        did = {**sum_of, "between_days_ago": [1, 90], "where": where}
        deep: Any = {"combinator": "and", "rules": [did, {"field": "city", "operator": "in", "value": ["Wuhan" * 9]}]}
        for _level in range(3):
            deep = {"combinator": "or", "rules": [deep, LEAVES[0]]}
        visitor.page.set_viewport_size({"width": 390, "height": 800})
        page = open_new(visitor, deep)
        expect(page.locator(".rk-preview[data-exact=true]")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        part(page, "rules[1]", "field").click()
        listed = page.get_by_role("listbox").bounding_box()
        assert listed is not None
        assert listed["x"] >= 0
        assert listed["x"] + listed["width"] <= 390
