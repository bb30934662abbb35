"""What waits and how long, for Prometheus: numbers that a graph and an alarm can be made of, nothing about any member.

Everything is read from the database as it is asked for, so that each web process answers the same, also of what a worker or
the clock did. Each question reads small tables, or the part of a large one that an index keeps apart as not yet done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Count, Min, Model
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, CampaignStatus, Delivery, DeliveryState, Enrolment, EnrolmentStatus
from core.models import ClockEntry, Job
from members.models import DirtyMark
from retention.models import RefreshRun, RefreshState, Segment

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN_MESSAGES = (DeliveryState.QUEUED, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Sample:
    value: float | None
    """None is not known: then there is no such line."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gauge:
    name: str
    help: str
    read: Callable[[], Iterator[Sample]]


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """This function will answer every gauge in Prometheus' text format; 503 while the database does not answer."""
    try:
        text = "".join(_written(gauge) for gauge in GAUGES)
    except DatabaseError as error:
        logger.warning("metrics.failed error=%s", type(error).__name__)
        return HttpResponse("The database does not answer.\n", status=503, content_type=CONTENT_TYPE)
    return HttpResponse(text, content_type=CONTENT_TYPE)


def _written(gauge: Gauge) -> str:
    lines = [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
    for sample in gauge.read():
        if sample.value is not None:
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
            lines.append(f"{gauge.name}{{{labels}}} {sample.value!r}" if labels else f"{gauge.name} {sample.value!r}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


# --- the questions


def _works_started() -> Iterator[Sample]:
    for code, started_at in ClockEntry.objects.order_by("code").values_list("code", "started_at"):
        yield Sample(_seconds(started_at), {"work": code})


def _works_due() -> Iterator[Sample]:
    for code, next_at in ClockEntry.objects.filter(enabled=True).order_by("code").values_list("code", "next_at"):
        yield Sample(_seconds(next_at), {"work": code})


def _works_failing() -> Iterator[Sample]:
    for code, error in ClockEntry.objects.order_by("code").values_list("code", "error"):
        yield Sample(int(bool(error)), {"work": code})


def _facts_as_of() -> Iterator[Sample]:
    yield Sample(_seconds(RefreshState.objects.values_list("as_of", flat=True).first()))


def _refresh_seconds() -> Iterator[Sample]:
    yield Sample(RefreshRun.objects.filter(error="").order_by("-pk").values_list("seconds", flat=True).first())


def _refresh_failing() -> Iterator[Sample]:
    yield Sample(int(bool(RefreshRun.objects.order_by("-pk").values_list("error", flat=True).first())))


def _marks() -> Iterator[Sample]:
    yield Sample(DirtyMark.objects.count())


def _jobs() -> Iterator[Sample]:
    yield from _by("state", Job, Job.OPEN)


def _jobs_oldest() -> Iterator[Sample]:
    waiting = Job.objects.filter(state__in=Job.OPEN, started_at__isnull=True)
    yield Sample(_seconds(waiting.aggregate(oldest=Min("created_at"))["oldest"]))


def _messages() -> Iterator[Sample]:
    for state in OPEN_MESSAGES:
        yield Sample(Delivery.objects.filter(state=state).count(), {"state": state.value})


def _messages_oldest() -> Iterator[Sample]:
    queued = Delivery.objects.filter(state=DeliveryState.QUEUED)
    yield Sample(_seconds(queued.aggregate(oldest=Min("next_at"))["oldest"]))


def _enrolments() -> Iterator[Sample]:
    yield Sample(Enrolment.objects.filter(status=EnrolmentStatus.WAITING).count())


def _campaigns() -> Iterator[Sample]:
    yield from _by("status", Campaign, CampaignStatus.values)


def _segments_failing() -> Iterator[Sample]:
    yield Sample(Segment.objects.filter(failure__isnull=False).count())


def _by(name: str, model: type[Model], values: Iterable[str]) -> Iterator[Sample]:
    """One sample a value, also where none has it: a graph wants the 0."""
    wanted = list(values)
    rows = model._default_manager.filter(**{f"{name}__in": wanted}).order_by().values_list(name)
    counts = dict(rows.annotate(count=Count("pk")))
    for value in wanted:
        yield Sample(counts.get(value, 0), {name: value})


GAUGES = (
    Gauge("rekindle_clock_started_timestamp_seconds", "When each periodic work last started.", _works_started),
    Gauge(
        "rekindle_clock_due_timestamp_seconds", "When each enabled periodic work is due next; past: it waits.", _works_due
    ),
    Gauge("rekindle_clock_failing", "1 where the last run of a periodic work ended in an error.", _works_failing),
    Gauge("rekindle_facts_as_of_timestamp_seconds", "The moment for which facts and segments are true.", _facts_as_of),
    Gauge("rekindle_refresh_seconds", "How long the last refresh took.", _refresh_seconds),
    Gauge("rekindle_refresh_failing", "1 where the last refresh ended in an error.", _refresh_failing),
    Gauge("rekindle_dirty_marks", "Changes that no refresh has counted yet.", _marks),
    Gauge("rekindle_jobs", "Long works that are not over.", _jobs),
    Gauge("rekindle_jobs_waiting_since_timestamp_seconds", "Since when the longest waiting job waits.", _jobs_oldest),
    Gauge("rekindle_messages", "Messages that were decided and are not over.", _messages),
    Gauge(
        "rekindle_messages_due_timestamp_seconds", "When the first queued message is due; past: it waits.", _messages_oldest
    ),
    Gauge("rekindle_enrolments_waiting", "Members under way in a campaign.", _enrolments),
    Gauge("rekindle_campaigns", "Campaigns by status.", _campaigns),
    Gauge("rekindle_segments_failing", "Segments that could not be counted last time.", _segments_failing),
)
