"""The statements that use a coupon and give it back: every limit is tested where it is counted.

On PostgreSQL a use is one statement, a transaction of its own: the hot row is held only while the server works. On SQLite it
is a guarded UPDATE and an INSERT in one immediate transaction, which nobody else can enter. Both take rows in one order -
coupon or template, the member's count, the redemption - and so does giving back: two of them never wait for each other.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, Q, Value, When

from campaigns.models import Campaign, Coupon, CouponState, CouponTemplate, MemberRedemptions, Redemption
from core.conf import shop_zone
from core.periods import day_number
from members.models import OWN_ID_PREFIX, EventKind
from members.services.own_events import take_back_own_event, write_own_events


@dataclass(frozen=True, slots=True)
class Use:
    """One order uses one code. Without `coupon_id` it is a public code, whose limits stand on the template."""

    template_id: int
    coupon_id: int | None
    code: str
    order: str
    member_id: int | None
    amount_minor: int
    discount_minor: int
    at: datetime


def record_use(use: Use) -> bool:
    """This function will write the use with everything it counts, or nothing; False when another one came first."""
    try:
        with _undone_together():
            return _record_in_one_statement(use) if connection.vendor == "postgresql" else _record_in_steps(use)
    except IntegrityError:
        # Another call recorded the same order, or used the same coupon, while this one ran.
        return False


def _undone_together() -> AbstractContextManager[object]:
    """In a caller's transaction a lost race must not spoil what the caller did: a savepoint. Else none is needed."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        return nullcontext()
    return transaction.atomic()


def _record_in_one_statement(use: Use) -> bool:
    statement = PUBLIC_USE if use.coupon_id is None else OWN_USE
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "template": use.template_id,
                "coupon": use.coupon_id,
                "code": use.code,
                "order": use.order,
                "member": use.member_id,
                "amount": use.amount_minor,
                "discount": use.discount_minor,
                "at": use.at,
                "day": day_number(use.at, shop_zone()),
            },
        )
        return bool(cursor.fetchall())


# The use is told as an event of the member's, whose mark has the next refresh count it.
INSERT_REDEMPTION = f"""
used AS (
    INSERT INTO campaigns_redemption
        (template_id, coupon_id, code, "order", member_id, amount_minor, discount_minor, redeemed_at)
    SELECT %(template)s, %(coupon)s, %(code)s, %(order)s, %(member)s, %(amount)s, %(discount)s, %(at)s FROM taken
    RETURNING id, member_id, coupon_id, template_id
), told AS (
    INSERT INTO members_behaviourevent (external_id, member_id, kind, occurred_at, day, properties,
        session_id, page, category, keyword, topic)
    SELECT '{OWN_ID_PREFIX}coupon_redeemed:' || used.id, used.member_id, 'coupon_redeemed', %(at)s, %(day)s,
        jsonb_strip_nulls(jsonb_build_object('template', template.slug, 'campaign', (
            SELECT campaign.slug FROM campaigns_coupon AS coupon
            JOIN campaigns_enrolment AS enrolment ON enrolment.id = coupon.enrolment_id
            JOIN campaigns_campaign AS campaign ON campaign.id = enrolment.campaign_id
            WHERE coupon.id = used.coupon_id
        ))), '', '', '', '', ''
    FROM used JOIN campaigns_coupontemplate AS template ON template.id = used.template_id
    WHERE used.member_id IS NOT NULL
    ON CONFLICT (external_id) DO NOTHING
), marked AS (
    INSERT INTO members_dirtymark (member_id) SELECT member_id FROM used WHERE member_id IS NOT NULL
)
SELECT id FROM used
"""

OWN_USE = f"""
WITH taken AS (
    UPDATE campaigns_coupon SET state = 'redeemed' WHERE id = %(coupon)s AND state = 'issued' RETURNING id
), {INSERT_REDEMPTION}
"""

# `template` waits for the row and then tests its newest version; from there to the end of the statement nothing can move.
# The member's count is tested under that lock, and only if it let the member pass is the code taken.
PUBLIC_USE = f"""
WITH template AS (
    SELECT id, per_member_limit FROM campaigns_coupontemplate
    WHERE id = %(template)s AND (total_limit IS NULL OR redeemed < total_limit)
        AND NOT EXISTS (
            SELECT FROM campaigns_redemption WHERE code = %(code)s AND "order" = %(order)s AND rolled_back_at IS NULL
        )
    FOR NO KEY UPDATE
), counted AS (
    INSERT INTO campaigns_memberredemptions AS mine (template_id, member_id, used)
    SELECT id, %(member)s::bigint, 1 FROM template WHERE %(member)s::bigint IS NOT NULL
    ON CONFLICT (template_id, member_id) DO UPDATE SET used = mine.used + 1
        WHERE (SELECT per_member_limit IS NULL OR mine.used < per_member_limit FROM template)
    RETURNING member_id
), taken AS (
    UPDATE campaigns_coupontemplate AS counter SET redeemed = counter.redeemed + 1 FROM template
    WHERE counter.id = template.id AND (%(member)s::bigint IS NULL OR EXISTS (SELECT FROM counted))
    RETURNING counter.id
), {INSERT_REDEMPTION}
"""


