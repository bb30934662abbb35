"""Tiers as they are said: a scheme in sentences, what a tier gives, why somebody moved."""

from __future__ import annotations

from django.utils.dates import MONTHS
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.display import Mark, badge, list_url, money, number
from members.models import (
    DowngradePolicy,
    DowngradeStep,
    ReviewRule,
    Tier,
    TierCause,
    TierChange,
    TierMeasure,
    TierScheme,
    TierWindow,
)

COLOURS = ("grey", "blue", "amber", "violet", "green", "orange")
CAUSES = {
    TierCause.JOINED: Mark(_("first tier"), "grey", "flag"),
    TierCause.REACHED: Mark(_("moved up"), "green", "trending_up"),
    TierCause.REVIEW: Mark(_("not earned again"), "orange", "trending_down"),
    TierCause.REFUND: Mark(_("refund or cancelled order"), "orange", "undo"),
    TierCause.SCHEME: Mark(_("the tiers were changed"), "grey", "tune"),
}


def tier_badge(tier: Tier) -> SafeString:
    """This function will show a tier by its name; the higher, the warmer."""
    return badge(Mark(tier.name, tier_colour(tier), "workspace_premium"), href=list_url("members_member", tier=tier.slug))


def tier_colour(tier: Tier) -> str:
    return COLOURS[min(tier.level - 1, len(COLOURS) - 1)]


def cause_mark(change: TierChange) -> SafeString:
    return badge(CAUSES[TierCause(change.cause)])


def shown_amount(value: int, measure: str) -> str:
    """This function will write what a measure adds up to: ¥1,000, 6 orders, 1,000 growth."""
    match measure:
        case TierMeasure.SPEND:
            return str(money(value))
        case TierMeasure.ORDERS:
            return ngettext("%(count)s order", "%(count)s orders", value) % {"count": number(value)}
        case _:
            return gettext("%(count)s growth") % {"count": number(value)}


def benefit_words(tier: Tier) -> list[str]:
    """This function will say what a tier gives, a phrase each."""
    said = []
    if tier.discount_percent:
        said.append(gettext("%(percent)s%% off") % {"percent": tier.discount_percent})
    if tier.points_multiplier != 1:
        said.append(gettext("points × %(times)s") % {"times": f"{tier.points_multiplier.normalize():f}"})
    if tier.birthday_gift:
        said.append(gettext("birthday: %(gift)s") % {"gift": tier.birthday_gift})
    if tier.birthday_points:
        said.append(gettext("%(points)s birthday points") % {"points": number(tier.birthday_points)})
    if tier.service_agent:
        said.append(gettext("served by: %(agent)s") % {"agent": tier.service_agent})
    if tier.priority_dispatch:
        said.append(gettext("dispatched first"))
    if tier.early_access_hours:
        words = ngettext("%(hours)s hour of early access", "%(hours)s hours of early access", tier.early_access_hours)
        said.append(words % {"hours": number(tier.early_access_hours)})
    return said


def scheme_words(scheme: TierScheme) -> list[str]:
    """This function will say a scheme: what counts, over which days, and when a tier is lost."""
    what = {
        TierMeasure.SPEND: gettext("What counts is money spent, less refunds"),
        TierMeasure.ORDERS: gettext("What counts is orders, less those refunded whole"),
        TierMeasure.GROWTH: gettext("What counts is growth earned"),
    }[TierMeasure(scheme.measure)]
    if scheme.window == TierWindow.YEAR:
        when = gettext("in the calendar year")
    else:
        when = ngettext("in the last %(days)s day", "in the last %(days)s days", scheme.window_days) % {
            "days": number(scheme.window_days)
        }
    first = gettext("%(what)s %(when)s. A tier is reached at once.") % {"what": what, "when": when}
    return [first, _lost_words(scheme)]


def _lost_words(scheme: TierScheme) -> str:
    if scheme.downgrade == DowngradePolicy.NEVER:
        return gettext("It is never lost.")
    if scheme.downgrade == DowngradePolicy.REFUND:
        return gettext("It is lost only when a refund or a cancelled order takes away what earned it.")
    if scheme.review == ReviewRule.DAYS:
        words = ngettext("It is reviewed after %(days)s day", "It is reviewed after %(days)s days", scheme.review_days)
        review = words % {"days": number(scheme.review_days)}
    else:
        month, day = divmod(scheme.review_key, 100)
        review = gettext("It is reviewed every year on %(day)s %(month)s") % {"day": day, "month": MONTHS[month]}
    falls = (
        gettext("who did not earn it again falls by one tier")
        if scheme.step == DowngradeStep.ONE
        else gettext("who did not earn it again falls to the tier that was earned")
    )
    if not scheme.grace_days:
        return gettext("%(review)s: %(falls)s.") % {"review": review, "falls": falls}
    words = ngettext(
        "%(review)s: %(falls)s, after %(days)s day of grace.",
        "%(review)s: %(falls)s, after %(days)s days of grace.",
        scheme.grace_days,
    )
    return words % {"review": review, "falls": falls, "days": number(scheme.grace_days)}
