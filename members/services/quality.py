"""One look at all data, as a job: counted range by range, kept with examples, shown until the next look is whole.

Each range commits with the progress it made, so that a look goes on where a dead worker stopped and counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from core.models import Job
from core.registry import JobKind, RunningJob
from core.services.jobs import enqueue_job
from core.sql import insert_rows
from members.models import QualityFinding, QualityLook, Shop
from members.services.duplicates import reasons
from members.services.kept_counts import GROUPS, REACH, group_code, keep_groups, reach_rows
from members.services.quality_attributes import FITTING, attribute_counts, declared_types, misfits
from members.services.quality_measures import (
    INVALID,
    MEMBERS,
    PARTS,
    Moment,
    Part,
    counts_of,
    found_by,
    groups_of,
)

JOB = "members.quality"
EXAMPLES = 1000
"""Rows kept for each measure: as many as a list pages through."""
LOOKS_KEPT = 30
MOST_GROUPS = 50
"""Sources of members may be free text; the largest are told."""

MORE_THAN_ANY_ID = 2**63 - 1

Counts = dict[str, int]
Tables = dict[str, Any]


def ask_for_look(*, now: datetime, by: str = "") -> Job:
    """This function will ask for a look, or return the job of the one that is asked for already."""
    asked = Job.objects.filter(kind=JOB, state__in=Job.OPEN).order_by("pk").first()
    return asked or enqueue_job(kind=JOB, params={}, now=now, by=by)


def look_daily(*, now: datetime) -> dict[str, int]:
    """This function will ask for the look of the night."""
    ask_for_look(now=now)
    return {"asked": 1}


def look(job: RunningJob) -> Mapping[str, Any]:
    """This function will run the job: every part's ranges, the duplicates, then the publishing of the result."""
    work = Look.resumed(job)
    for step in work.steps():
        with transaction.atomic():
            step()
            work.report(job)
    with transaction.atomic():
        work.finish(now=job.now())
    return {"look": work.row.pk, "rows": work.done}


