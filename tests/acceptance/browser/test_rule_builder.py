from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

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


def part(page: Page, path: str, name: str) -> Locator:
    return page.locator(f'[data-focus="{path}#{name}"]')


def pick(page: Page, path: str, subject: str) -> None:
    part(page, path, "field").fill(subject)
    page.keyboard.press("Enter")


def written(page: Page) -> Any:
    return json.loads(page.locator("textarea[name=rule]").input_value())


def open_new(visitor: Visitor, rule: Any = None) -> Page:
    page = visitor.visit(reverse("admin:retention_segment_add"))
    if rule is not None:
        page.locator("details.rk-raw summary").click()
        page.locator("textarea[name=rule]").fill(json.dumps(rule))
        page.locator("textarea[name=rule]").blur()
    return page


def add(page: Page, what: str = "Condition") -> None:
    page.locator("[data-rule-builder]").get_by_role("button", name=what, exact=True).last.click()


def keys(page: Page, *pressed: str) -> None:
    """Keys by their names, and whole texts after a colon."""
    for key in pressed:
        if key.startswith(":"):
            page.keyboard.type(key[1:])
        else:
            page.keyboard.press(key)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.dataset.focus"))


class TestBuilding:
    def test_three_levels_with_a_behaviour_are_built_saved_opened_changed_and_undone_by_keyboard_alone(
        self, visitor: Visitor, buyers: None
    ) -> None:
        page = open_new(visitor)
        page.get_by_label("name").first.focus()
        keys(page, ":Lately or Wuhan")
        part(page, "", "add").first.focus()
        # bought at least once in the last 60 days
        keys(page, "Enter", ":ordered", "Enter", "Tab", "Tab")
        assert focused(page) == "rules[0]#times.value"
        keys(page, "Control+A", ":1")
        part(page, "rules[0]", "within_days.value").focus()
        keys(page, "Control+A", ":60")
        # ... or (Wuhan and not (two orders or more))
        part(page, "", "word").focus()
        keys(page, ":at least one")
        page.get_by_role("button", name="Group", exact=True).focus()
        keys(page, "Enter", ":city", "Enter")
        assert focused(page) == "rules[1].rules[0]#field"
        part(page, "rules[1].rules[0]", "operator").focus()
        keys(page, "Home", "Tab", ":Wuhan")
        page.locator('[data-path="rules[1]"]').get_by_role("button", name="Group", exact=True).focus()
        keys(page, "Enter", ":how many orders placed in all", "Escape", "Control+A", ":orders", "Enter")
        part(page, "rules[1].rules[1]", "word").focus()
        keys(page, ":none")
        part(page, "rules[1].rules[1].rules[0]", "value").focus()
        keys(page, ":2")
        expect(page.locator(".rk-preview[data-exact=true]")).to_contain_text("3 members")
        page.get_by_role("button", name="Make the segment").focus()
        keys(page, "Enter")
        expect(page.get_by_role("link", name="Edit segment")).to_be_visible()
        built = {
            "combinator": "or",
            "rules": [
                {"did": "order", "operator": ">=", "times": 1, "within_days": 60},
                {
                    "combinator": "and",
                    "rules": [
                        {"field": "city", "operator": "=", "value": "Wuhan"},
                        {
                            "combinator": "or",
                            "not": True,
                            "rules": [{"field": "order_count", "operator": ">=", "value": 2}],
                        },
                    ],
                },
            ],
        }
        assert rule_of("Lately or Wuhan") == built

        page.get_by_role("link", name="Edit segment").focus()
        keys(page, "Enter")
        expect(part(page, "rules[0]", "within_days.value")).to_have_value("60")
        part(page, "rules[0]", "within_days.value").focus()
        keys(page, "Control+A", ":20")
        part(page, "rules[1].rules[1]", "handle").focus()
        keys(page, "Delete")
        assert "rules[1].rules[1]" not in page.locator(".rk-canvas").inner_html()
        keys(page, "Control+Z")
        expect(part(page, "rules[1].rules[1].rules[0]", "value")).to_have_value("2")
        expect(page.locator(".rk-preview[data-exact=true]")).to_contain_text("2 members")
        page.get_by_role("button", name="Save segment").focus()
        keys(page, "Enter")
        expect(page.get_by_role("heading", name="Versions")).to_be_visible()
        built["rules"][0]["within_days"] = 20  # type: ignore[index]
        assert rule_of("Lately or Wuhan") == built

    def test_every_kind_of_input_writes_what_the_rule_language_has(self, visitor: Visitor, buyers: None) -> None:
        page = open_new(visitor)
        wanted: list[tuple[str, str, str, Any]] = [
            ("revenue_minor", ">=", "12.5", 1250),
            ("coupon_share", ">=", "12.5", 0.125),
            ("registered_at", "before", "2026-01-31", "2026-01-31"),
            ("registered_at", "within_last_days", "30", 30),
        ]
        for number, (field, operator, typed, _stored) in enumerate(wanted):
            add(page)
            pick(page, f"rules[{number}]", field)
            part(page, f"rules[{number}]", "operator").select_option(operator)
            part(page, f"rules[{number}]", "value").fill(typed)
        add(page)
        pick(page, "rules[4]", "lifecycle_stage")
        page.locator('[data-path="rules[4]"]').get_by_label("lost").check()
        page.locator('[data-path="rules[4]"]').get_by_label("dormant").check()
        add(page)
        pick(page, "rules[5]", "order_count_90d")
        part(page, "rules[5]", "operator").select_option("between")
        part(page, "rules[5]", "value[0].value").fill("2")
        part(page, "rules[5]", "value[1].value").fill("4")
        stored = [*(stored for *_rest, stored in wanted), ["lost", "dormant"], [2, 4]]
        assert [rule["value"] for rule in written(page)["rules"]] == stored

        make_member("north", city="Beijing")
        page = open_new(visitor)
        add(page)
        pick(page, "rules[0]", "city")
        part(page, "rules[0]", "value").click()
        part(page, "rules[0]", "value").fill("wu")
        offered = page.locator(".rk-list [role=option]")
        expect(offered).to_have_count(1)
        expect(offered).to_have_text("Wuhan1 member")
        keys(page, "ArrowDown", "Enter")
        part(page, "rules[0]", "value").fill("Paris,Rome")
        keys(page, "Tab")
        assert written(page)["rules"][0] == {"field": "city", "operator": "in", "value": ["Wuhan", "Paris", "Rome"]}
        page.get_by_role("button", name="Remove Paris").click()
        assert written(page)["rules"][0]["value"] == ["Wuhan", "Rome"]

        page = open_new(visitor)
        add(page)
        pick(page, "rules[0]", "bought")
        part(page, "rules[0]", "aggregate").select_option("sum:amount_minor")
        part(page, "rules[0]", "value.value").fill("99.5")
        part(page, "rules[0]", "window").select_option("between_days_ago")
        part(page, "rules[0]", "between_days_ago[1].value").fill("60")
        part(page, "rules[0]", "where").focus()
        keys(page, ":cat", "Enter")
        assert focused(page) == "rules[0]#where.category.value"
        keys(page, ":tea")
        part(page, "rules[0]", "where").focus()
        keys(page, ":hour", "Enter")
        part(page, "rules[0]", "where.hour.comparison").select_option(">=")
        part(page, "rules[0]", "where.hour.value").fill("18")
        assert written(page)["rules"][0] == {
            "did": "order",
            "operator": ">=",
            "sum": "amount_minor",
            "value": 9950,
            "between_days_ago": [30, 60],
            "where": {"category": "tea", "hour": {"operator": ">=", "value": 18}},
        }
        page.get_by_role("button", name="Remove the limit on Category").click()
        part(page, "rules[0]", "operator").select_option("never")
        part(page, "rules[0]", "window").select_option("ever")
        assert written(page)["rules"][0] == {
            "did": "order",
            "operator": "=",
            "times": 0,
            "where": {"hour": {"operator": ">=", "value": 18}},
        }


