"""The rule builder as a marketer's hands and eyes meet it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page

from retention.models import Segment
from tests.acceptance.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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


LEAVES = [{"field": "order_count", "operator": ">=", "value": number} for number in range(3)]


def any_of(rules: list[Any]) -> dict[str, Any]:
    return {"combinator": "or", "rules": rules}
