"""The product is alive: what a person starts in the demonstration's admin fires by itself, and its report adds up."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser.small_demo import HOUSEHOLDS

pytestmark = pytest.mark.browser

PASSWORD = "for this test alone"
BALANCE = re.compile(
    r"due (\d+) = fired (\d+) \+ held out (\d+) \+ suppressed (\d+) \+ failed (\d+) \+ waiting (\d+)", re.DOTALL
)


@dataclass(frozen=True)
class Shop:
    address: str
    outbox: Path


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Web server and clock of a small demonstration, as processes of their own on SQLite."""
    port = _free_port()
    surroundings = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        "REDIS_URL": "",
        "VAR_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "tests.acceptance.browser.small_demo", str(port), PASSWORD]
    told = (tmp_path / "told.log").open("w")
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=surroundings, stdout=told, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/livez", process)
        yield Shop(f"http://127.0.0.1:{port}", tmp_path / "outbox")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        told.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the demonstration ended by itself"
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        process_is_busy = 0.2
        with suppress(subprocess.TimeoutExpired):
            process.wait(process_is_busy)
    raise AssertionError("the demonstration does not answer")


def test_a_campaign_started_by_a_person_fires_by_itself_and_adds_up(shop: Shop, browser: Browser) -> None:
    page = browser.new_page(locale="en-US")
    log_in(page, shop)
    start_campaign_for_everyone(page, shop)
    due, fired, held_out, suppressed, failed, waiting = balance_when_done(page)
    assert due == HOUSEHOLDS == fired + held_out + suppressed + failed + waiting
    assert (failed, waiting) == (0, 0)
    assert fired > HOUSEHOLDS / 2
    assert messages_when_sent(page, shop, "Hello again", fired) == fired


def log_in(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.address}/admin/")
    page.locator("[name=username]").fill("demo")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").first.click()
    expect(page.get_by_text("Where members stand")).to_be_visible()


def start_campaign_for_everyone(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.address}/admin/campaigns/campaign/add/")
    page.locator("[name=name]").fill("Say hello")
    page.locator("[name=control_percent]").fill("10")
    who = page.locator("#part-who [data-rule-builder]").first
    who.get_by_role("button", name="Condition", exact=True).click()
    page.keyboard.type("everyone")
    page.keyboard.press("Enter")
    page.locator("[data-step]:visible").first.locator("textarea").fill("Hello again from the shop")
    page.get_by_role("button", name="Save draft").click()
    page.locator("#start").click()
    page.get_by_role("button", name="Start campaign").click()
    expect(page.locator("#balance")).to_be_visible()


def balance_when_done(page: Page) -> tuple[int, ...]:
    """The clock looks every minute; nobody here helps it."""
    line = page.locator("#balance")
    for _look in range(45):
        found = BALANCE.search(re.sub(r"\s+", " ", line.inner_text()))
        if found and int(found[1]) and not int(found[6]):
            return tuple(int(count) for count in found.groups())
        page.wait_for_timeout(2_000)
        page.reload()
    raise AssertionError(f"nothing fired within ninety seconds: {line.inner_text()}")


def messages_when_sent(page: Page, shop: Shop, words: str, fired: int) -> int:
    """The outbox is worked off every few seconds; what was fired must all have left it."""
    for _look in range(15):
        if messages_of(shop, words) >= fired:
            break
        page.wait_for_timeout(2_000)
    return messages_of(shop, words)


def messages_of(shop: Shop, words: str) -> int:
    return sum(words in file.read_text() for file in (shop.outbox / "sms").rglob("*.json"))