def _record_in_steps(use: Use) -> bool:
    """The same guards as statements of their own; the caller's transaction undoes all of them when one does not hold."""
    if not (_take_public(use) if use.coupon_id is None else _take_coupon(use.coupon_id)):
        transaction.set_rollback(True)
        return False
    redemption = Redemption.objects.create(
        template_id=use.template_id,
        coupon_id=use.coupon_id,
        code=use.code,
        order=use.order,
        member_id=use.member_id,
        amount_minor=use.amount_minor,
        discount_minor=use.discount_minor,
        redeemed_at=use.at,
    )
    if use.member_id is not None:
        told = [(redemption.pk, use.member_id, _noted(use))]
        write_own_events(EventKind.COUPON_REDEEMED, told, at=use.at)
    return True


def _noted(use: Use) -> dict[str, str]:
    """What the event says of a use: the coupon, and the campaign that gave it."""
    template = CouponTemplate.objects.values_list("slug", flat=True).get(pk=use.template_id)
    if use.coupon_id is None:
        return {"template": template}
    enrolment = Coupon.objects.filter(pk=use.coupon_id).values("enrolment_id")
    campaign = Campaign.objects.filter(enrolments__in=enrolment).values_list("slug", flat=True).first()
    return {"template": template, **({"campaign": campaign} if campaign else {})}


def _take_coupon(coupon_id: int) -> bool:
    coupon = Coupon.objects.filter(pk=coupon_id, state=CouponState.ISSUED)
    return coupon.update(state=CouponState.REDEEMED) == 1


def _take_public(use: Use) -> bool:
    template = CouponTemplate.objects.filter(pk=use.template_id)
    below = Q(total_limit__isnull=True) | Q(redeemed__lt=F("total_limit"))
    if template.filter(below).update(redeemed=F("redeemed") + 1) != 1:
        return False
    return use.member_id is None or _count_member(use.template_id, use.member_id)


def _count_member(template_id: int, member_id: int) -> bool:
    limit = CouponTemplate.objects.values_list("per_member_limit", flat=True).get(pk=template_id)
    mine = MemberRedemptions.objects.filter(template_id=template_id, member_id=member_id)
    below = Q() if limit is None else Q(used__lt=limit)
    if mine.filter(below).update(used=F("used") + 1) == 1:
        return True
    if mine.exists():
        return False
    MemberRedemptions.objects.create(template_id=template_id, member_id=member_id, used=1)
    return True


def take_back(*, template_id: int, coupon_id: int | None, code: str, order: str, now: datetime) -> bool:
    """This function will undo a use with everything it counted, once; False when no use of the code by the order holds.

    1. Hold the coupon or the template, as a use does, so that the two queue up.
    2. Mark the redemption rolled back, guarded by its not being so.
    3. Give back what it had taken. A coupon whose time has passed comes back expired. The member did not redeem it.
    """
    with transaction.atomic():
        _hold(template_id, coupon_id)
        held = Redemption.objects.filter(code=code, order=order, rolled_back_at__isnull=True)
        found = held.values_list("pk", "member_id").first()
        if found is None or held.update(rolled_back_at=now) != 1:
            return False
        redemption_id, member_id = found
        take_back_own_event(EventKind.COUPON_REDEEMED, redemption_id)
        if coupon_id is None:
            _give_place_back(template_id, member_id)
        else:
            _reopen(coupon_id, now)
        return True


def _hold(template_id: int, coupon_id: int | None) -> None:
    if coupon_id is None:
        CouponTemplate.objects.select_for_update(no_key=True).get(pk=template_id)
    else:
        Coupon.objects.select_for_update(no_key=True).get(pk=coupon_id)


def _give_place_back(template_id: int, member_id: int | None) -> None:
    CouponTemplate.objects.filter(pk=template_id).update(redeemed=F("redeemed") - 1)
    if member_id is not None:
        mine = MemberRedemptions.objects.filter(template_id=template_id, member_id=member_id)
        mine.update(used=F("used") - 1)


def _reopen(coupon_id: int, now: datetime) -> None:
    over = When(valid_until__lte=now, then=Value(CouponState.EXPIRED.value))
    coupon = Coupon.objects.filter(pk=coupon_id, state=CouponState.REDEEMED)
    coupon.update(state=Case(over, default=Value(CouponState.ISSUED.value)))
