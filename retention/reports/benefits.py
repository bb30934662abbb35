"""Coupons, points and discounts against retention."""

from __future__ import annotations

from django.db.models import Count, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import with_cte

from members.models import Order
from retention.reports import experience, words
from retention.reports.base import Asked, Counted, Figure, Report, Result
from retention.reports.churn import horizon_option
from retention.reports.experience import Contrast, kept_of
from retention.reports.refunds_churn import SOURCE
from retention.reports.words import Unit

USES = (
    ("coupon", ~Q(coupon_code=""), _("a coupon")),
    ("points", Q(points_used__gt=0), _("points")),
    ("discount", Q(discount_minor__gt=0), _("a discount")),
)


class BenefitsAndRetention(Report):
    code = "benefits"
    group = "loyalty"
    question = _("Do members who use coupons or points stay?")
    term = _("coupon and points use against retention")
    definition = _(
        "Each member is looked at once, by their first order of the period: whether a coupon, points or a discount were "
        "used in it. Kept is who orders in the days that follow the two weeks after it. Members whose days are not over yet "
        "are left out."
    )
    formula = _("difference = share kept of the members who used it − share kept of those who did not")
    source = SOURCE
    figures = (
        Figure("kept_share", _("members kept"), Unit.SHARE, better=1),
        Figure("kept_coupon", _("kept, of those with a coupon"), Unit.SHARE, better=1),
        Figure("kept_points", _("kept, of those with points"), Unit.SHARE, better=1),
        Figure("members", _("members looked at"), Unit.COUNT),
    )
    options = (horizon_option(),)

    def count(self, asked: Asked) -> Counted:
        base = experience.first_orders(asked)
        orders = base.judged.join(Order.objects.all(), pk=base.judged.col.order_id).annotate(lost=base.judged.col.lost)
        flags = {code: experience.flag(used) for code, used, _label in USES}
        counts = {"members": Count("pk"), "gone": Count("pk", filter=Q(lost=1))}
        rows = with_cte(*base.layers, select=orders.values(**flags).annotate(**counts).values(*flags, *counts))
        return {"rows": [dict(row) for row in rows], "of": experience.asked_about(asked)}

    def show(self, asked: Asked, counted: Counted) -> Result:
        rows = counted["rows"]
        whole = kept_of(rows)
        if not whole.of:
            return Result(sentences=[experience.nobody(asked, of=counted["of"])])
        used = {code: kept_of([row for row in rows if row[code]]) for code, _used, _label in USES}
        contrasts = [Contrast.of(label, used[code], whole) for code, _used, label in USES]
        contrasts.append(
            Contrast.of(_("a coupon and points"), kept_of([row for row in rows if row["coupon"] and row["points"]]), whole)
        )
        said = gettext("%(share)s of %(members)s who ordered came back.")
        first = said % {"share": words.percent(whole.rate), "members": words.members(whole.of)}
        return Result(
            sentences=[first, *(experience.said_kept(contrast) for contrast in contrasts[:2])],
            values={
                "kept_share": whole.rate,
                "kept_coupon": experience.rate(used["coupon"]),
                "kept_points": experience.rate(used["points"]),
                "members": whole.of,
            },
            charts=[experience.contrast_chart(_("Kept more often, or less, than members without it"), contrasts)],
            tables=[experience.contrast_table("uses", _("With and without"), _("the order used"), contrasts, kept=True)],
            notes=[
                *experience.notes(members=whole.of, of=counted["of"]),
                gettext("Coupons are given to chosen members: for what a campaign did, compare it with its control group."),
            ],
        )