LEAVES = [{"field": "order_count", "operator": ">=", "value": number} for number in range(3)]


def any_of(rules: list[Any]) -> dict[str, Any]:
    return {"combinator": "or", "rules": rules}


GROUPED: Any = {"combinator": "and", "rules": [LEAVES[0], any_of(LEAVES[1:2]), LEAVES[2]]}


class TestMoving:
    """One browser for all that moves conditions: to start one takes longer than to move a dozen."""

    def test_is_done_by_keys_by_a_menu_and_by_dragging_with_one_handle_in_the_way_of_tab(
        self, visitor: Visitor, buyers: None
    ) -> None:
        page = open_new(visitor, GROUPED)
        for start, key, rules, focus in (
            ("rules[2]", "Alt+ArrowUp", [LEAVES[0], LEAVES[2], GROUPED["rules"][1]], "rules[1]#handle"),
            ("rules[2]", "Alt+ArrowRight", [LEAVES[0], any_of(LEAVES[1:])], "rules[1].rules[1]#handle"),
            ("rules[0]", "Alt+ArrowRight", [any_of(LEAVES[:2]), LEAVES[2]], "rules[0].rules[0]#handle"),
            ("rules[1].rules[0]", "Alt+ArrowLeft", LEAVES, "rules[1]#handle"),
            ("rules[1].rules[0]", "Alt+ArrowDown", LEAVES, "rules[1]#handle"),
            ("rules[1]", "Alt+ArrowDown", [LEAVES[0], LEAVES[2], any_of(LEAVES[1:2])], "rules[2]#handle"),
            ("rules[0]", "Alt+d", [LEAVES[0], *GROUPED["rules"]], "rules[1]#handle"),
            ("rules[2]", "Alt+g", [*GROUPED["rules"][:2], {"combinator": "and", "rules": [LEAVES[2]]}], "rules[2]#word"),
            ("rules[2]", "Delete", GROUPED["rules"][:2], "rules[1]#handle"),
        ):
            part(page, start, "handle").focus()
            keys(page, key)
            assert (key, written(page)["rules"], focused(page)) == (key, rules, focus)
            keys(page, "Control+z")
            assert written(page) == GROUPED

        page = open_new(visitor, GROUPED)
        part(page, "rules[1]", "word").focus()
        expect(page.locator('[data-handle][tabindex="0"]')).to_have_attribute("data-handle", "rules[1]")
        part(page, "rules[0]", "handle").focus()
        walked = []
        for _step in range(3):
            keys(page, "ArrowDown")
            walked.append(focused(page))
        assert walked == ["rules[1]#handle", "rules[1].rules[0]#handle", "rules[2]#handle"]

        page = open_new(visitor, GROUPED)
        part(page, "rules[1].rules[0]", "handle").click()
        page.get_by_role("menuitem", name="Move out of this group").click()
        assert written(page)["rules"] == LEAVES
        expect(page.locator(".rk-building [role=status]")).to_have_text("Moved: now 2 of 3, level 1.")

        page = open_new(visitor, GROUPED)
        page.locator('[data-node="rules[2]"]').scroll_into_view_if_needed()
        part(page, "rules[2]", "handle").hover()
        page.mouse.down()
        target = page.locator('[data-node="rules[1].rules[0]"]').bounding_box()
        assert target is not None
        page.mouse.move(target["x"] + 60, target["y"] + 5, steps=4)
        page.mouse.up()
        assert written(page)["rules"][1] == {"combinator": "or", "rules": [LEAVES[2], LEAVES[1]]}
        expect(page.get_by_role("menu")).to_have_count(0)

        page = open_new(visitor, GROUPED)
        page.get_by_role("button", name="and", exact=True).first.click()
        assert written(page)["combinator"] == "or"


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
