"""Issuing: a coupon for each member of a batch, within the template's limits, with codes nobody can guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F
from django.utils.translation import gettext_lazy as _

from campaigns.coupons.codes import new_codes
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.coupons.validity import Validity, of_issue
from campaigns.models import Coupon, CouponState, CouponTemplate, MemberRedemptions, Origin
from core.errors import NotFound
from core.sql import insert_rows
from members.models import DirtyMark

COLUMNS = (
    "template", "code", "public", "member_id", "enrolment_id", "step", "state", "issued_at", "valid_from", "valid_until",
)  # fmt: skip
COLLISION_ATTEMPTS = 5
"""How often codes that exist already are drawn anew. Origin: with 60 bits a second collision in a row does not happen."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who is to get a coupon, and the step of which enrolment gives it."""

    member_id: int
    enrolment_id: int
    step: int


def issue_batch(*, template_id: int, grants: Sequence[Grant], now: datetime) -> dict[int, str]:
    """This function will issue a coupon of one template for each grant, as far as the limits allow.

    1. Hold the template's row until the caller's transaction ends: batches of one template queue up, so no limit is passed.
    2. Give back the codes of grants that have their coupon already: a batch may be repeated.
    3. Refuse whom a limit stops; when the total runs short, the first grants get the coupons.
    4. Insert the coupons in one statement, count them on the template, and mark their members: rules ask who has one.

    The answer has an entry for each enrolment: its code, or a `Refusal` (a str too; tell them apart by isinstance). A
    platform template without a code issues the empty code: what is sent is the template's link. No two grants name one
    enrolment. Who issues from several templates in one transaction takes them in the order of their ids.
    """
    with transaction.atomic(savepoint=False):
        template = CouponTemplate.objects.select_for_update(no_key=True).get(pk=template_id)
        answers = _issued_before(template, grants)
        fresh = [grant for grant in grants if grant.enrolment_id not in answers]
        refused, entitled = _within_limits(template, fresh, now)
        answers.update(refused)
        answers.update(_insert(template, entitled, now))
        return answers


def issue_one(*, template_slug: str, member_id: int | None, now: datetime) -> Coupon:
    """This function will issue one coupon outside any campaign; a coupon without a member is for its bearer."""
    with transaction.atomic():
        template = CouponTemplate.objects.select_for_update(no_key=True).filter(slug=template_slug).first()
        if template is None:
            raise NotFound(_("There is no coupon template “%(slug)s”.") % {"slug": template_slug})
        refusal = _template_refusal(template, now)
        if refusal is None and member_id is not None and _had(template, [member_id])[member_id] >= _member_limit(template):
            refusal = Refusal.MEMBER_LIMIT
        if refusal is None and _room(template) < 1:
            refusal = Refusal.EXHAUSTED
        if refusal is not None:
            raise CouponRefused(refusal)
        validity = of_issue(template, now)
        row = _row(template, _Holder(member_id=member_id), validity, now)
        made = _insert_rows(template, [row])
        _mark(made)
        return Coupon.objects.get(pk=made[0][0])


_Made = tuple[int, str, int, int | None]
"""A coupon's id, code, enrolment and member."""
RETURNING = ("pk", "code", "enrolment_id", "member_id")


@dataclass(frozen=True, slots=True)
class _Holder:
    member_id: int | None
    enrolment_id: int | None = None
    step: int | None = None


def _issued_before(template: CouponTemplate, grants: Sequence[Grant]) -> dict[int, str]:
    steps = {grant.enrolment_id: grant.step for grant in grants}
    found = Coupon.objects.filter(template=template, enrolment_id__in=list(steps), step__in=set(steps.values()))
    rows = found.values_list("enrolment_id", "step", "code")
    return {enrolment: code for enrolment, step, code in rows if enrolment is not None and steps[enrolment] == step}


