"""Reports asked for, counted once and kept."""

from __future__ import annotations

import time as stopwatch
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from django.db.models import Max, Min
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.errors import FieldProblem, InvalidInput, NotFound, Text
from core.models import Job
from core.periods import FIRST_YEAR, LAST_YEAR, date_of, day_number, day_of, within_calendar
from core.registry import JobKind, RunningJob
from core.services.jobs import enqueue_job
from members.models import Order, Shop
from retention.models import RefreshState, ReportAnswer
from retention.reports.base import Asked, Counted, Report, Result
from retention.reports.registry import REPORTS
from retention.reports.words import Unit, text_of
from retention.selectors.state import state
from retention.services.targets import targets_of

JOB = "retention.report"
QUICK_SECONDS = 2.0
"""An answer that took longer is good for its day; a quick one is counted anew after every refresh that changed something."""
PATIENCE_SECONDS = 8.0
"""What takes longer than this is counted in the background: nobody waits before a blank page."""
MANY_ORDERS = 1_000_000
"""Orders past which a report that was never counted here is counted in the background at once."""
QUIET_DAYS = 4
"""Days at a period's end without any order after which a shop that sells daily should ask whether its orders come in."""
LONGEST_DAYS = 3_660
FORGOTTEN_AFTER = timedelta(days=40)


class NoSuchReport(NotFound):
    """The name is no report's."""


@dataclass(frozen=True, slots=True)
class Question:
    """A report, and what it is asked about; with `compare` the period before is told too."""

    report: Report
    asked: Asked
    compare: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page, a file or a REST answer is made of. `before` holds the figures of the period before, `targets` what is
    aimed at, both by the figure's code."""

    question: Question
    result: Result
    counted_at: datetime
    as_of: datetime
    before: Mapping[str, float | None] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)


def find_report(code: str) -> Report:
    """This function will return the report of this name, or raise NoSuchReport."""
    found = next((report for report in REPORTS if report.code == code), None)
    if found is None:
        raise NoSuchReport(_("There is no such report."))
    return found


# --- what is asked


def read_question(*, report: Report, given: Mapping[str, str], now: datetime) -> Question:
    """This function will read a period (both dates included), a shop and the report's own choices, each by its name.

    What is left out is the report's default. InvalidInput names each parameter that is wrong. An end past the last day that
    is known is brought back to it.
    """
    problems: list[FieldProblem] = []
    known = state()
    as_of = known.as_of or now
    known_day = day_number(as_of, shop_zone()) if known.day is None else known.day
    first, last = _period(report, given, known_day, problems)
    shop = _shop(report, given.get("shop", ""), problems)
    options = _options(report, given, problems)
    compare = given.get("compare", "") or "none"
    if compare not in ("none", "previous"):
        problems.append(FieldProblem("compare", "invalid_choice", _("Compare with “previous” or “none”.")))
    if problems:
        raise InvalidInput(_("The input is not valid."), problems=problems)
    if report.standing:
        first = last = known_day
    asked = Asked(
        first_day=first,
        last_day=last,
        known_day=known_day,
        as_of=as_of,
        shop_id=shop.pk if shop else None,
        shop=shop.slug if shop else "",
        options=options,
    )
    return Question(report, asked, compare == "previous" and report.compares and not report.standing)


def _period(report: Report, given: Mapping[str, str], known_day: int, problems: list[FieldProblem]) -> tuple[int, int]:
    ends = {name: _date(name, given.get(name, ""), problems) for name in ("from", "to")}
    last = known_day if ends["to"] is None else ends["to"]
    default, _today = report.period(min(last, known_day))
    first = default if ends["from"] is None else ends["from"]
    if first > last and not problems:
        problems.append(FieldProblem("from", "from_after_to", _("The period begins after it ends.")))
    elif last - first >= LONGEST_DAYS:
        problems.append(FieldProblem("from", "too_long", _("A report covers ten years at most.")))
    return first, min(last, known_day)


def _date(name: str, text: str, problems: list[FieldProblem]) -> int | None:
    """The shop's day that a date names, or on which a time falls; as `to` a time is the first that is not meant any more."""
    if not text:
        return None
    try:
        on = date.fromisoformat(text) if len(text) == len("2026-01-31") else _day_of_time(name, text)
    except (ValueError, OverflowError):
        on = None
    if on is None or not FIRST_YEAR <= on.year < LAST_YEAR:
        problems.append(FieldProblem(name, "invalid_date", _("Give a date such as 2026-01-31.")))
        return None
    return day_of(on)


