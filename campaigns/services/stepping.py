"""Stepping: from due enrolments to decisions, coupons and messages, all of one chunk in one transaction."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DataError, IntegrityError, transaction
from django.db.models import Exists, OuterRef

from campaigns.actions import Call, Denial, Step, Words
from campaigns.conf import STEPPED_AT_ONCE
from campaigns.guardrails import IN_ORDER, Decision, Verdict
from campaigns.models import (
    Campaign,
    CampaignStatus,
    CampaignVersion,
    CouponTemplate,
    Enrolment,
    EnrolmentStatus,
    Reason,
    StepOutcome,
    StepResult,
)
from campaigns.selectors.batches import Batch, Due, people, shop_name, take_due
from campaigns.selectors.points import NOTHING, points_words
from campaigns.services.documents import steps_of
from core.batching import without_looking_for_cycles
from core.locks import LockSpace, share_for_transaction
from core.queue import enqueue_on_commit
from core.sql import insert_rows

logger = logging.getLogger(__name__)

OUTCOME_COLUMNS = ("enrolment_id", "step", "result", "reason", "at")
STATUSES: Mapping[Decision, EnrolmentStatus] = {
    Decision.HOLD_OUT: EnrolmentStatus.HELD_OUT,
    Decision.SUPPRESS: EnrolmentStatus.SUPPRESSED,
    Decision.DEFER: EnrolmentStatus.WAITING,
}


class _Undo(Exception):
    """Somebody was denied after something had been done for them: undo all, and do it again without them."""


@dataclass(slots=True)
class _Tally:
    """What became of a chunk: (status, reason, waiting until) by enrolment, and the outcomes of steps."""

    decided: dict[int, tuple[str, str, datetime | None]] = field(default_factory=dict)
    outcomes: list[tuple[int, int, str, str, datetime]] = field(default_factory=list)

    def add(self, rows: Iterable[int], status: EnrolmentStatus, reason: str = "", until: datetime | None = None) -> None:
        self.decided.update((row, (status.value, str(reason), until)) for row in rows)


def step_enrolments(*, now: datetime) -> Mapping[str, int]:
    """This function will decide every due enrolment of every campaign that is not paused.

    One campaign that fails does not keep the others waiting: the failures are raised together at the end.
    """
    counts: Counter[str] = Counter()
    failures = []
    for campaign_id in _campaigns_with_due(now):
        try:
            while done := step_chunk(campaign_id=campaign_id, now=now):
                counts.update(done)
        except Exception as error:  # a defect, or the database's trouble: told at the end
            logger.exception("campaign.stepping_failed campaign__id=%s", campaign_id)
            failures.append(error)
    if failures:
        raise ExceptionGroup("campaigns could not be stepped", failures)
    return dict(counts)


def step_chunk(*, campaign_id: int, now: datetime, most: int = STEPPED_AT_ONCE) -> Counter[str]:
    """This function will decide one chunk of a campaign's due enrolments and count what became of them.

    1. Share the campaign's status: a pause or an end waits for this chunk, or this chunk sees it.
    2. Take due enrolments; on PostgreSQL two steppers take different ones, on SQLite one waits for the other.
    3. Ask the guardrails, then do the steps for whom they allow.
    4. Write each decision, guarded by the enrolment's still waiting.
    """
    with without_looking_for_cycles(), transaction.atomic():
        share_for_transaction(LockSpace.CAMPAIGN_STATUS, campaign_id)
        campaign = Campaign.objects.get(pk=campaign_id)
        if campaign.status not in {CampaignStatus.RUNNING, CampaignStatus.FINISHED}:
            return Counter()
        due = take_due(campaign=campaign, now=now, most=most)
        if not due:
            return Counter()
        tally = _Tally()
        known = people({row.member_id for row in due})
        for version, rows in _by_version(due):
            steps = steps_of(version.steps)
            if steps is None:
                raise RuntimeError(f"version {version.pk} has a step of a kind that is gone; planning pauses its campaign")
            topics = {step.position: topic for step in steps if (topic := step.action.topic(step.params))}
            batch = Batch(campaign=campaign, version=version, rows=rows, people=known, topics=topics)
            _decide(batch, steps, tally, now)
        _write(tally, now)
        enqueue_on_commit("campaigns.dispatch")
        return Counter(status for status, _reason, _until in tally.decided.values())


def _campaigns_with_due(now: datetime) -> list[int]:
    due = Enrolment.objects.filter(campaign=OuterRef("pk"), status=EnrolmentStatus.WAITING, next_at__lte=now)
    live = Campaign.objects.filter(Exists(due), status__in=[CampaignStatus.RUNNING, CampaignStatus.FINISHED])
    return list(live.order_by("pk").values_list("pk", flat=True))


def _by_version(due: Sequence[Due]) -> list[tuple[CampaignVersion, list[Due]]]:
    grouped: dict[int, list[Due]] = {}
    for row in due:
        grouped.setdefault(row.version_id, []).append(row)
    versions = CampaignVersion.objects.in_bulk(grouped)
    return [(versions[version_id], rows) for version_id, rows in grouped.items()]


# --- deciding


def _decide(batch: Batch, steps: Sequence[Step], tally: _Tally, now: datetime) -> None:
    verdicts = _verdicts(batch, now)
    allowed = []
    for row in batch.rows:
        verdict = verdicts.get(row.id)
        if verdict is None or verdict.decision is Decision.ALLOW:
            allowed.append(row)
        else:
            tally.add([row.id], STATUSES[verdict.decision], verdict.reason, until=verdict.until)
    blocked = {enrolment_id: verdict.blocked for enrolment_id, verdict in verdicts.items() if verdict.blocked}
    words: Words = {"campaign": {"name": batch.campaign.name}, "shop": {"name": shop_name()}}
    _fire(allowed, _Work(batch=batch, steps=steps, blocked=blocked, words=words, now=now), tally)


def _verdicts(batch: Batch, now: datetime) -> dict[int, Verdict]:
    """Each guardrail sees whom those before it let pass; the first denial stands."""
    found: dict[int, Verdict] = {}
    left = list(batch.rows)
    for guardrail in IN_ORDER:
        asked = Batch(batch.campaign, batch.version, left, batch.people, batch.topics)
        found.update(guardrail.verdicts(batch=asked, now=now))
        left = [row for row in left if row.id not in found or found[row.id].decision is Decision.ALLOW]
    return found


# --- doing


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done for whom the guardrails let pass; `blocked` steps are skipped for their reason. `words` are what
    messages to everybody may say.
    """

    batch: Batch
    steps: Sequence[Step]
    blocked: Mapping[int, Mapping[int, str]]
    words: Words
    now: datetime


