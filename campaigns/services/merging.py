"""What campaigns keep of a member who turns out to be another: enrolments, messages, coupons and their uses.

Everything moves, but for an enrolment that the kept member has too: it stays under the dropped number, as the record that
two were due, and nothing more is done for it. So due stays the sum of the outcomes, and nobody is let in again to what
either of the two had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.holdout import held_out
from campaigns.models import (
    Arm,
    Campaign,
    CampaignStatus,
    Coupon,
    CouponTemplate,
    Delivery,
    DeliveryState,
    Enrolment,
    EnrolmentStatus,
    MemberRedemptions,
    Reason,
    Redemption,
)
from campaigns.services.holdings import HOLDS, erase, export
from core.merging import members_of
from core.registry import MemberDataHandler, Moved
from core.sql import insert_json, insert_rows, rows_as_json
from members.models import Member

KINDS = {
    "enrolments": gettext_lazy("campaign occasions"),
    "messages": gettext_lazy("messages"),
    "coupons": gettext_lazy("coupons"),
    "redemptions": gettext_lazy("uses of coupons"),
}
ATTEMPTS = 5
"""How often a merge looks again because a planner enrolled the kept member between its look and its move."""

HOLDING = Q(rolled_back_at__isnull=True)


def preview(*, keep: int, drop: int) -> dict[str, int]:
    """This function will count what would move."""
    return {
        "enrolments": Enrolment.objects.filter(~_beside(keep), member_id=drop).count(),
        "messages": Delivery.objects.filter(member_id=drop).count(),
        "coupons": Coupon.objects.filter(member_id=drop).count(),
        "redemptions": Redemption.objects.filter(member_id=drop).count(),
    }


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will move a member's part in campaigns.

    Enrolments first: their locks wait for who is stepping them, so that what a stepper gave is there to be moved. Then the
    order in which a redemption takes rows: coupon or template, the member's count, the use.
    """
    enrolments = _move_enrolments(keep, drop, now)
    silenced = _silence(enrolments["left"], now)
    Delivery.objects.filter(member_id=drop).update(member_id=keep)
    coupons = Coupon.objects.filter(member_id=drop).order_by("pk").select_for_update(no_key=True)
    coupon_ids = list(coupons.values_list("pk", flat=True))
    Coupon.objects.filter(pk__in=coupon_ids).update(member_id=keep)
    return {**enrolments, "silenced": silenced, "coupons": coupon_ids, **_move_uses(keep, drop)}


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will give back what was the member's, and what came of it since: a message or a coupon goes with its
    enrolment, a use with its coupon.
    """
    occasions = [*moved["moved"], *moved["left"]]
    returning = Enrolment.objects.filter(pk__in=moved["moved"], member_id=keep)
    returning.update(member_id=drop)
    for pk, arm in moved["arms"].items():
        Enrolment.objects.filter(pk=pk, status=EnrolmentStatus.WAITING).update(arm=arm)
    _wake(moved, drop)
    Delivery.objects.filter(enrolment_id__in=occasions, member_id=keep).update(member_id=drop)
    own = Coupon.objects.filter(Q(pk__in=moved["coupons"]) | Q(enrolment_id__in=occasions), member_id=keep)
    coupon_ids = list(own.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    Coupon.objects.filter(pk__in=coupon_ids).update(member_id=drop)
    _return_uses(moved, coupon_ids, keep=keep, drop=drop)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    yield from members_of(
        (Delivery.objects.all(), _("still has messages")),
        (Coupon.objects.all(), _("still has coupons")),
        (Redemption.objects.all(), _("still has uses of coupons")),
        (MemberRedemptions.objects.all(), _("still has a count of a public code")),
        (Enrolment.objects.filter(status=EnrolmentStatus.WAITING), _("still waits in a campaign")),
        among=holders,
    )
    holder = Case(*(When(member_id=drop, then=Value(keep)) for drop, keep in holders.items()))
    alone = Enrolment.objects.filter(member_id__in=[*holders]).annotate(holder=holder).filter(~_beside(OuterRef("holder")))
    for member_id in alone.order_by("member_id").values_list("member_id", flat=True).distinct():
        yield member_id, _("still has an enrolment that the kept member has not")


HANDLER = MemberDataHandler(
    "campaigns",
    KINDS,
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
    erase=erase,
)


# --- Enrolments


def _beside(keep: Any) -> Exists:
    """Whether the kept member has this occasion, or its one and only occasion in this campaign, already."""
    same = Q(occurrence=OuterRef("occurrence")) | Q(once=True) & Q(once=OuterRef("once"))
    return Exists(Enrolment.objects.filter(same, campaign=OuterRef("campaign"), member_id=keep))


def _move_enrolments(keep: int, drop: int, now: datetime) -> dict[str, Any]:
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _try_to_move_enrolments(keep, drop, now)
        except IntegrityError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("not reached")


def _try_to_move_enrolments(keep: int, drop: int, now: datetime) -> dict[str, Any]:
    mine = Enrolment.objects.filter(member_id=drop)
    locked = list(mine.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    left = list(mine.filter(_beside(keep), pk__in=locked).order_by("pk").values_list("pk", flat=True))
    moving = sorted(set(locked) - set(left))
    Enrolment.objects.filter(pk__in=moving).update(member_id=keep)
    waiting = Enrolment.objects.filter(pk__in=left, status=EnrolmentStatus.WAITING)
    given_up = {pk: next_at.isoformat() for pk, next_at in waiting.values_list("pk", "next_at") if next_at is not None}
    waiting.update(status=EnrolmentStatus.SUPPRESSED, reason=Reason.MERGED, next_at=None, decided_at=now)
    return {"moved": moving, "left": left, "given_up": given_up, "arms": _take_arms(keep, moving)}


def _take_arms(keep: int, moving: list[int]) -> dict[int, str]:
    """Who is not decided yet is decided as the kept member, by the place of its own key in each campaign. Old arms by id."""
    key = Member.objects.values_list("external_id", flat=True).get(pk=keep)
    waiting = Enrolment.objects.filter(pk__in=moving, status=EnrolmentStatus.WAITING)
    before = {}
    for row in waiting.select_related("campaign", "version").order_by("pk"):
        control = held_out(key=key, salt=row.campaign.salt, share=row.version.control_share)
        arm = Arm.CONTROL if control else Arm.TREATED
        if row.arm != arm:
            before[row.pk] = str(row.arm)
            Enrolment.objects.filter(pk=row.pk).update(arm=arm)
    return before


def _silence(enrolment_ids: list[int], now: datetime) -> dict[int, str]:
    """What was decided for the dropped one but has not left goes no more: the kept member had, or has, its own."""
    queued = Delivery.objects.filter(enrolment_id__in=enrolment_ids, state=DeliveryState.QUEUED)
    locked = list(queued.order_by("pk").select_for_update(no_key=True).values_list("pk", "next_at"))
    Delivery.objects.filter(pk__in=[pk for pk, _next_at in locked]).update(
        state=DeliveryState.SUPPRESSED, reason=Reason.MERGED, next_at=None, done_at=now
    )
    return {pk: next_at.isoformat() for pk, next_at in locked if next_at is not None}


def _wake(moved: Moved, drop: int) -> None:
    """What the merge stopped goes on, where the campaign still does."""
    for pk, next_at in moved["given_up"].items():
        mine = Enrolment.objects.filter(pk=pk, member_id=drop, status=EnrolmentStatus.SUPPRESSED, reason=Reason.MERGED)
        over = Exists(Campaign.objects.filter(pk=OuterRef("campaign_id"), status=CampaignStatus.FINISHED))
        mine.filter(over).update(reason=Reason.CAMPAIGN_FINISHED)
        mine.update(status=EnrolmentStatus.WAITING, reason="", next_at=_instant(next_at), decided_at=None)
    for pk, next_at in moved["silenced"].items():
        stopped = Delivery.objects.filter(pk=pk, state=DeliveryState.SUPPRESSED, reason=Reason.MERGED)
        stopped.update(state=DeliveryState.QUEUED, reason="", next_at=_instant(next_at), done_at=None)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- Uses of coupons


def _move_uses(keep: int, drop: int) -> dict[str, Any]:
    """A member's count of a public code is the number of its uses that hold: counted again, under the template's lock."""
    counts = MemberRedemptions.objects.filter(member_id=drop)
    _hold_templates(counts.values_list("template_id", flat=True))
    rows = rows_as_json(counts.order_by("pk"))
    uses = Redemption.objects.filter(member_id=drop).order_by("pk").select_for_update(no_key=True, of=("self",))
    use_ids = list(uses.values_list("pk", flat=True))
    Redemption.objects.filter(pk__in=use_ids).update(member_id=keep)
    templates = [row["template_id"] for row in rows]
    held = MemberRedemptions.objects.filter(member_id=keep, template_id__in=templates).values_list("template_id", flat=True)
    new = sorted(set(templates) - set(held))
    counts.delete()
    _count_uses(keep, templates)
    return {"uses": use_ids, "counts": rows, "counts_made": new}


def _return_uses(moved: Moved, coupon_ids: list[int], *, keep: int, drop: int) -> None:
    templates = [row["template_id"] for row in moved["counts"]]
    _hold_templates(templates)
    mine = Redemption.objects.filter(Q(pk__in=moved["uses"]) | Q(coupon_id__in=coupon_ids), member_id=keep)
    mine.update(member_id=drop)
    insert_json(MemberRedemptions, moved["counts"])
    for member_id in (keep, drop):
        _count_uses(member_id, templates)
    MemberRedemptions.objects.filter(member_id=keep, template_id__in=moved["counts_made"], used=0).delete()


def _hold_templates(template_ids: Iterable[int]) -> None:
    list(CouponTemplate.objects.filter(pk__in=list(template_ids)).order_by("pk").select_for_update(no_key=True))


def _count_uses(member_id: int, template_ids: Iterable[int]) -> None:
    held: QuerySet[Any, Any] = Redemption.objects.filter(HOLDING, member_id=member_id, coupon__isnull=True)
    counted = dict(held.order_by().values_list("template_id").annotate(uses=Count("pk")))
    rows = [(template_id, member_id, counted.get(template_id, 0)) for template_id in sorted(set(template_ids))]
    key = ["template", "member_id"]
    insert_rows(MemberRedemptions, [*key, "used"], rows, conflict=key, update=["used"])
