"""A browser at a real server: Chromium, logged in, with everything it says on its console kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from retention.services.refresh import refresh
from tests.factories import make_member, make_order

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Visitor:
    """A page, where it is, and what went wrong on it."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def visit(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page


@pytest.fixture
def browser(chromium: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """One for each test: while Playwright lives its event loop runs, and Django refuses databases to whoever seems to be
    inside one. These tests are plain code, and the others must not meet the loop.
    """
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()
        # Inside a loop Django keeps connections of their own; nobody else would close them.
        connections.close_all()


@pytest.fixture
def visitor(browser: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    """A superuser at 1440 pixels; the test fails when a page complained or asked another host for anything."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-US")
    cookie = client.cookies["sessionid"]
    context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": live_server.url}])
    found = Visitor(context.new_page(), live_server.url)
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("request", lambda request: _watch(found, request.url))
    yield found
    context.close()
    assert found.complaints == []


def _watch(visitor: Visitor, url: str) -> None:
    if not url.startswith((visitor.base, "data:", "blob:")):
        visitor.complaints.append(f"asked elsewhere: {url}")


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
