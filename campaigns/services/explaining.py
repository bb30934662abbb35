"""Why a member did or did not get a campaign: what became of it, and everything the engine asks, in the order it asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F, Value
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from campaigns.guardrails import IN_ORDER, Decision
from campaigns.holdout import held_out
from campaigns.models import Arm, Campaign, CampaignStatus, CampaignVersion, Enrolment, Reason, StepOutcome
from campaigns.models.pauses import pause_sentence
from campaigns.selectors.batches import Batch, Due, people
from campaigns.services.documents import steps_of, trigger_of
from campaigns.services.freshness import obstacle
from campaigns.services.planning import let_in
from campaigns.triggers import TriggerUnable
from core.errors import InvalidInput
from members.models import Member
from retention.selectors.explaining import Why, why

GUARDRAILS = frozenset(each.code for each in IN_ORDER)
NOT_DUE = "not_due"
DUE_NEXT = "due_next"
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the engine asks. `held` None: not known, or not asked of this campaign."""

    code: str
    held: bool | None
    sentence: str | Promise

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "held": self.held, "sentence": str(self.sentence)}


@dataclass(frozen=True, slots=True)
class CampaignDecision:
    """`decision` is the outcome of the last occasion, or `not_due` / `due_next` where there was none; `reason` a code."""

    decision: str
    reason: str
    sentence: str | Promise
    checks: tuple[Check, ...]
    audience: Why
    exclusion: Why | None
    enrolments: tuple[Enrolment, ...] = ()
    steps: tuple[StepOutcome, ...] = field(default=())


def explain_campaign(*, campaign: Campaign, member: Member, now: datetime) -> CampaignDecision:
    """This function will tell what became of a member in a campaign, and how everything stands now."""
    version = campaign.version
    if version is None:
        raise InvalidInput(_("The campaign has no content yet."))
    enrolments = tuple(Enrolment.objects.filter(member_id=member.pk, campaign=campaign).order_by("-pk")[:SHOWN])
    audience = _asked(version.audience, member)
    exclusion = None if version.exclusion is None else _asked(version.exclusion, member)
    checks = tuple(_checks(campaign, version, member, enrolments, audience, exclusion, now))
    decision, reason, sentence = _decided(enrolments, checks)
    steps = StepOutcome.objects.filter(enrolment_id=enrolments[0].pk).order_by("step") if enrolments else ()
    return CampaignDecision(decision, reason, sentence, checks, audience, exclusion, enrolments, tuple(steps))


def _asked(rule: dict[str, Any], member: Member) -> Why:
    """A rule that can no longer be read answers nothing; what is wrong with it the check of reliance says."""
    try:
        return why(rule=rule, member_id=member.pk)
    except InvalidInput:
        return Why(None, None, None)


def _decided(enrolments: tuple[Enrolment, ...], checks: tuple[Check, ...]) -> tuple[str, str, str | Promise]:
    if enrolments:
        last = enrolments[0]
        words = str(last.get_status_display())
        why_so = reason_words(last.reason)
        return last.status, last.reason, f"{words}: {why_so}" if why_so else words
    failed = next((each for each in checks if each.held is False), None)
    if failed is not None and failed.code not in GUARDRAILS:
        return NOT_DUE, failed.code, failed.sentence
    if failed is not None:
        return DUE_NEXT, failed.code, _("Would become due, and then: %(reason)s.") % {"reason": failed.sentence}
    return DUE_NEXT, "", _("Nothing stands in the way: the next planning makes the member due.")


def reason_words(reason: str) -> str:
    return str(Reason(reason).label) if reason in Reason.values else reason.replace("_", " ")


