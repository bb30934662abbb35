"""The admin in a large shop: every registered list with every filter it offers, every page of an object, and Today.

Found by asking the admin site itself, so that a page added tomorrow is measured tomorrow. In this process, without a socket:
what is measured is our work and the database's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any

from tools.bench.database import AS_OF, SCALES, SEED, settle, shop
from tools.bench.figures import note, p95, seconds_of
from tools.bench.firing import NOW, make_campaign

P95_SECONDS = 0.3
ENOUGH_SECONDS = 3.0
"""Of a page that takes so long two or three visits tell as much."""
VISITS = {"tiny": 1, "small": 5, "full": 7}
FIRED = {"tiny": 50, "small": 2_000, "full": 100_000}
SLOWEST_SHOWN = 12
MOST_CHOICES = {"tiny": 1, "small": 6, "full": 6}
OURS = ("core", "members", "retention", "campaigns")


def run(size: str) -> list[str]:
    """This function will visit every page some times over and name those that are too slow."""
    with shop(SCALES[size]):
        _fill(size)
        return list(_visit(size))


def _visit(size: str) -> Iterator[str]:
    from django.test import Client

    client = _client(Client)
    seconds: dict[str, list[float]] = {}
    asked: dict[str, float] = {}
    for address in _addresses(client, MOST_CHOICES[size]):
        _get(client, address)  # plans, templates and pages of the database are warm from here on
        seconds[address] = _visits(partial(_get, client, address), VISITS[size])
        asked[address] = _database_seconds(partial(_get, client, address))
    pages = [p95(page) for page in seconds.values()]  # each once, however often it was visited
    slow = sorted(seconds, key=lambda address: -p95(seconds[address]))
    for address in slow[:SLOWEST_SHOWN]:
        figures = {"p95_ms": p95(seconds[address]), "median_ms": median(seconds[address]), "database_ms": asked[address]}
        note("screens", address, size=size, **{name: round(each * 1000) for name, each in figures.items()})
    figures = {"p95_ms": p95(pages), "median_ms": median(pages)}
    note(
        "screens", "all pages", size=size, pages=len(seconds), **{name: round(each * 1000) for name, each in figures.items()}
    )
    for address in slow:
        if p95(seconds[address]) > P95_SECONDS:
            yield f"screens: {address} takes {p95(seconds[address]) * 1000:.0f} ms (p95 at most {P95_SECONDS * 1000:.0f})"


def _visits(visit: Callable[[], object], most: int) -> list[float]:
    """This function will give the seconds of each visit."""
    took: list[float] = []
    while len(took) < most and sum(took) < ENOUGH_SECONDS:
        took.append(seconds_of(visit))
    return took


def _database_seconds(visit: Callable[[], object]) -> float:
    """How much of a visit was spent waiting for the database."""
    from django.db import connection

    spent: list[float] = []

    def timed(execute: Callable[..., Any], *call: Any) -> Any:
        answers: list[Any] = []
        spent.append(seconds_of(lambda: answers.append(execute(*call))))
        return answers[0]

    with connection.execute_wrapper(timed):
        visit()
    return sum(spent)


def _get(client: Any, address: str) -> Any:
    answer = client.get(address)
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"{address} answers {answer.status_code}")
    answer.content  # noqa: B018 - rendered now at the latest
    return answer


# --- Which pages there are


def _addresses(client: Any, choices: int) -> Iterator[str]:
    from django.contrib.admin import site
    from django.urls import reverse

    yield reverse("admin:index")
    for model, admin in site._registry.items():
        if model._meta.app_label not in OURS:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listed = reverse(f"{name}_changelist")
        yield listed
        yield from _filtered(client, listed, choices)
        if admin.search_fields:
            yield f"{listed}?q=s{SEED}-m00000{100:03d}"
        yield from (reverse(f"{name}_change", args=[pk]) for pk in _some(model))


def _filtered(client: Any, listed: str, most: int) -> Iterator[str]:
    """Each filter with some of the choices it offers."""
    page = getattr(client.get(listed), "context_data", None) or {}
    changes = page.get("cl")
    for spec in changes.filter_specs if changes is not None else ():
        offered = [choice["query_string"] for choice in spec.choices(changes) if "query_string" in choice]
        yield from (f"{listed}{query}" for query in offered[1 : most + 1] if query != "?")


def _some(model: Any) -> list[int]:
    """The oldest, the newest."""
    keys = model._default_manager.order_by("pk").values_list("pk", flat=True)
    return sorted({key for key in (keys.first(), keys.last()) if key is not None})


# --- What stands on them


def _fill(size: str) -> None:
    """Rows of every kind: a campaign that fired, a night after it with its look at the data, a key, a user."""
    from campaigns.models import Enrolment
    from campaigns.services.planning import plan_campaigns
    from campaigns.services.stepping import step_enrolments
    from core.services.clock import ensure_entries
    from core.services.jobs import run_jobs
    from core.services.keys import create_api_key
    from members.services.quality import ask_for_look
    from retention.services.refresh import refresh

    make_campaign("fired", message=True)
    plan_campaigns(now=NOW)
    _keep_waiting_only(Enrolment, FIRED[size])
    step_enrolments(now=NOW)
    create_api_key(name="benchmark", scopes=["members:read"], now=NOW)
    ensure_entries(now=NOW)
    night = AS_OF + timedelta(days=1)
    refresh(as_of=night, now=night)
    ask_for_look(now=night)
    run_jobs(now=night)
    settle()


def _keep_waiting_only(model: Any, count: int) -> None:
    last = model.objects.order_by("pk").values_list("pk", flat=True)[count : count + 1].first()
    if last is not None:
        model.objects.filter(pk__gte=last)._raw_delete(model.objects.db)


def _client(kind: Any) -> Any:
    from django.conf import settings
    from django.contrib.auth import get_user_model

    settings.ALLOWED_HOSTS = ["*"]
    user = get_user_model().objects.create_superuser("benchmark", password=None)
    client = kind(raise_request_exception=True)
    client.force_login(user)
    return client
