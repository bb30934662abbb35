"""One refresh at a time: facts, tiers, rhythm, segments and transitions become true for one instant, in one transaction.

1. The marks of changed members are taken, then everything is read: what commits later leaves a mark for the next refresh.
2. During a shop day only changed members are worked out. A new day adds those whose orders left a window, and asks every
   rule of everyone. A full pass counts everybody: the first one, and one that goes back in time.
3. A rule that means something new is asked of everybody at once in a small shop; in a large one a build is opened for it,
   which is worked off beside the refreshes before the call returns.
4. Where nothing changed, nothing is done: one small look at the marks, the day, the rules in force, the builds.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from django.db import connection, transaction

from core.conf import shop_zone
from core.errors import told
from core.locks import LockSpace, lock_for_transaction
from core.periods import day_number, start_of
from core.scratch import know_size_if_grown
from members.models import BehaviourEvent, Member, Order
from members.services.calendar import demand_zone, hold_zone
from retention.models import DueMember, MemberFacts, ModelKind, RefreshRun, RefreshState, ScoringModel
from retention.services import builds, facts, marks, tiers
from retention.services.evaluate import Asking, Standing, ask_due, ask_everybody, mend_segments
from retention.services.filling import Finished, finish_builds
from retention.services.inforce import in_force
from retention.services.scoring import as_late_as_facts, fit_when_none, publish_rhythm
from retention.services.scratch import due_members, single_reads
from retention.services.stages import Stages

logger = logging.getLogger(__name__)

Kind = RefreshRun.Kind
NOTHING = "nothing"
MANY = 50_000
"""Due members above which PostgreSQL is told the tables' sizes anew: a year of orders may have come in a minute ago, and a
plan made for the small tables of before would never end."""
ANOTHER_SHOP = 5
"""A day's rhythm is taken anew where every so-manieth member is due. Origin: asking everybody of the new stages then costs a
few times what the changes cost; a usual day changes one in a hundred."""
MOST_ROUNDS = 5
"""How often one call looks again because a rule was changed while it was filled; then the next minute's call does."""
BUILD_SECONDS = 120
"""How long the clock's refresh fills segments before other works have their turn; the next minute it goes on. Origin: far
more than a segment of a million members takes, and short against the hours that a rule of a bad plan would."""


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did. `kind` is one of RefreshRun.Kind, or "nothing" where nothing was to be done."""

    kind: str
    as_of: datetime
    run_id: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def joined(self, more: RefreshReport | Finished, *, seconds: float) -> RefreshReport:
        """This function will add what was done after it, in the same call that took `seconds` so far."""
        counts = {**self.counts}
        for name, number in more.counts.items():
            counts[name] = counts.get(name, 0) + number
        kind = self.kind if self.kind != NOTHING or more.run_id is None else Kind.BUILD.value
        took = {**self.seconds, "total": round(seconds, 4)}
        return RefreshReport(kind, self.as_of, more.run_id or self.run_id, counts, took)


def refresh(
    *,
    as_of: datetime,
    full: bool = False,
    now: datetime | None = None,
    build_seconds: float | None = None,
    wait: bool = False,
) -> RefreshReport:
    """This function will make facts, segments and transitions true for `as_of`, doing no more than what changed asks for.

    `now` is the wall clock for the run's record; `as_of` stands in for it. A refresh that fails changes nothing but leaves
    a run with its error. Days that are stored in another zone than SHOP_TIME_ZONE are refused: ZoneChanged.

    Segments that have to be filled are filled before it returns: at most for `build_seconds`, and with `wait` also those
    that another worker has begun.
    """
    began = monotonic()
    report = _refresh_now(as_of=as_of, full=full, now=now)
    for _round in range(MOST_ROUNDS):
        if not builds.any_open():
            break
        started_at = (now or as_of) + timedelta(seconds=monotonic() - began)
        filled = finish_builds(now=started_at, seconds=build_seconds, wait=wait)
        report = report.joined(filled, seconds=monotonic() - began)
        if not filled.counts.get("builds_cancelled"):
            break
        # What a build was begun for is no longer what is wanted: look what is.
        report = report.joined(_refresh_now(as_of=report.as_of, full=False, now=now), seconds=monotonic() - began)
    return report


def _refresh_now(*, as_of: datetime, full: bool, now: datetime | None) -> RefreshReport:
    if _kind_needed(RefreshState.objects.first(), as_of=as_of, full=full) is None:
        return RefreshReport(NOTHING, as_of)
    demand_zone(now=now or as_of)  # a refusal of every minute is no run
    started_at = now or as_of
    try:
        with transaction.atomic():
            lock_for_transaction(LockSpace.REFRESH)
            return _refresh_locked(as_of=as_of, full=full, started_at=started_at)
    except Exception as error:
        _record_failure(error, as_of=as_of, started_at=started_at)
        raise


def refresh_due(*, now: datetime) -> dict[str, int]:
    """This function will work out what changed, keeping the day of the last full pass until the nightly one moves it.

    Like the nightly pass it never goes back behind a refresh that somebody made ahead of the clock.
    """
    state = RefreshState.objects.first()
    if state is None or state.as_of is None or state.day is None:
        return _refresh_and_fit(as_of=now, now=now)
    end_of_day = start_of(state.day + 1, shop_zone()) - datetime.resolution
    return _refresh_and_fit(as_of=max(min(now, end_of_day), state.as_of), now=now)


def nightly(*, now: datetime) -> dict[str, int]:
    """This function will bring everything to the shop day of `now`.

    Where somebody has refreshed ahead of the clock it works on from there: to go back is to count everybody again.
    """
    return _refresh_and_fit(as_of=as_late_as_facts(now), now=now)


def _refresh_and_fit(*, as_of: datetime, now: datetime) -> dict[str, int]:
    report = refresh(as_of=as_of, now=now, build_seconds=BUILD_SECONDS)
    fit_when_none(now=now)
    return dict(report.counts)


def _kind_needed(state: RefreshState | None, *, as_of: datetime, full: bool) -> Kind | None:
    """This function will say what has to be done to be true for `as_of`: the gate before all work."""
    if full or state is None or state.as_of is None or state.day is None or as_of < state.as_of:
        return Kind.FULL
    if day_number(as_of, shop_zone()) > state.day:
        return Kind.DAY
    if marks.any_due(after=state.as_of, until=as_of):
        return Kind.CHANGES
    given = in_force()
    return None if given.signature == state.signature and not given.tiers_wait else Kind.CHANGES


def _refresh_locked(*, as_of: datetime, full: bool, started_at: datetime) -> RefreshReport:
    """Steps: what is to be done, now that nobody else does it; the run's row; facts; tiers; segments; the state, last."""
    hold_zone(now=started_at)
    state, _created = RefreshState.objects.get_or_create()
    kind = _kind_needed(state, as_of=as_of, full=full)
    if kind is None:
        return RefreshReport(NOTHING, as_of)
    stages = Stages()
    run = RefreshRun.objects.create(kind=kind, as_of=as_of, day=day_number(as_of, shop_zone()), started_at=started_at)
    with due_members():
        changed_at = _next_change(state, started_at)
        if kind is Kind.FULL:
            _count_everybody(run, stages, changed_at)
        else:
            _count_due(run, state, stages, changed_at)
        with stages.timed("tiers"):
            stages.count(**tiers.count_tiers(as_of=as_of, everybody=kind is Kind.FULL, run_id=run.pk))
            facts.note_changes(tiers.changed_in(run.pk), changed_at=changed_at)
        if kind is not Kind.CHANGES or _is_another_shop(due=stages.counts["due"]):
            with stages.timed("rhythm"):
                publish_rhythm(as_of=as_of, now=started_at)
        given = in_force()
        if kind is Kind.FULL:
            with stages.timed("mend"):
                mend_segments(given)
        asking = Asking(run, given, given.meanings(), stages)
        turned = kind is not Kind.CHANGES or given.measures != state.measures
        _evaluate(asking, turned=turned)
    state.signature, state.measures, state.changed_at = given.signature, given.measures, changed_at
    _finish(run, state, stages)
    return RefreshReport(kind, as_of, run.pk, stages.counts, {**stages.seconds, "total": stages.total_seconds})


