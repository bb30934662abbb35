"""A campaign's life: draft -> running <-> paused -> finished. Each move is one UPDATE guarded by the status it leaves."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, CampaignStatus, CampaignVersion, Enrolment, EnrolmentStatus, Reason
from campaigns.models.campaign import CAMPAIGN_MOVES
from campaigns.models.pauses import Because, because_said
from campaigns.selectors.documents import document_of, edition_of
from campaigns.services.documents import CampaignDocument, read_document, trigger_of
from campaigns.services.freshness import obstacle
from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from core.locks import LockSpace, lock_for_transaction
from core.queue import enqueue_on_commit
from retention.services.segments import keep_segments

logger = logging.getLogger(__name__)


class MoveRefused(DomainError):
    """The campaign is not where this move begins; nothing was changed."""


class NotReady(DomainError):
    """The campaign cannot start; each problem says why."""

    code = "campaign_not_ready"


class ChangedMeanwhile(DomainError):
    """Somebody else saved the draft since it was read; nothing was saved over it. `now` is what stands there."""

    code = "changed_meanwhile"

    def __init__(self, now: Campaign) -> None:
        super().__init__(_("Somebody else saved this draft meanwhile. Look at it again."))
        self.now = now


# What is answered when a move does not begin where the campaign is.
REFUSALS: dict[str, tuple[str, str | Promise]] = {
    "update": ("campaign_not_draft", _("Only a draft can be changed; this campaign is %(status)s.")),
    "activate": ("campaign_not_draft", _("Only a draft can be started; this campaign is %(status)s.")),
    "pause": ("campaign_not_running", _("Only a running campaign can be paused; this one is %(status)s.")),
    "resume": ("campaign_not_paused", _("Only a paused campaign can be resumed; this one is %(status)s.")),
    "finish": ("campaign_not_running", _("Only a running or paused campaign can be finished; this one is %(status)s.")),
}


def create_campaign(*, document: object, now: datetime, by: str = "") -> Campaign:
    """This function will make a draft from the contract's campaign item, or raise InvalidInput with every problem."""
    read = read_document(document)
    with transaction.atomic():
        campaign = _insert(read, now)
        version = CampaignVersion.objects.create(campaign=campaign, number=1, created_at=now, **_content(read))
        Campaign.objects.filter(pk=campaign.pk).update(version=version)
    campaign.version = version
    _log("created", campaign.pk, by)
    return campaign


def update_draft(*, campaign: Campaign, document: object, now: datetime, by: str = "", seen: str = "") -> Campaign:
    """This function will put a whole new content into a draft; a document without a short name keeps it.

    `seen` is the edition that was changed (`edition_of`): where another stands there by now, ChangedMeanwhile, and nothing
    is saved over what somebody else wrote. Without it the document is saved in any case.
    """
    if isinstance(document, dict):
        document = {"slug": campaign.slug, **document}
    read = read_document(document)
    with transaction.atomic():
        current = _locked(campaign.pk)
        if current.status != CampaignStatus.DRAFT:
            raise _refused("update", current)
        if seen and seen != edition_of(current):
            raise ChangedMeanwhile(current)
        _rename(current, read)
        CampaignVersion.objects.filter(campaign=current, frozen_at__isnull=True).update(**_content(read))
    _log("changed", campaign.pk, by)
    return Campaign.objects.select_related("version").get(pk=campaign.pk)


def delete_draft(*, campaign_id: int, by: str = "") -> None:
    """This function will remove a draft; what has once run stays, with everything it did."""
    with transaction.atomic():
        current = _locked(campaign_id)
        if current.status != CampaignStatus.DRAFT:
            raise _refused("update", current)
        Campaign.objects.filter(pk=campaign_id).update(version=None)
        current.versions.all().delete()
        Campaign.objects.filter(pk=campaign_id).delete()
    _log("deleted", campaign_id, by)


def activate(*, campaign_id: int, now: datetime, by: str = "", seen: str = "") -> Campaign:
    """This function will start a draft; with `seen` only if it is still that edition, else ChangedMeanwhile.

    1. Keep the segments that it names from being deleted, and hold the campaign, so that nobody edits what is checked.
    2. Check everything anew: what it names may have changed or gone since it was saved.
    3. Freeze its version and note from where its trigger counts. The work itself is the next pass's.
    """
    with transaction.atomic():
        keep_segments()
        current = _locked(campaign_id)
        if current.status != CampaignStatus.DRAFT:
            raise _refused("activate", current)
        if seen and seen != edition_of(current):
            raise ChangedMeanwhile(current)
        version = _version(current)
        problems = start_problems(campaign=current, now=now)
        if problems:
            raise NotReady(_("The campaign cannot be started."), problems=problems)
        CampaignVersion.objects.filter(pk=version.pk, frozen_at__isnull=True).update(frozen_at=now)
        found = trigger_of(version.trigger)
        assert found is not None, "an unknown trigger is a start problem"
        trigger, params = found
        _move(
            campaign_id,
            "activate",
            to=CampaignStatus.RUNNING,
            activated_at=now,
            **trigger.starting_point(params),
        )
        enqueue_on_commit("campaigns.plan")
    _log("activated", campaign_id, by)
    return _fresh(campaign_id)