def _within_limits(template: CouponTemplate, grants: Sequence[Grant], now: datetime) -> tuple[dict[int, str], list[Grant]]:
    """Refusals, and the grants that get a coupon. Whom the member's limit stops takes no place of the total."""
    refusal = _template_refusal(template, now)
    if refusal is not None:
        return {grant.enrolment_id: refusal for grant in grants}, []
    refused: dict[int, str] = {}
    entitled: list[Grant] = []
    room, limit = _room(template), _member_limit(template)
    had = _had(template, [grant.member_id for grant in grants])
    for grant in grants:  # a loop, because a member may stand in the batch twice and the first come first
        if had[grant.member_id] >= limit:
            refused[grant.enrolment_id] = Refusal.MEMBER_LIMIT
        elif len(entitled) >= room:
            refused[grant.enrolment_id] = Refusal.EXHAUSTED
        else:
            had[grant.member_id] += 1
            entitled.append(grant)
    return refused, entitled


def _template_refusal(template: CouponTemplate, now: datetime) -> Refusal | None:
    return Refusal.EXPIRED if of_issue(template, now).over(now) else None


def _room(template: CouponTemplate) -> float:
    """How many more may be issued. A public code is sent to as many as like while a redemption is left."""
    if template.total_limit is None:
        return float("inf")
    if template.public and template.origin == Origin.OWN:
        return float("inf") if template.redeemed < template.total_limit else 0
    return template.total_limit - template.issued


def _member_limit(template: CouponTemplate) -> float:
    return float("inf") if template.per_member_limit is None else template.per_member_limit


def _had(template: CouponTemplate, member_ids: Sequence[int]) -> Counter[int]:
    """How much of their limit members have used: redemptions of a public code, else coupons that were not withdrawn."""
    if template.per_member_limit is None:
        return Counter()
    if template.public and template.origin == Origin.OWN:
        used = MemberRedemptions.objects.filter(template=template, member_id__in=member_ids)
        return Counter(dict(used.values_list("member_id", "used")))
    held = Coupon.objects.filter(template=template, member_id__in=member_ids).exclude(state=CouponState.VOIDED)
    return Counter({member: count for member, count in held.values_list("member_id").annotate(count=Count("pk")) if member})


def _insert(template: CouponTemplate, grants: Sequence[Grant], now: datetime) -> dict[int, str]:
    validity = of_issue(template, now)
    holders = [_Holder(grant.member_id, grant.enrolment_id, grant.step) for grant in grants]
    rows = [_row(template, holder, validity, now) for holder in holders]
    made = _insert_rows(template, rows)
    _mark(made)
    return {enrolment: code for _pk, code, enrolment, _member in made}


def _mark(made: Sequence[_Made]) -> None:
    """A coupon for its bearer concerns nobody."""
    insert_rows(DirtyMark, ["member_id"], [(member_id,) for *_rest, member_id in made if member_id is not None])


def _row(template: CouponTemplate, holder: _Holder, validity: Validity, now: datetime) -> list[object]:
    return [
        template.pk, template.code or "", _is_shared(template), holder.member_id, holder.enrolment_id, holder.step,
        CouponState.ISSUED.value, now, validity.since, validity.until,
    ]  # fmt: skip


def _is_shared(template: CouponTemplate) -> bool:
    return template.public or template.origin == Origin.PLATFORM


def _insert_rows(template: CouponTemplate, rows: list[list[object]]) -> list[_Made]:
    """This function will insert the coupons, count them on the template and return what was made."""
    if not rows:
        return []
    made = _insert_shared(rows) if _is_shared(template) else _insert_with_own_codes(rows)
    CouponTemplate.objects.filter(pk=template.pk).update(issued=F("issued") + len(rows))
    return made


def _insert_shared(rows: list[list[object]]) -> list[_Made]:
    return insert_rows(Coupon, COLUMNS, rows, returning=RETURNING)


def _insert_with_own_codes(rows: list[list[object]]) -> list[_Made]:
    """A code that exists already is not written; its row is tried again with another one."""
    waiting, made = rows, []
    for _attempt in range(COLLISION_ATTEMPTS):
        coded = {code: [row[0], code, *row[2:]] for code, row in zip(new_codes(len(waiting)), waiting, strict=True)}
        made += insert_rows(Coupon, COLUMNS, coded.values(), conflict=[], returning=RETURNING)
        written = {code for _pk, code, *_rest in made}
        waiting = [row for code, row in coded.items() if code not in written]
        if not waiting:
            return made
    raise RuntimeError(f"{len(waiting)} coupon codes collided {COLLISION_ATTEMPTS} times in a row")
