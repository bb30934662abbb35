"""Every report of a large shop counted anew, one after the other, and the figures of Today: found by asking the registry.

What takes long is counted once in the background and kept for its day. Measured are how long that takes, how much memory,
and what a page costs that shows what is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tools.bench.database import AS_OF, SCALES, settle, shop
from tools.bench.figures import note, seconds_of
from tools.bench.jobs import MOST_MIB, run_command

NIGHT = AS_OF + timedelta(days=1)
REPORT_SECONDS = 120.0
"""A report's job must be done while somebody still waits for it."""
SHOWN_SECONDS = 0.3
COUNT_ALL = """
from retention.reports.registry import REPORTS
from retention.services.reports import count_report, read_question
from datetime import datetime
now = datetime.fromisoformat("{now}")
for report in REPORTS:
    count_report(report=report, asked=read_question(report=report, given={{}}, now=now).asked, now=now)
"""


def run(size: str) -> list[str]:
    """This function will count every report by its own defaults, and name what is too slow or takes too much memory."""
    with shop(SCALES[size]):
        from retention.services.refresh import refresh

        refresh(as_of=NIGHT, now=NIGHT)
        settle()
        _snapshot(size)
        return [*_counted(size), *_memory(size)]


def _snapshot(size: str) -> None:
    from retention.services.snapshots import keep_snapshot

    note("reports", "the day's figures kept", size=size, seconds=round(seconds_of(lambda: keep_snapshot(now=NIGHT)), 2))


def _counted(size: str) -> Iterator[str]:
    from retention.reports.registry import REPORTS
    from retention.services.reports import answer, count_report, read_question

    took: dict[str, float] = {}
    shown: list[float] = []
    for report in REPORTS:
        question = read_question(report=report, given={}, now=NIGHT)
        took[report.code] = seconds_of(lambda: count_report(report=report, asked=question.asked, now=NIGHT))  # noqa: B023
        shown.append(seconds_of(lambda: answer(question=question, now=NIGHT)))  # noqa: B023
        note("reports", report.code, size=size, seconds=round(took[report.code], 2), kept_ms=round(shown[-1] * 1000))
    note("reports", "all reports", size=size, seconds=round(sum(took.values()), 1), kept_ms=round(max(shown) * 1000))
    for code, seconds in took.items():
        if seconds > REPORT_SECONDS:
            yield f"reports: {code} takes {seconds:.0f} s (at most {REPORT_SECONDS:.0f})"
    if max(shown) > SHOWN_SECONDS:
        yield f"reports: what is kept takes {max(shown):.2f} s to show (at most {SHOWN_SECONDS})"


def _memory(size: str) -> Iterator[str]:
    """All of them in one process of their own."""
    if size == "tiny":
        return
    done = run_command("shell", "--command", COUNT_ALL.format(now=NIGHT.isoformat()))
    note("reports", "memory of all reports", size=size, mib=done.peak_mib, seconds=round(done.seconds, 1))
    if done.peak_mib > MOST_MIB:
        yield f"reports: counting takes {done.peak_mib} MiB (at most {MOST_MIB})"
