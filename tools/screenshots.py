"""`make screenshots`: the pictures of the README, taken from a demonstration that runs on this machine (`make demo`).

It looks and writes nothing: the rule in the picture of the builder is not saved.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LARGEST = 250_000
"""Bytes of a picture: who reads the README over a slow line should see it."""
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOCALES = {"en": "en-US", "zh": "zh-CN"}
RULE = {
    "combinator": "and",
    "rules": [
        {"field": "lifecycle_stage", "operator": "in", "value": ["at_risk", "dormant"]},
        {
            "combinator": "or",
            "rules": [
                {"field": "order_count", "operator": ">=", "value": 50},
                {
                    "combinator": "and",
                    "rules": [
                        {"field": "revenue_minor", "operator": ">=", "value": 200_000},
                        {"field": "days_since_last_order", "operator": ">=", "value": 21},
                    ],
                },
            ],
        },
    ],
}


def today(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/")


def segment(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/retention/segment/add/?{urlencode({'rule': json.dumps(RULE)})}")
    page.locator("[name=name]").fill("Regulars who drift away")
    page.locator(".rk-preview[data-count]").wait_for()


def campaign(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/campaigns/campaign/")
    page.get_by_role("link", name="We miss you").click()


def member(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/members/member/?stage=at_risk")
    page.locator("#result_list tbody th a").first.click()


def cohorts(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/retention/reportanswer/about/cohorts/")


def survival(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/retention/reportanswer/about/survival/?by=category")


def rfm(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/retention/reportanswer/about/rfm/")


def model(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/retention/scoringmodel/")
    page.locator("#models h3 a").first.click()


def why(page: Page, base: str) -> None:
    """Why a member is in a segment: each condition with the member's value."""
    member(page, base)
    page.locator("#why-segment").select_option(label="Big spenders who are leaving")
    page.locator("form[data-into=why-answer] button").click()
    page.locator("#why-answer ul, #why-answer li").first.wait_for()
    page.locator("#why-segment").scroll_into_view_if_needed()


PICTURES: tuple[tuple[str, str, int, Callable[[Page, str], None]], ...] = (
    ("today.png", "en", 1120, today),
    ("today.zh.png", "zh", 1120, today),
    ("segment.png", "en", 1000, segment),
    ("campaign.png", "en", 900, campaign),
    ("member.png", "en", 900, member),
    ("report-cohorts.png", "en", 1000, cohorts),
    ("report-survival.png", "en", 900, survival),
    ("report-rfm.png", "en", 900, rfm),
    ("model.png", "en", 1000, model),
    ("why.png", "en", 900, why),
)
"""Name, language, height in pixels, and how one gets there. The width is 1440."""


def take(browser: Browser, base: str, password: str) -> list[str]:
    """This function will take every picture and return what is wrong with them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    complaints = []
    for name, language, height, go in PICTURES:
        context = browser.new_context(
            viewport={"width": 1440, "height": height}, locale=LOCALES[language], color_scheme="light"
        )
        page = context.new_page()
        page.goto(f"{base}/admin/")
        page.locator("[name=username]").fill("demo")
        page.locator("[name=password]").fill(password)
        page.locator("[type=submit]").click()
        page.wait_for_url(f"{base}/admin/")
        go(page, base)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / name, animations="disabled")
        context.close()
        size = (IMAGES / name).stat().st_size
        print(f"docs/images/{name}: {size:,} bytes")
        if size > LARGEST:
            complaints.append(f"docs/images/{name} has {size:,} bytes, more than {LARGEST:,}")
    return complaints


def main() -> int:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--url", default=f"http://127.0.0.1:{os.environ.get('PORT', '8000')}")
    reading.add_argument("--password", default="", help="of the user demo; else read from var/demo-password")
    given = reading.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    kept = ROOT / "var" / "demo-password"
    if chromium is None:
        print("error: Chromium is missing (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    if not given.password and not kept.exists():
        print("error: no demonstration has run here: start 'make demo' first, in another terminal", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        complaints = take(browser, given.url, given.password or kept.read_text())
        browser.close()
    print("\n".join(f"error: {each}" for each in complaints), file=sys.stderr, end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
