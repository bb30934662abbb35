"""Planning: from triggers to enrolments. Who is due is written once, whatever happens and however often it is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from campaigns.conf import PLANNED_AT_ONCE
from campaigns.holdout import held_out
from campaigns.models import Arm, Campaign, CampaignStatus, CampaignVersion, Enrolment, EnrolmentStatus
from campaigns.models.pauses import Because, because_of
from campaigns.services.documents import trigger_of
from campaigns.services.freshness import hindrance
from campaigns.services.lifecycle import MoveRefused, finish, pause
from campaigns.triggers import TriggerUnable
from core.conf import shop_zone
from core.errors import DomainError, told
from core.locks import LockSpace, lock_for_transaction
from core.periods import day_number, start_of
from core.queue import enqueue_on_commit
from core.sql import insert_rows
from members.models import Member
from retention.selectors import matching, state
from retention.selectors.rules import demand_askable_together
from retention.services.refresh import refresh_due
from retention.services.rules import checked_rule

logger = logging.getLogger(__name__)

COLUMNS = (
    "campaign", "version", "member_id", "occurrence", "once", "arm", "status", "reason", "due_at", "next_at",
)  # fmt: skip

Candidate = tuple[int, str, str | None]


class _Overtaken(Exception):
    """The campaign stopped running while it was planned: what was planned is rolled back."""


def plan_when_fresh(*, now: datetime) -> Mapping[str, int]:
    """This function will plan by what is true at `now`: the refresh of this moment comes first, whoever does it.

    Two clocks that tick in one second share their works out. One of them may plan while the other's refresh is under way, or
    has not begun: this waits for its lock, or does what it would have done. Where the refresh fails, its own work says so,
    and campaigns go on by what was last known.
    """
    try:
        refresh_due(now=now)
    except Exception as error:
        logger.warning("campaigns.planned_without_refresh error=%s", told(error))
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
    return plan_campaigns(now=now)


def plan_campaigns(*, now: datetime) -> Mapping[str, int]:
    """This function will write down who has become due in every running campaign, and finish what is past its end.

    One campaign that fails does not keep the others waiting: the failures are raised together at the end.
    """
    over = Q(status=CampaignStatus.PAUSED, ends_at__lte=now)
    live = Campaign.objects.filter(over | Q(status=CampaignStatus.RUNNING)).order_by("pk")
    due, failures = 0, []
    for campaign_id in list(live.values_list("pk", flat=True)):
        try:
            due += plan_campaign(campaign_id=campaign_id, now=now)
        except Exception as error:  # a defect, or the database's trouble: told at the end
            logger.exception("campaign.planning_failed campaign__id=%s", campaign_id)
            failures.append(error)
    if failures:
        raise ExceptionGroup("campaigns could not be planned", failures)
    return {"due": due}


def plan_campaign(*, campaign_id: int, now: datetime) -> int:
    """This function will write one campaign's new enrolments, all of them or none, and return how many there are.

    1. One planner a campaign at a time. Two would write nothing twice, but would do the work twice.
    2. A campaign past its end is finished; one that relies on what cannot be relied on is paused, and says why.
    3. Candidates of the trigger, whom the audience holds, less the exclusion, as re-entry allows; each with the arm that a
       keyed hash gives. Whoever has the occasion already is passed over by the constraint.
    4. The trigger's progress last, guarded by the status: if a person stopped the campaign meanwhile, nothing stands.

    A person who moves the campaign in the moment in which it would be paused or finished here has the last word.
    """
    try:
        with transaction.atomic():
            lock_for_transaction(LockSpace.CAMPAIGN_PLANNING, campaign_id)
            campaign = Campaign.objects.select_related("version").get(pk=campaign_id)
            if not _may_be_planned(campaign, now):
                return 0
            written = _plan(campaign, now)
            if written:
                enqueue_on_commit("campaigns.step")
            return written
    except (_Overtaken, MoveRefused):
        return 0


def _may_be_planned(campaign: Campaign, now: datetime) -> bool:
    live = campaign.status in {CampaignStatus.RUNNING, CampaignStatus.PAUSED}
    if live and campaign.ends_at is not None and campaign.ends_at <= now:
        finish(campaign_id=campaign.pk, now=now, by="clock")
        return False
    if campaign.status != CampaignStatus.RUNNING or campaign.version is None:
        return False
    if campaign.starts_at is not None and campaign.starts_at > now:
        return False
    why_not = hindrance(version=campaign.version, now=now)
    if why_not is not None:
        pause(campaign_id=campaign.pk, now=now, by="clock", reason=why_not)
        return False
    # Before the first refresh nothing is known of anybody: an audience asked now would be nobody, once and for all.
    return state().as_of is not None


def _plan(campaign: Campaign, now: datetime) -> int:
    version = campaign.version
    assert version is not None
    found = trigger_of(version.trigger)
    assert found is not None, "a campaign whose trigger is gone is paused before it is planned"
    trigger, params = found
    try:
        candidates = trigger.candidates(campaign=campaign, params=params, now=now)
        if candidates is None:
            return 0
        written = _enrol(candidates.rows.filter(let_in(version, now)), campaign, version, now)
    except TriggerUnable as error:
        pause(campaign_id=campaign.pk, now=now, by="clock", reason=error.because)
        return 0
    except DomainError as error:
        # Before anything was written: it comes of the first question that is asked.
        pause(campaign_id=campaign.pk, now=now, by="clock", reason=_refusal(version, error))
        return 0
    if written or candidates.progress:
        _advance(campaign, candidates.progress, now)
    return written


def let_in(version: CampaignVersion, now: datetime) -> Q:
    """Re-entry as SQL. «Once» and «per occurrence» are constraints besides; «every so many days» is kept by this condition
    alone, which is enough because one planner works on a campaign at a time.
    """
    before = Enrolment.objects.filter(campaign_id=version.campaign_id, member_id=OuterRef("member_id"))
    policy = version.re_entry.get("policy")
    if policy == "per_occurrence":
        before = before.filter(occurrence=OuterRef("occurrence"))
    elif policy == "every":
        zone = shop_zone()
        first_day = day_number(now, zone) - int(version.re_entry["days"]) + 1
        before = before.filter(due_at__gte=start_of(first_day, zone))
    return Q(~Exists(before))


def _refusal(version: CampaignVersion, error: DomainError) -> Because:
    """Why the audience could not be asked for, as it reads in each language."""

    def say() -> str:
        try:
            for rule in (version.audience, version.exclusion):
                if rule is not None:
                    checked_rule(rule)
            demand_askable_together(version.audience, version.exclusion, prefix="exclusion")
        except DomainError as again:
            return str(again)
        return str(error)

    return because_of(error.code, say)


def _enrol(rows: QuerySet[Any, Any], campaign: Campaign, version: CampaignVersion, now: datetime) -> int:
    """Some thousand candidates at a time, in the order of members: every statement stays small however many members there
    are, and each is planned by what the tables hold by then.
    """
    row = _row_maker(campaign, version, now)
    one_each = version.re_entry.get("policy") == "every"
    written = 0
    for chunk in _chunks(rows):
        wanted = chunk if not one_each else _first_of_each(chunk)
        ids = {member_id for member_id, _occurrence, _key in chunk}
        audience = matching(rule=version.audience, exclusion=version.exclusion, member_ids=list(ids))
        inside = set(audience.values_list("member_id", flat=True))
        # A member erased since the transition was written has no key any more.
        new = [row(member_id, on, key) for member_id, on, key in wanted if member_id in inside and key is not None]
        written += len(insert_rows(Enrolment, COLUMNS, new, conflict=[], returning=["pk"]))
    return written


def _chunks(rows: QuerySet[Any, Any]) -> Iterator[list[Candidate]]:
    key = Member.objects.filter(pk=OuterRef("member_id")).values("external_id")
    ordered = rows.annotate(member_key=Subquery(key)).order_by("member_id", "occurrence")
    listed = ordered.values_list("member_id", "occurrence", "member_key")
    chunk: list[Candidate] = list(listed[:PLANNED_AT_ONCE])
    while chunk:
        yield chunk
        member_id, occurrence, _key = chunk[-1]
        beyond = Q(member_id__gt=member_id) | Q(member_id=member_id, occurrence__gt=occurrence)
        full = len(chunk) == PLANNED_AT_ONCE
        chunk = list(listed.filter(beyond, member_id__gte=member_id)[:PLANNED_AT_ONCE]) if full else []


def _first_of_each(chunk: Iterable[Candidate]) -> list[Candidate]:
    """One occasion a member: two transitions in one planning must not let somebody in twice. What a next chunk holds of the
    same member, re-entry keeps out.
    """
    firsts: dict[int, Candidate] = {}
    for candidate in chunk:
        firsts.setdefault(candidate[0], candidate)
    return list(firsts.values())


def _row_maker(campaign: Campaign, version: CampaignVersion, now: datetime) -> Callable[[int, str, str], tuple[Any, ...]]:
    once = version.re_entry.get("policy") == "once"
    waiting = EnrolmentStatus.WAITING.value

    def row(member_id: int, occurrence: str, key: str) -> tuple[Any, ...]:
        control = held_out(key=key, salt=campaign.salt, share=version.control_share)
        arm = (Arm.CONTROL if control else Arm.TREATED).value
        return (campaign.pk, version.pk, member_id, occurrence, once, arm, waiting, "", now, now)

    return row


def _advance(campaign: Campaign, progress: Mapping[str, Any], now: datetime) -> None:
    running = Campaign.objects.filter(pk=campaign.pk, status=CampaignStatus.RUNNING)
    if running.update(**{"planned_at": now, **progress}) != 1:
        raise _Overtaken
