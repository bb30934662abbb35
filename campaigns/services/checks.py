"""What `verify` proves about campaigns: decisions, coupons and messages belong together, row by row, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from campaigns.actions import actions
from campaigns.actions.grant_points import REFERENCE
from campaigns.models import (
    Arm,
    Campaign,
    CampaignStatus,
    CampaignVersion,
    Coupon,
    Delivery,
    DeliveryState,
    Enrolment,
    EnrolmentStatus,
    StepOutcome,
    StepResult,
)
from core.registry import Check
from members.models import EntryKind, LedgerEntry

MOST_NAMED = 20

FIRED = EnrolmentStatus.FIRED


def outcomes_of_fired() -> Iterator[str]:
    """This function will name fired enrolments that have not exactly one outcome for each step of their version."""
    mine = StepOutcome.objects.filter(enrolment_id=OuterRef("pk")).order_by().values("enrolment_id")
    for version in _versions():
        complete = mine.annotate(count=Count("pk"), first=Min("step"), last=Max("step")).filter(
            count=len(version.steps), first=0, last=len(version.steps) - 1
        )
        broken = Enrolment.objects.filter(~Exists(complete), version=version, status=FIRED)
        yield from _named(broken, "enrolment {pk} fired without an outcome for each of its steps")


def nothing_for_the_others() -> Iterator[str]:
    """This function will name outcomes, coupons and messages of enrolments that never fired, or never were."""
    fired = Enrolment.objects.filter(pk=OuterRef("enrolment_id"), status=FIRED)
    yield from _named(StepOutcome.objects.filter(~Exists(fired)), "step outcome {pk} belongs to no fired enrolment")
    yield from _named(Delivery.objects.filter(~Exists(fired)), "message {pk} belongs to no fired enrolment")
    given = Coupon.objects.filter(~Exists(fired), enrolment_id__isnull=False)
    yield from _named(given, "coupon {pk} belongs to no fired enrolment")


def coupons_of_steps() -> Iterator[str]:
    """This function will name coupon steps that were done without a coupon, and coupons without such a step."""
    yield from _pairs("issue_coupon", Coupon.objects.all(), what="coupon")


def messages_of_steps() -> Iterator[str]:
    """This function will name message steps that were done without a message, and messages without such a step."""
    yield from _pairs("send_message", Delivery.objects.all(), what="message")


def points_of_steps() -> Iterator[str]:
    """This function will name point steps that were done without an entry in the ledger, and entries without such a step."""
    text = TextField()
    number = Concat(Cast("enrolment_id", text), Value(":"), Cast("step", text), output_field=text)
    reference = Concat(Value(REFERENCE), number, output_field=text)
    done = StepOutcome.objects.filter(result=StepResult.DONE).annotate(reference=reference)
    given = LedgerEntry.objects.filter(kind=EntryKind.AWARD, reference__startswith=REFERENCE)
    for version in _versions():
        steps = [position for position, step in enumerate(version.steps) if step["kind"] == "grant_points"]
        of_version = Exists(Enrolment.objects.filter(pk=OuterRef("enrolment_id"), version=version))
        same = given.filter(reference=OuterRef("reference"))
        without = done.filter(of_version, ~Exists(same), step__in=steps)
        yield from _named(without, "step outcome {pk} was done but gave no points")
    orphans = given.filter(~Exists(done.filter(reference=OuterRef("reference"))))
    yield from _named(orphans, "points entry {pk} has no step that was done")


def arms_kept_apart() -> Iterator[str]:
    """This function will name members of a control group who got something, and treated ones who were held out."""
    crossed = Q(arm=Arm.CONTROL, status=FIRED) | Q(arm=Arm.TREATED, status=EnrolmentStatus.HELD_OUT)
    yield from _named(Enrolment.objects.filter(crossed), "enrolment {pk} was treated as of the other group")


def finished_is_finished() -> Iterator[str]:
    """This function will name enrolments that still wait in a campaign that is over."""
    over = Campaign.objects.filter(status=CampaignStatus.FINISHED)
    waiting = Enrolment.objects.filter(campaign__in=over, status=EnrolmentStatus.WAITING)
    yield from _named(waiting, "enrolment {pk} waits in a finished campaign")


def endings_of_messages() -> Iterator[str]:
    """This function will name messages whose state and record contradict each other."""
    ended = [DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.SUPPRESSED]
    unrecorded = Q(state__in=ended, done_at__isnull=True) | Q(
        state__in=[DeliveryState.QUEUED, DeliveryState.SENDING], done_at__isnull=False
    )
    never_tried = Q(state__in=[DeliveryState.SENDING, DeliveryState.UNKNOWN], attempts=0)
    never_taken = Q(state=DeliveryState.SENDING, sending_at__isnull=True)
    broken = Delivery.objects.filter(unrecorded | never_tried | never_taken)
    yield from _named(broken, "message {pk} is in a state that its record contradicts")


def kinds_are_known() -> Iterator[str]:
    """This function will name versions in force that have a step of a kind that this release does not know."""
    known = {action.code for action in actions}
    for version in _versions():
        unknown = sorted({str(step["kind"]) for step in version.steps} - known)
        if unknown:
            yield f"campaign version {version.pk} has steps of unknown kinds: {', '.join(unknown)}"


def _versions() -> QuerySet[CampaignVersion, CampaignVersion]:
    return CampaignVersion.objects.filter(frozen_at__isnull=False).order_by("pk")


def _pairs(kind: str, things: QuerySet[Any, Any], *, what: str) -> Iterator[str]:
    for version in _versions():
        steps = [position for position, step in enumerate(version.steps) if step["kind"] == kind]
        yield from _unpaired(version, steps, things, what)


def _unpaired(version: CampaignVersion, steps: Sequence[int], things: QuerySet[Any, Any], what: str) -> Iterator[str]:
    same = {"enrolment_id": OuterRef("enrolment_id"), "step": OuterRef("step")}
    of_version = Exists(Enrolment.objects.filter(pk=OuterRef("enrolment_id"), version=version))
    done = StepOutcome.objects.filter(result=StepResult.DONE)
    without = done.filter(of_version, ~Exists(things.filter(**same)), step__in=steps)
    yield from _named(without, f"step outcome {{pk}} was done but has no {what}")
    orphans = things.filter(of_version).exclude(Exists(done.filter(**same)), step__in=steps)
    yield from _named(orphans, f"{what} {{pk}} has no step that was done")


def _named(rows: QuerySet[Any, Any], sentence: str) -> Iterator[str]:
    for pk in rows.order_by("pk").values_list("pk", flat=True)[:MOST_NAMED]:
        yield sentence.format(pk=pk)


CHECKS = (
    Check("campaigns.outcomes", _("every fired enrolment has an outcome for each step"), outcomes_of_fired),
    Check("campaigns.denied", _("nobody who was not fired got anything"), nothing_for_the_others),
    Check("campaigns.coupons", _("coupon steps and coupons are one to one"), coupons_of_steps),
    Check("campaigns.messages", _("message steps and messages are one to one"), messages_of_steps),
    Check("campaigns.points", _("point steps and points are one to one"), points_of_steps),
    Check("campaigns.arms", _("treated and control group are kept apart"), arms_kept_apart),
    Check("campaigns.finished", _("nobody waits in a finished campaign"), finished_is_finished),
    Check("campaigns.deliveries", _("the states of messages agree with their records"), endings_of_messages),
    Check("campaigns.kinds", _("campaigns in force are made of known steps"), kinds_are_known),
)