def _day_of_time(name: str, text: str) -> date | None:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or not within_calendar(instant):
        return None
    return (instant - datetime.resolution if name == "to" else instant).astimezone(shop_zone()).date()


def _shop(report: Report, slug: str, problems: list[FieldProblem]) -> Shop | None:
    if not slug:
        return None
    if not report.by_shop:
        problems.append(FieldProblem("shop", "not_by_shop", _("This report is about the brand as a whole.")))
        return None
    found = None if "\0" in slug else Shop.objects.filter(slug=slug).first()
    if found is None:
        problems.append(FieldProblem("shop", "unknown_shop", _("There is no such shop.")))
    return found


def _options(report: Report, given: Mapping[str, str], problems: list[FieldProblem]) -> dict[str, str]:
    chosen = {}
    for option in report.options:
        value = given.get(option.code, "") or option.default
        own = None if option.own is None else option.own()
        if own is not None and value in (option.default, own):
            value = own
        elif value not in dict(option.choices):
            known = ", ".join(code for code, _label in option.choices)
            words = _("Choose one of these: %(known)s.")
            problems.append(FieldProblem(option.code, "invalid_choice", str(words) % {"known": known}))
        chosen[option.code] = value
    return chosen


# --- what is answered


def answer(*, question: Question, now: datetime) -> Answer | Job:
    """This function will answer from what is kept, count now what is quick, and ask for a job for what is not.

    1. A period that the data does not reach is answered in a sentence; one before it that began before the data did is not
       compared with, since what is missing would look like growth.
    2. What was counted from the same state of the data is shown again.
    3. Else it is counted: here, or, where it would take long, by a job, which is then returned.
    """
    asked = question.asked
    targets = targets_of(question.report, asked)
    if asked.first_day > asked.last_day:
        return Answer(question, _not_begun(asked), now, asked.as_of, targets=targets)
    unknown = _not_known_before(asked) if question.compare else []
    question = replace(question, compare=question.compare and not unknown)
    wanted = [asked, asked.before()] if question.compare else [asked]
    kept = [_kept(question.report, each) for each in wanted]
    if None in kept and _takes_long(question.report):
        return _ask(question, now=now)
    found = [
        one or count_report(report=question.report, asked=each, now=now) for one, each in zip(kept, wanted, strict=True)
    ]
    result = question.report.show(asked, found[0].counted)
    before = question.report.show(wanted[1], found[1].counted).values if question.compare else {}
    result = replace(result, notes=[*result.notes, *unknown, *_silence(asked)])
    return Answer(question, result, found[0].counted_at, found[0].as_of, before, targets)


def _not_known_before(asked: Asked) -> list[Text]:
    """This function will say that orders begin only after the period before did; nothing where they reach back that far."""
    oldest = Order.objects.aggregate(day=Min("placed_day"))["day"]
    if oldest is None or oldest <= asked.before().first_day:
        return []
    words = gettext(
        "Orders are known from %(day)s on: the period before is not known whole, and nothing is compared with it."
    )
    return [words % {"day": text_of(oldest, Unit.DATE)}]


def _silence(asked: Asked) -> list[Text]:
    """This function will say that orders end long before the period does: what looks like leaving may be missing data."""
    newest = Order.objects.filter(placed_day__lte=asked.known_day).aggregate(day=Max("placed_day"))["day"]
    if newest is None or newest > asked.last_day - QUIET_DAYS:
        return []
    words = gettext("The newest order is of %(day)s: whoever seems silent since may only be missing from the data.")
    return [words % {"day": text_of(newest, Unit.DATE)}]


def count_report(*, report: Report, asked: Asked, now: datetime) -> ReportAnswer:
    """This function will count and keep what was counted, in the place of what was kept for the same question."""
    known = state()
    begun = stopwatch.perf_counter()
    counted = _plain(report.count(asked))
    seconds = stopwatch.perf_counter() - begun
    values = {
        "counted": counted,
        "stamp": _stamp(report, known),
        "day": asked.known_day,
        "measures": known.measures,
        "as_of": asked.as_of,
        "counted_at": now,
        "seconds": seconds,
    }
    kept, _made = ReportAnswer.objects.update_or_create(report=report.code, key=_key(asked), defaults=values)
    return kept


