"""The suite's servers and surroundings: set here, before Django reads its settings.

TEST_DATABASE_URL and TEST_REDIS_URL win over the private servers; TEST_DATABASE_URL=sqlite:// runs the portable suite.
Of a given Valkey, the database with the number in the address is emptied after every test; of several workers each takes the
next number.
DJANGO_SETTINGS_MODULE is not in pyproject.toml on purpose: pytest-django would read the settings before this file.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.utils import translation

from tools.servers import ServerError, postgres_server, valkey_server

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLES = (
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "HTTPS_ONLY", "EMAIL_URL"),
    *("PUBLIC_URL", "CALLBACK_SECRET", "EMAIL_FROM", "SMS_SENDER", "SHOP_TIME_ZONE", "SHOP_CURRENCY", "CHURN_HORIZON_DAYS"),
)

LONG = (
    "tests/acceptance/",
    "tests/property/",
    "tests/concurrency/",
    "tests/db/campaigns/test_crashes.py",
    "tests/db/retention/test_cdnow.py",
)
"""Begun with, so that the last minutes are not one worker's alone."""

UNASKED = {"autovacuum": "off"}
"""A look of the server's own at a table that a test has filled and not committed finds it empty, and plans for that: its
moment is chance."""

until_exit = ExitStack()
atexit.register(until_exit.close)


def _prepare() -> None:
    """This function will start the servers, set the environment and load Django.

    A developer's own variables do not leak in.
    """
    if settings.configured:
        raise pytest.UsageError(
            "Django read its settings before the suite could choose the database: unset DJANGO_SETTINGS_MODULE."
        )
    for name in VARIABLES:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    session = Path(until_exit.enter_context(tempfile.TemporaryDirectory(prefix="rekindle-tests-")))
    try:
        os.environ["DATABASE_URL"] = _database_url(session)
        os.environ["REDIS_URL"] = until_exit.enter_context(valkey_server(given=_given_valkey())).address
    except ServerError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ["SECRET_KEY"] = "the suite's own, known to everybody"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    _keep_files_in(session)
    django.setup()


def _database_url(session: Path) -> str:
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given == "sqlite://":
        return f"sqlite:///{session / 'suite.sqlite3'}"
    return until_exit.enter_context(postgres_server(given=given, settings=UNASKED)).address


def _given_valkey() -> str:
    """The address that was given, for the first worker or the only process; the next number for each further worker."""
    given, worker = os.environ.get("TEST_REDIS_URL", ""), os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    if not given:
        return ""
    address = urlsplit(given)
    number = int(address.path.strip("/") or 0) + int(worker.removeprefix("gw"))
    return address._replace(path=f"/{number}").geturl()


def _keep_files_in(session: Path) -> None:
    """What the product writes to var/ goes to a folder that ends with the session."""
    settings.OUTBOX_DIR = session / "outbox"
    settings.IMPORTS_DIR = session / "imports"
    settings.STATIC_ROOT = session / "static"
    settings.STATIC_ROOT.mkdir()


_prepare()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Workers choose for themselves: this process runs no test, and what it chose must not reach them."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    until_exit.close()


def _on_sqlite() -> bool:
    return connections["default"].vendor == "sqlite"


def pytest_report_header() -> list[str]:
    kind = connections["default"].vendor
    return [f"database: {kind}{' (portable suite)' if _on_sqlite() else ''}", f"chromium: {_chromium() or 'none'}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        if item.get_closest_marker("postgresql") and _on_sqlite():
            item.add_marker(pytest.mark.skip(reason="PostgreSQL's own behaviour; this run is on SQLite"))
        if item.get_closest_marker("browser") and not _chromium() and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason="no Chromium here: apt-get install chromium"))


def _chromium() -> str:
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), "")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. On CI a missing browser fails the test; elsewhere the marker `browser` has skipped it."""
    path = _chromium()
    assert path, "no Chromium on this machine: apt-get install chromium"
    return path


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A file, not memory: SQLite in memory shared by threads knows no waiting for a lock, and is not what people run."""
    if _on_sqlite():
        database = connections["default"].settings_dict
        database["TEST"]["NAME"] = f"{database['NAME']}.test"


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Throttle counts, cached pages and rung doorbells of one test are nothing to the next."""
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _language_of_the_shop() -> Iterator[None]:
    """A request leaves its language with the thread that answered it: the next test begins in the shop's own."""
    yield
    translation.deactivate()