def _checks(
    campaign: Campaign,
    version: CampaignVersion,
    member: Member,
    enrolments: tuple[Enrolment, ...],
    audience: Why,
    exclusion: Why | None,
    now: datetime,
) -> Iterator[Check]:
    yield _status(campaign, now)
    sentence = obstacle(version=version, now=now)
    yield Check("reliable", sentence is None, sentence or _("What the campaign relies on is there and fresh."))
    yield _trigger(campaign, version, member, enrolments, now)
    inside = audience.held is True
    yield Check("audience", inside, _("Belongs to the audience.") if inside else _("Does not belong to the audience."))
    if exclusion is not None:
        out = exclusion.held is True
        yield Check("exclusion", not out, _("Is excluded.") if out else _("Is not excluded."))
    yield _re_entry(version, member, now)
    yield from _guardrails(campaign, version, member, enrolments, now)


def _status(campaign: Campaign, now: datetime) -> Check:
    if campaign.status != CampaignStatus.RUNNING:
        words = _("The campaign is not running: it is %(status)s.") % {"status": campaign.get_status_display()}
        return Check("running", False, f"{words} {campaign.paused_reason}".strip())
    if campaign.starts_at is not None and campaign.starts_at > now:
        return Check("running", False, _("The campaign begins later."))
    return Check("running", True, _("The campaign is running."))


def _trigger(
    campaign: Campaign, version: CampaignVersion, member: Member, enrolments: tuple[Enrolment, ...], now: datetime
) -> Check:
    """Who was due once had an occasion. Of the others the trigger itself is asked, which only a running campaign may do."""
    found = trigger_of(version.trigger)
    if found is None:
        return Check("trigger", False, _("Its trigger is of a kind this version does not know."))
    trigger, params = found
    if enrolments:
        return Check("trigger", True, _("Had an occasion: %(trigger)s.") % {"trigger": trigger.label})
    if campaign.status != CampaignStatus.RUNNING:
        waits = _("The occasion is asked for once the campaign runs: %(trigger)s.")
        return Check("trigger", None, waits % {"trigger": trigger.label})
    try:
        candidates = trigger.candidates(campaign=campaign, params=params, now=now)
    except TriggerUnable as unable:
        return Check("trigger", False, pause_sentence(unable.because))
    held = candidates is not None and candidates.rows.filter(member_id=member.pk).exists()
    words = _("Has an occasion now: %(trigger)s.") if held else _("Has had no occasion since it began: %(trigger)s.")
    return Check("trigger", held, words % {"trigger": trigger.label})


def _re_entry(version: CampaignVersion, member: Member, now: datetime) -> Check:
    rows = Member.objects.annotate(member_id=F("pk"), occurrence=Value(""))
    may = rows.filter(let_in(version, now), pk=member.pk).exists()
    return Check("re_entry", may, _("May be let in.") if may else _("Was let in before and may not be again yet."))


def _guardrails(
    campaign: Campaign, version: CampaignVersion, member: Member, enrolments: tuple[Enrolment, ...], now: datetime
) -> Iterator[Check]:
    """The engine's own guardrails, asked of this one member as if due now."""
    steps = steps_of(version.steps)
    if steps is None:
        return
    control = held_out(key=member.external_id, salt=campaign.salt, share=version.control_share)
    arm = enrolments[0].arm if enrolments else (Arm.CONTROL if control else Arm.TREATED).value
    due = Due(id=0, member_id=member.pk, version_id=version.pk, arm=arm)
    topics = {step.position: topic for step in steps if (topic := step.action.topic(step.params))}
    batch = Batch(campaign=campaign, version=version, rows=[due], people=people([member.pk]), topics=topics)
    for guardrail in IN_ORDER:
        verdict = guardrail.verdicts(batch=batch, now=now).get(due.id)
        if verdict is None or (verdict.decision is Decision.ALLOW and not verdict.blocked):
            yield Check(guardrail.code, True, guardrail.label)
            continue
        reasons = [verdict.reason, *verdict.blocked.values()]
        said = ", ".join(dict.fromkeys(reason_words(reason) for reason in reasons if reason))
        held = None if verdict.decision is Decision.ALLOW else False
        yield Check(guardrail.code, held, f"{guardrail.label}: {said}" if said else guardrail.label)
