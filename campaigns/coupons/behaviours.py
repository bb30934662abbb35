"""What rules may ask of coupons that members were given: read where they stand, so that giving one writes no event too."""

from __future__ import annotations

from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from campaigns.models import Coupon, Enrolment
from core.conf import shop_zone
from core.periods import start_of
from members.models import EventKind
from retention.behaviours import ShopDay, added_up, of_members
from rules.fields import Behaviour, Deed, Field, FieldType
from rules.joined import MEMBER, Sought


def coupons_given(sought: Sought) -> QuerySet[Any, Any]:
    """This function will add up the coupons that members were given, whatever became of them."""
    zone = shop_zone()
    given = Coupon.objects.filter(member_id__isnull=False, issued_at__lt=start_of(sought.last_day + 1, zone))
    rows = of_members(given.annotate(day=ShopDay(F("issued_at"))), sought.members)
    if sought.first_day is not None:
        rows = rows.filter(issued_at__gte=start_of(sought.first_day, zone))
    if sought.as_of is not None:
        rows = rows.filter(issued_at__lte=sought.as_of)
    if sought.whole is not None:
        rows = rows.filter(Q(sought.whole))
    return added_up(rows.values(MEMBER), sought, day="day")


def _campaign() -> Subquery:
    return Subquery(Enrolment.objects.filter(pk=OuterRef("enrolment_id")).values("campaign__slug"))


COUPON_ISSUED = Behaviour(
    code=EventKind.COUPON_ISSUED.value,
    label=EventKind.COUPON_ISSUED.label,
    deed=Deed(_("was given a coupon"), _("was not given a coupon")),
    deeds_to=(("template", Deed(_("was given the coupon %(what)s"), _("was not given the coupon %(what)s"))),),
    wheres=(
        Field(
            name="template",
            type=FieldType.TEXT,
            label=_("Coupon"),
            column="template__slug",
            help=_("The coupon's short name."),
        ),
        Field(
            name="campaign",
            type=FieldType.TEXT,
            label=_("Campaign"),
            expression=_campaign,
            help=_("The campaign's short name."),
        ),
    ),
    rows=coupons_given,
)
