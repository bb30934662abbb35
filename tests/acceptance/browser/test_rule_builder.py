from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.browser.conftest import Visitor
from tests.acceptance.browser.rule_builder import LEAVES, add, any_of, focused, keys, open_new, part, pick, rule_of, written
from tests.factories import make_member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