def _next_change(state: RefreshState, now: datetime) -> datetime:
    """This function will give the instant of what this refresh takes in: later than that of every refresh before it, though
    it read the clock before it had its turn, or the clock was put back. Who saw all up to one instant misses nothing."""
    return now if state.changed_at is None else max(now, state.changed_at + datetime.resolution)


def _is_another_shop(*, due: int) -> bool:
    """This function will say whether so much came in that this morning's rhythm is not the shop's, or that there is none
    yet: the first file is loaded at noon, and nobody waits until tomorrow for its stages."""
    if not due:
        return False
    several = MemberFacts.objects.order_by("pk").values("pk")[due * ANOTHER_SHOP : due * ANOTHER_SHOP + 1]
    return not several.exists() or not ScoringModel.objects.filter(kind=ModelKind.RHYTHM, current=True).exists()


def _evaluate(asking: Asking, *, turned: bool) -> None:
    """What follows every change is asked of the due members, or of everybody where the day, a fit or a band turned.

    What means something new is asked of everybody: here and now where they are few, or where everybody is counted anyway;
    else by builds. So is what failed, whenever something turned: a build begun for it then goes on at the next refresh.
    """
    run, standing = asking.run, Standing.of(asking.given, asking.meanings)
    again = standing.failed
    if again and not turned:
        again = {pk: again[pk] for pk in builds.builds_open().filter(segment__in=again).values_list("segment_id", flat=True)}
    new = {**standing.pending, **again}
    here = run.kind == Kind.FULL or (bool(new) and builds.are_few())
    everybody = {**(standing.sound if turned else {}), **(new if here else {})}
    ask_everybody(everybody, asking)
    if not turned:
        ask_due(standing.sound, asking)
    opened = builds.open_builds(
        {} if here else new, meanings=asking.meanings, given=asking.given, day=run.day, now=run.started_at
    )
    if opened:
        asking.stages.count(builds_opened=opened)