def _fire(rows: Sequence[Due], work: _Work, tally: _Tally) -> None:
    """This function will do all steps for `rows`.

    A value that the database refuses, of one member among thousands, must not stop the others: the rows are halved until the
    one stands alone, and is recorded as failed.
    """
    if not rows:
        return
    try:
        with transaction.atomic():
            fired, denied = _fire_all(rows, work)
    except (DataError, IntegrityError):
        if len(rows) == 1:
            logger.exception("enrolment.failed enrolment__id=%s", rows[0].id)
            tally.add([rows[0].id], EnrolmentStatus.FAILED, Reason.UNEXPECTED)
            return
        middle = len(rows) // 2
        _fire(rows[:middle], work, tally)
        _fire(rows[middle:], work, tally)
        return
    tally.add((row.id for row in fired), EnrolmentStatus.FIRED)
    for enrolment_id, denial in denied.items():
        status = EnrolmentStatus.FAILED if denial.failed else EnrolmentStatus.SUPPRESSED
        tally.add([enrolment_id], status, denial.reason)
    tally.outcomes.extend(_outcomes(fired, work))


def _fire_all(rows: Sequence[Due], work: _Work) -> tuple[list[Due], dict[int, Denial]]:
    """Nobody keeps half: who is denied at a later step loses the earlier ones too. Each round has at least one row less."""
    denied: dict[int, Denial] = {}
    _hold_coupon_templates(work.steps)
    while True:
        left = [row for row in rows if row.id not in denied]
        try:
            with transaction.atomic():
                denied.update(_run_steps(left, work, denied))
            return [row for row in left if row.id not in denied], denied
        except _Undo:
            continue


def _run_steps(rows: list[Due], work: _Work, denied: dict[int, Denial]) -> dict[int, Denial]:
    points = points_words(member_ids={row.member_id for row in rows}, now=work.now) if _tells_points(work.steps) else {}
    words = {row.id: {**_words(row, work), "points": points.get(row.member_id, NOTHING)} for row in rows}
    found: dict[int, Denial] = {}
    begun: set[int] = set()
    late = False
    for step in work.steps:
        able = [row for row in rows if row.id not in found and step.position not in work.blocked.get(row.id, ())]
        if not able:
            continue
        refused = step.action.execute(Call(step=step, batch=work.batch, rows=able, words=words, now=work.now))
        late = late or not begun.isdisjoint(refused)
        found.update(refused)
        begun.update(row.id for row in able)
    if late:
        denied.update(found)
        raise _Undo
    return found


def _words(row: Due, work: _Work) -> Words:
    person = work.batch.people[row.member_id]
    return {"member": {"name": person.name, "external_id": person.external_id}, **work.words}


def _tells_points(steps: Sequence[Step]) -> bool:
    """Most messages say nothing about points: then nobody's are looked up."""
    texts = (
        text for step in steps if step.action.code == "send_message" for text in (step.params.subject, step.params.body)
    )
    return any("points." in text for text in texts)


def _hold_coupon_templates(steps: Sequence[Step]) -> None:
    """Several templates in one transaction are held in one order, and before any account of points, or two chunks could
    wait for each other for ever."""
    slugs = {step.params.template for step in steps if step.action.code == "issue_coupon"}
    if len(slugs) > 1 or (slugs and any(step.action.code == "grant_points" for step in steps)):
        list(CouponTemplate.objects.filter(slug__in=slugs).order_by("pk").select_for_update(no_key=True))


def _outcomes(fired: Sequence[Due], work: _Work) -> list[tuple[int, int, str, str, datetime]]:
    found = []
    for row in fired:
        blocked = work.blocked.get(row.id, {})
        for step in work.steps:
            reason = str(blocked.get(step.position, ""))
            result = StepResult.SKIPPED if reason else StepResult.DONE
            found.append((row.id, step.position, result.value, reason, work.now))
    return found


# --- writing


def _write(tally: _Tally, now: datetime) -> None:
    insert_rows(StepOutcome, OUTCOME_COLUMNS, tally.outcomes)
    groups: dict[tuple[str, str, datetime | None], list[int]] = {}
    for enrolment_id, decision in tally.decided.items():
        groups.setdefault(decision, []).append(enrolment_id)
    for (status, reason, until), ids in groups.items():
        waiting = Enrolment.objects.filter(pk__in=ids, status=EnrolmentStatus.WAITING)
        decided_at = now if until is None else None
        changed = waiting.update(status=status, reason=reason, next_at=until, decided_at=decided_at)
        if changed != len(ids):
            raise RuntimeError(f"{len(ids) - changed} enrolments were decided by somebody else; this chunk is rolled back")