@dataclass(slots=True)
class Look:
    """A look under way, all of which stands in the job's state: which rows there were, what was counted, where to go on."""

    row: QualityLook
    moment: Moment
    highest: dict[str, int]
    counts: Counts
    tables: Tables
    at: dict[str, int]
    done: int

    @classmethod
    def resumed(cls, job: RunningJob) -> Look:
        state = job.state
        row = QualityLook.objects.filter(pk=state["look"]).first() if "look" in state else None
        if row is None:
            row = QualityLook.objects.create(job_id=job.id, started_at=job.now())
            state = {}
        highest = state.get("highest") or {part.code: _highest(part) for part in PARTS}
        counts, tables, at = state.get("counts", {}), state.get("tables", {}), state.get("at", {})
        return cls(row, Moment(row.started_at), highest, counts, tables, at, state.get("done", 0))

    @property
    def total(self) -> int:
        return sum(self.highest.values())

    def steps(self) -> Iterator[Callable[[], None]]:
        """This function will give the statements still to be made, in ranges from the newest rows to the oldest."""
        for part in PARTS:
            high = self.at.get(part.code, self.highest[part.code])
            # Ids have gaps, whole ranges of them: what was deleted or undone is stepped over.
            while high := _highest(part, until=high):
                low = max(high - part.at_once, 0)
                yield lambda part=part, low=low, high=high: self._range(part, low, high)  # type: ignore[misc]
                high = low
        if "duplicates" not in self.at:
            yield self._duplicates
        if REACH not in self.at:
            yield self._reach

    def report(self, job: RunningJob) -> None:
        state = {
            "look": self.row.pk,
            "highest": self.highest,
            "counts": self.counts,
            "tables": self.tables,
            "at": self.at,
            "done": self.done,
        }
        job.report(self.done, self.total, state, said=_("Looking at the data"))

    def finish(self, *, now: datetime) -> None:
        """This function will publish the look and let go of the examples of those before it."""
        self.row.counts, self.row.tables, self.row.finished_at = self.counts, self._told_tables(), now
        self.row.save(update_fields=["counts", "tables", "finished_at"])
        QualityFinding.objects.exclude(look=self.row).delete()
        kept = QualityLook.objects.order_by("-pk").values_list("pk", flat=True)[:LOOKS_KEPT]
        QualityLook.objects.exclude(pk__in=list(kept)).delete()

    # --- one range

    def _range(self, part: Part, low: int, high: int) -> None:
        rows = part.model._default_manager.filter(pk__gt=low, pk__lte=high)
        counted = counts_of(part, rows, self.moment)
        for measure in part.measures:
            if measure.found is not None:
                counted[measure.code] = found_by(measure, part, rows, self.moment).order_by().count()
            if counted[measure.code]:
                self._keep_examples(measure.code, found_by(measure, part, rows, self.moment))
        for code, count in counted.items():
            self.counts[code] = self.counts.get(code, 0) + count
        for group in part.groups:
            self._add_groups(group.code, groups_of(group, rows))
        if part.code == MEMBERS.code:
            self._attributes(low, high)
        self.at[part.code] = low
        self.done = sum(self.highest[code] - at for code, at in self.at.items() if code in self.highest)

    def _attributes(self, low: int, high: int) -> None:
        types, table = declared_types(), self.tables.setdefault("attributes", {})
        for name, kinds in attribute_counts(above=low, until=high).items():
            known = table.setdefault(name, {})
            for kind, count in kinds.items():
                known[kind] = known.get(kind, 0) + count
            fitting = FITTING.get(types.get(name, ""))
            wrong = 0 if fitting is None else sum(count for kind, count in kinds.items() if kind not in fitting)
            if fitting is not None and wrong:
                code = attribute_code(name)
                room = EXAMPLES - self._kept(code)
                if room > 0:
                    self._keep(code, misfits(above=low, until=high, name=name, fitting=fitting, most=room))
                self.counts[code] = self.counts.get(code, 0) + wrong

    def _keep_examples(self, code: str, found: QuerySet[Any, Any]) -> None:
        room = EXAMPLES - self._kept(code)
        if room > 0:
            self._keep(code, [pk for (pk,) in found[:room]])

    def _kept(self, code: str) -> int:
        return min(self.counts.get(code, 0), EXAMPLES)

    def _keep(self, code: str, ids: list[int]) -> None:
        rows = [(self.row.pk, code, pk) for pk in ids[:EXAMPLES]]
        key = ["look", "code", "object_id"]
        insert_rows(QualityFinding, key, rows, conflict=key)

    def _add_groups(self, code: str, groups: list[tuple[Any, int, datetime | None]]) -> None:
        table = self.tables.setdefault(code, {})
        for key, count, last in groups:
            known = table.get(str(key), [0, None])
            said = last.isoformat() if last else None
            table[str(key)] = [known[0] + count, max(filter(None, (known[1], said)), default=None)]

    def _told_tables(self) -> Tables:
        shops = {str(shop.pk): shop.name for shop in Shop.objects.all()}
        told = dict(self.tables)
        told["shops"] = {shops.get(key, key): row for key, row in told.get("shops", {}).items()}
        largest = sorted(told.get("sources", {}).items(), key=lambda each: -each[1][0])
        told["sources"] = dict(largest[:MOST_GROUPS])
        return told

    # --- what no range can tell

    def _duplicates(self) -> None:
        """Members who share what should be one person's own, as the duplicates page shows them group by group."""
        for reason in reasons():
            shared = (
                reason.rows.order_by().values(*reason.columns).annotate(people=Count(reason.member, distinct=True))
            ).filter(people__gt=1)
            self.counts[group_code(reason.code)] = shared.aggregate(sum=Sum("people"))["sum"] or 0
        self.tables[GROUPS] = keep_groups(self.row, most=EXAMPLES)
        self.at["duplicates"] = 0

    def _reach(self) -> None:
        """Whom we may write to, by channel and purpose, as the page of consents shows it."""
        self.tables[REACH] = reach_rows()
        self.at[REACH] = 0


def _highest(part: Part, *, until: int = MORE_THAN_ANY_ID) -> int:
    rows = part.model._default_manager.filter(pk__lte=until)
    return int(rows.aggregate(highest=Max("pk"))["highest"] or 0)


def latest_look() -> QualityLook | None:
    """This function will return the last look that went to its end."""
    return QualityLook.objects.newest()


def attribute_code(name: str) -> str:
    return f"members.attributes.{name}.{INVALID}"


KIND = JobKind(JOB, _("look at the data's quality"), look, lease_seconds=600)
