"""Making, changing and deleting coupon templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Max
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from campaigns.coupons.codes import public_key
from campaigns.models import Campaign, CampaignStatus, Coupon, CouponState, CouponTemplate, MemberRedemptions, Origin
from campaigns.services.template_documents import document_of, read_template
from core.errors import DomainError, FieldProblem, InvalidInput, NotFound

__all__ = ["TemplateInUse", "change_template", "create_template", "delete_template", "document_of"]

# What members have been promised; from the first coupon or use on it stands.
PROMISED = {
    "origin": "origin",
    "benefit": "benefit.kind",
    "amount_minor": "benefit.amount_minor",
    "percent_off": "benefit.percent_off",
    "max_minor": "benefit.max_minor",
    "gift": "benefit.gift",
    "minimum_minor": "minimum_minor",
    "code": "code",
    "categories": "categories",
    "stacking_group": "stacking_group",
}


class TemplateInUse(DomainError):
    """The template has coupons, uses or campaigns; it cannot be deleted."""

    code = "in_use"


def create_template(*, document: object, now: datetime) -> CouponTemplate:
    """This function will make a template from the contract's item, or raise InvalidInput with every problem."""
    values = read_template(document)
    return _saved(CouponTemplate(created_at=now, **values))


def change_template(*, slug: str, document: object) -> CouponTemplate:
    """This function will replace a template by the contract's item, as far as its use allows.

    1. Hold the template, so that nobody issues or redeems while limits are compared with what is used.
    2. Refuse to change its short name, and, once it is in use, what members were promised.
    3. Refuse a limit below what is used already.

    Coupons keep the dates they were issued with; a public code follows its template's at once.
    """
    values = read_template(document)
    with transaction.atomic():
        template = CouponTemplate.objects.select_for_update(no_key=True).filter(slug=slug).first()
        if template is None:
            raise _unknown(slug)
        problems = [*_promise_problems(template, values), *_limit_problems(template, values)]
        if problems:
            raise InvalidInput(_("The coupon template cannot be changed like this."), problems=problems)
        for name, value in values.items():
            setattr(template, name, value)
        return _saved(template, fields=[*values])


def delete_template(*, slug: str) -> None:
    """This function will delete a template that nothing refers to: no coupon, no use, no campaign that is not finished."""
    with transaction.atomic():
        template = CouponTemplate.objects.select_for_update().filter(slug=slug).first()
        if template is None:
            raise _unknown(slug)
        if _in_use(template):
            raise TemplateInUse(_("Coupons of this template have been issued or used; it stays for their sake."))
        campaign = _campaign_naming(slug)
        if campaign is not None:
            raise TemplateInUse(_("The campaign “%(name)s” issues this coupon.") % {"name": campaign})
        template.delete()


def _saved(template: CouponTemplate, fields: list[str] | None = None) -> CouponTemplate:
    try:
        with transaction.atomic():
            template.save(update_fields=fields)
    except IntegrityError as error:
        taken = _taken(template)
        if not taken:
            raise
        raise InvalidInput(_("The coupon template cannot be saved as it is."), problems=taken) from error
    return template


def _taken(template: CouponTemplate) -> list[FieldProblem]:
    problems = []
    others = CouponTemplate.objects.exclude(pk=template.pk)
    if others.filter(slug=template.slug).exists():
        problems.append(FieldProblem("slug", "taken", _("Another coupon has this short name.")))
    if template.code is not None and others.alias(key=Upper("code")).filter(key=public_key(template.code)).exists():
        problems.append(FieldProblem("code", "taken", _("Another coupon has this public code.")))
    return problems


def _in_use(template: CouponTemplate) -> bool:
    """A use that was rolled back counts too: its receipt names what was promised."""
    return template.coupons.exists() or template.redemptions.exists()


def _promise_problems(template: CouponTemplate, values: dict[str, Any]) -> list[FieldProblem]:
    problems = []
    if values["slug"] != template.slug:
        problems.append(FieldProblem("slug", "fixed", _("The short name is the template's address; it cannot change.")))
    if _in_use(template):
        told = _("Members hold or have used this coupon: what it promises cannot change. Make another one.")
        changed = [path for name, path in PROMISED.items() if getattr(template, name) != values[name]]
        problems += [FieldProblem(path, "in_use", told) for path in changed]
    return problems


def _limit_problems(template: CouponTemplate, values: dict[str, Any]) -> list[FieldProblem]:
    told = _("It cannot be below %(used)s, which are used already.")
    used = {"total_limit": _total_used(template), "per_member_limit": _most_used_by_a_member(template)}
    return [
        FieldProblem(name, "below_used", told % {"used": count})
        for name, count in used.items()
        if values[name] is not None and values[name] < count
    ]


def _counts_uses(template: CouponTemplate) -> bool:
    return template.public and template.origin == Origin.OWN


def _total_used(template: CouponTemplate) -> int:
    return template.redeemed if _counts_uses(template) else template.issued


def _most_used_by_a_member(template: CouponTemplate) -> int:
    if _counts_uses(template):
        rows = MemberRedemptions.objects.filter(template=template)
        return rows.aggregate(most=Max("used"))["most"] or 0
    held = Coupon.objects.filter(template=template, member_id__isnull=False).exclude(state=CouponState.VOIDED)
    return held.values("member_id").annotate(count=Count("pk")).aggregate(most=Max("count"))["most"] or 0


def _campaign_naming(slug: str) -> str | None:
    """A loop over campaigns: there are dozens, and JSON inside a list is asked for differently by each database."""
    running = Campaign.objects.exclude(status=CampaignStatus.FINISHED).select_related("version")
    for campaign in running:
        steps = campaign.version.steps if campaign.version is not None else []
        if any(step.get("kind") == "issue_coupon" and step.get("template") == slug for step in steps):
            return campaign.name
    return None


def _unknown(slug: str) -> NotFound:
    return NotFound(_("There is no coupon template “%(slug)s”.") % {"slug": slug})
