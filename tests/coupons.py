"""What tests of coupons need: templates, members, and a look at the proofs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from campaigns.coupons.checks import CHECKS
from campaigns.coupons.issue import Grant, issue_batch
from campaigns.models import CouponTemplate
from members.models import Member

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


def make_template(slug: str = "spring", **fields: Any) -> CouponTemplate:
    """A coupon of 5.00 off, unless told otherwise."""
    values = {"slug": slug, "name": slug.title(), "benefit": "fixed", "amount_minor": 500, "created_at": NOW} | fields
    if values["benefit"] != "fixed":
        values["amount_minor"] = None
    return CouponTemplate.objects.create(**values)


def make_member(external_id: str = "m1") -> Member:
    return Member.objects.create(external_id=external_id, created_at=NOW)


def issue_to(template: CouponTemplate, *members: Member, now: datetime = NOW, first_enrolment: int = 1) -> list[str]:
    """A coupon each (or the refusal), as a campaign would issue them."""
    grants = [Grant(member.pk, first_enrolment + place, 0) for place, member in enumerate(members)]
    answers = issue_batch(template_id=template.pk, grants=grants, now=now)
    return [answers[grant.enrolment_id] for grant in grants]


def what_does_not_add_up() -> list[str]:
    return [row for check in CHECKS for row in check.rows()]