def _count_everybody(run: RefreshRun, stages: Stages, changed_at: datetime) -> None:
    with stages.timed("marks"):
        marks.take_marks()
        stages.count(marks=marks.count_due_members())
        _know_sizes()
    with stages.timed("facts"):
        stages.count(facts_written=facts.count_all(as_of=run.as_of, changed_at=changed_at))
        facts.note_changes(DueMember.objects.values("member_id"), changed_at=changed_at)


def _know_sizes() -> None:
    for model in (Member, Order, BehaviourEvent, MemberFacts):
        know_size_if_grown(model._meta.db_table)


def _count_due(run: RefreshRun, state: RefreshState, stages: Stages, changed_at: datetime) -> None:
    assert state.as_of is not None  # without a past the pass is a full one
    assert state.day is not None
    with stages.timed("marks"):
        marks.take_marks()
        marks.add_whose_moment_came(after=state.as_of, until=run.as_of)
        if run.kind == Kind.DAY:
            marks.add_crossing_edges(old_day=state.day, new_day=run.day)
            tiers.add_due_by_time(old_day=state.day, new_day=run.day)
        due = marks.count_due_members()
        if due > MANY:
            _know_sizes()
        stages.count(due=due)
    with stages.timed("facts"), single_reads():
        stages.count(facts_written=facts.count_due(as_of=run.as_of, changed_at=changed_at))


def _finish(run: RefreshRun, state: RefreshState, stages: Stages) -> None:
    run.seconds, run.stages = stages.total_seconds, {"counts": stages.counts, "seconds": stages.seconds}
    run.save(update_fields=["seconds", "stages"])
    state.as_of, state.day, state.last_run_id = run.as_of, run.day, run.pk
    state.save()
    logger.info("refresh.done kind=%s as_of=%s seconds=%s %s", run.kind, run.as_of, run.seconds, stages.counts)


def _record_failure(error: Exception, *, as_of: datetime, started_at: datetime) -> None:
    """The transaction is gone with all it did; its error is kept, unless a larger transaction goes with it."""
    logger.error("refresh.failed as_of=%s error=%s", as_of, told(error))
    if connection.in_atomic_block:
        return
    RefreshRun.objects.create(
        kind=Kind.FULL,
        as_of=as_of,
        day=day_number(as_of, shop_zone()),
        started_at=started_at,
        error=told(error),
    )
