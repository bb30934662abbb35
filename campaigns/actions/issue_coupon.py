"""Give a coupon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from django.utils.translation import gettext_lazy as _

from campaigns.actions.base import Action, Call, Denial
from campaigns.coupons.issue import Grant, issue_batch
from campaigns.coupons.refusals import Refusal
from campaigns.coupons.validity import last_day_of_issue
from campaigns.models import CouponTemplate, Reason
from core.errors import FieldProblem
from rules.fields import nearest

REASONS: Mapping[str, str] = {
    Refusal.EXHAUSTED: Reason.COUPON_EXHAUSTED,
    Refusal.MEMBER_LIMIT: Reason.COUPON_MEMBER_LIMIT,
    Refusal.EXPIRED: Reason.COUPON_EXPIRED,
}


class IssueCoupon(Action):
    """Later messages may name the coupon. A member who cannot have it gets nothing of the campaign."""

    code = "issue_coupon"
    label = _("give a coupon")

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        """`template` is the short name of a coupon template."""

        template: str

    def problems(self, params: Any, *, earlier: Sequence[str]) -> Iterator[FieldProblem]:
        if not CouponTemplate.objects.filter(slug=params.template).exists():
            yield FieldProblem("template", "unknown_template", _unknown(params.template))

    def execute(self, call: Call) -> Mapping[int, Denial]:
        template = CouponTemplate.objects.get(slug=call.step.params.template)
        grants = [Grant(member_id=row.member_id, enrolment_id=row.id, step=call.step.position) for row in call.rows]
        answers = issue_batch(template_id=template.pk, grants=grants, now=call.now)
        shared = {"name": template.name, "valid_until": last_day_of_issue(template, call.now), "link": template.link}
        denied = {}
        for enrolment_id, answer in answers.items():
            if isinstance(answer, Refusal):
                denied[enrolment_id] = Denial(REASONS.get(answer, Reason.COUPON_REFUSED))
            else:
                call.words[enrolment_id]["coupon"] = {**shared, "code": answer}
        return denied


def _unknown(slug: str) -> str:
    guess = nearest(slug, CouponTemplate.objects.values_list("slug", flat=True))
    if guess is None:
        return str(_("There is no coupon template “%(slug)s”.") % {"slug": slug})
    return str(_("There is no coupon template “%(slug)s”. Did you mean “%(guess)s”?") % {"slug": slug, "guess": guess})