def start_problems(*, campaign: Campaign, now: datetime) -> list[FieldProblem]:
    """This function will say everything that keeps a draft from starting."""
    try:
        read_document(document_of(campaign))
    except InvalidInput as error:
        return list(error.problems)
    if campaign.ends_at is not None and campaign.ends_at <= now:
        return [FieldProblem("ends_at", "already_over", _("The campaign would have ended already."))]
    sentence = obstacle(version=_version(campaign), now=now)
    return [FieldProblem("", "not_ready", sentence)] if sentence else []


def pause(*, campaign_id: int, now: datetime, by: str = "", reason: str | Because = "") -> Campaign:
    """This function will pause a running campaign: from its return on nothing new is decided and nothing handed over."""
    why = because_said(reason) if isinstance(reason, str) and reason else reason or None
    with transaction.atomic():
        _move(campaign_id, "pause", to=CampaignStatus.PAUSED, paused_because=why)
    _log("paused", campaign_id, by)
    return _fresh(campaign_id)


def resume(*, campaign_id: int, now: datetime, by: str = "") -> Campaign:
    """This function will let a paused campaign go on where it was."""
    with transaction.atomic():
        _move(campaign_id, "resume", to=CampaignStatus.RUNNING, paused_because=None)
        enqueue_on_commit("campaigns.plan")
        enqueue_on_commit("campaigns.dispatch")
    _log("resumed", campaign_id, by)
    return _fresh(campaign_id)


def finish(*, campaign_id: int, now: datetime, by: str = "") -> Campaign:
    """This function will end a campaign for good: who waits is suppressed, in the same transaction.

    The campaign first, its enrolments second: a step under way shares the campaign's status, so it is either over before
    this begins or sees the campaign finished.
    """
    with transaction.atomic():
        _move(campaign_id, "finish", to=CampaignStatus.FINISHED, finished_at=now, paused_because=None)
        waiting = Enrolment.objects.filter(campaign_id=campaign_id, status=EnrolmentStatus.WAITING)
        waiting.update(status=EnrolmentStatus.SUPPRESSED, reason=Reason.CAMPAIGN_FINISHED, next_at=None, decided_at=now)
    _log("finished", campaign_id, by)
    return _fresh(campaign_id)


def _move(campaign_id: int, verb: str, *, to: CampaignStatus, **changes: Any) -> None:
    """The guarded UPDATE, after what is under way in the campaign, and before what has not begun."""
    lock_for_transaction(LockSpace.CAMPAIGN_STATUS, campaign_id)
    sources = [status for status, targets in CAMPAIGN_MOVES.items() if to in targets and _begins(verb, status)]
    moved = Campaign.objects.filter(pk=campaign_id, status__in=sources).update(status=to, **changes)
    if moved != 1:
        raise _refused(verb, _fresh(campaign_id))


def _begins(verb: str, status: str) -> bool:
    """Two verbs lead to RUNNING: a draft is activated, a paused campaign resumed."""
    return verb not in {"activate", "resume"} or (verb == "activate") == (status == CampaignStatus.DRAFT)


def _refused(verb: str, campaign: Campaign) -> MoveRefused:
    code, message = REFUSALS[verb]
    return MoveRefused(str(message) % {"status": campaign.get_status_display()}, code=code)


def _locked(campaign_id: int) -> Campaign:
    found = Campaign.objects.select_related("version").select_for_update(of=("self",)).filter(pk=campaign_id).first()
    if found is None:
        raise _not_found()
    return found


def _fresh(campaign_id: int) -> Campaign:
    found = Campaign.objects.select_related("version").filter(pk=campaign_id).first()
    if found is None:
        raise _not_found()
    return found


def _not_found() -> NotFound:
    return NotFound(_("There is no such campaign."))


def _version(campaign: Campaign) -> CampaignVersion:
    if campaign.version is None:
        raise NotReady(_("The campaign has no content yet."))
    return campaign.version


def _insert(read: CampaignDocument, now: datetime) -> Campaign:
    try:
        with transaction.atomic():
            return Campaign.objects.create(
                slug=read.slug,
                name=read.name,
                salt=secrets.token_hex(16),
                starts_at=read.starts_at,
                ends_at=read.ends_at,
                created_at=now,
            )
    except IntegrityError:
        raise _taken(read.slug) from None


def _rename(campaign: Campaign, read: CampaignDocument) -> None:
    try:
        with transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(
                slug=read.slug, name=read.name, starts_at=read.starts_at, ends_at=read.ends_at
            )
    except IntegrityError:
        raise _taken(read.slug) from None


def _taken(slug: str) -> InvalidInput:
    message = _("Another campaign has the short name “%(slug)s”.") % {"slug": slug}
    return InvalidInput(message, problems=[FieldProblem("slug", "taken", message)])


def _content(read: CampaignDocument) -> dict[str, Any]:
    return {
        "trigger": read.trigger,
        "audience": read.audience,
        "exclusion": read.exclusion,
        "steps": read.steps,
        "control_share": read.control_share,
        "re_entry": read.re_entry,
        "attribution_days": read.attribution_days,
    }


def _log(what: str, campaign_id: int, by: str) -> None:
    logger.info("campaign.%s campaign__id=%s by=%s", what, campaign_id, by or "-")