def _plain(counted: Counted) -> Any:
    """As it will be read back, so that what was counted just now is shown as what was kept."""
    return msgspec.json.decode(msgspec.json.encode(counted))


def _kept(report: Report, asked: Asked) -> ReportAnswer | None:
    known = state()
    kept = ReportAnswer.objects.filter(report=report.code, key=_key(asked)).first()
    if kept is None or not kept.stamp.startswith(f"{report.version}:"):
        return None
    if kept.stamp == _stamp(report, known):
        return kept
    if not kept.stamp.endswith(report.hangs_on()):
        return None
    of_the_day = kept.day == asked.known_day and kept.measures == known.measures
    return kept if of_the_day and kept.seconds > QUICK_SECONDS else None


def _stamp(report: Report, known: RefreshState) -> str:
    told = f"{report.version}:{known.last_run_id}:{known.day}"
    return f"{told}:{hangs_on}" if (hangs_on := report.hangs_on()) else told


def _key(asked: Asked) -> str:
    """What is asked, without when: the same question has the same name on another day."""
    told = [asked.first_day, asked.last_day, asked.shop_id, sorted(asked.options.items())]
    return sha256(msgspec.json.encode(told)).hexdigest()


def _takes_long(report: Report) -> bool:
    longest = ReportAnswer.objects.filter(report=report.code).aggregate(seconds=Max("seconds"))["seconds"]
    if longest is not None:
        return bool(longest > PATIENCE_SECONDS)
    ends = Order.objects.aggregate(first=Min("pk"), last=Max("pk"))
    return bool(ends["last"]) and ends["last"] - ends["first"] >= MANY_ORDERS // report.weight


def _not_begun(asked: Asked) -> Result:
    words = gettext("What is known ends on %(day)s: nothing can be said of a later period yet.")
    return Result(sentences=[words % {"day": text_of(asked.known_day, Unit.DATE)}])


# --- in the background


def _ask(question: Question, *, now: datetime) -> Job:
    """The same question while its job is still open is that job."""
    params = _params(question)
    waiting = Job.objects.filter(kind=JOB, state__in=Job.OPEN, params__key=params["key"]).order_by("pk").first()
    return waiting or enqueue_job(kind=JOB, params=params, now=now, total=2 if question.compare else 1)


def _params(question: Question) -> dict[str, Any]:
    asked = question.asked
    told = {name: value for name, value in asdict(asked).items() if name not in {"as_of", "known_day", "shop_id"}}
    key = f"{question.report.code}:{_key(asked)}:{int(question.compare)}"
    return {"report": question.report.code, "compare": question.compare, "key": key, **told}


def run_report_job(job: RunningJob) -> dict[str, Any]:
    """This function will count what was asked for, the period before too where it was, each kept as soon as it is there."""
    params = job.params
    given = {
        "from": date_of(params["first_day"]).isoformat(),
        "to": date_of(params["last_day"]).isoformat(),
        "shop": params["shop"],
        "compare": "previous" if params["compare"] else "none",
        **params["options"],
    }
    question = read_question(report=find_report(params["report"]), given=given, now=job.now())
    wanted = [question.asked, question.asked.before()] if question.compare else [question.asked]
    for done, asked in enumerate(wanted, start=1):
        if _kept(question.report, asked) is None:
            count_report(report=question.report, asked=asked, now=job.now())
        job.report(done)
    return {"counted": len(wanted)}


def _asked_in_words(params: Mapping[str, Any]) -> Text:
    found = next((report for report in REPORTS if report.code == params.get("report")), None)
    return found.question if found else str(params.get("report", ""))


REPORT_JOB = JobKind(JOB, _("count a report"), run_report_job, retries=1, lease_seconds=1800, asked=_asked_in_words)


def forget_reports(*, now: datetime) -> dict[str, int]:
    """This function will delete what was counted so long ago that nobody asks for it any more."""
    forgotten, _by_model = ReportAnswer.objects.filter(counted_at__lt=now - FORGOTTEN_AFTER).delete()
    return {"forgotten": forgotten}


# --- what can be chosen


def shop_choices() -> list[tuple[str, str]]:
    """This function will return the shops by name: short name and name."""
    return list(Shop.objects.order_by("name", "pk").values_list("slug", "name")[:MOST_SHOPS])


MOST_SHOPS = 500
"""Shops in the picker; past it an address with `shop=` still asks about any."""
