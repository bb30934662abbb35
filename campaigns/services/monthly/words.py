"""A month's report as people read it, in the active language: a sentence first, then the numbers beside last month's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.template.defaultfilters import date as date_text
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import MonthlyReport
from campaigns.selectors.batches import shop_name
from core.registry import FigureUnit, figures
from retention.fields import STAGE_LABELS
from retention.reports.morning import UNITS
from retention.reports.words import money, number, text_of

TRADE: tuple[tuple[str, str | Promise, FigureUnit, bool | None], ...] = (
    ("revenue_minor", _("revenue, less refunds"), FigureUnit.MONEY, True),
    ("orders", _("orders"), FigureUnit.COUNT, True),
    ("buyers", _("members who bought"), FigureUnit.MEMBERS, True),
    ("new_buyers", _("bought for the first time"), FigureUnit.MEMBERS, True),
    ("average_minor", _("average order"), FigureUnit.MONEY, True),
    ("discount_minor", _("given as discounts"), FigureUnit.MONEY, None),
)
LEVELS = (
    *("members", "active", "new", "at_risk", "lost_lately", "returned", "repurchase"),
    *("messages_sent", "suppressed", "coupons_issued", "coupons_redeemed", "points_liability"),
)
"""Figures of the page, in their order: what the shop sold is counted over the month itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """A number of the month beside that of the month before. `verdict` is good, bad or empty."""

    label: str | Promise
    now: str
    before: str
    change: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Stage:
    code: str
    word: str | Promise
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class CampaignWords:
    slug: str
    name: str
    reached: str
    outcome: str
    net: str


@dataclass(frozen=True, slots=True)
class MonthWords:
    shop: str
    title: str
    headline: str
    trade: tuple[Row, ...]
    members: tuple[Row, ...]
    stages: tuple[Stage, ...]
    segments: tuple[Row, ...]
    campaigns: tuple[CampaignWords, ...]
    made_at: Any

    @property
    def sentences(self) -> list[str]:
        """The report as plain text."""
        told = [self.headline, ""]
        told += [f"{row.label}: {row.now} ({row.change or row.before})" for row in (*self.trade, *self.members)]
        told += ["", *(f"{each.name}: {each.reached} {each.outcome}" for each in self.campaigns)]
        return told


def month_words(report: MonthlyReport) -> MonthWords:
    """This function will say a kept report."""
    content = report.content
    return MonthWords(
        shop=shop_name(),
        title=date_text(report.month, "YEAR_MONTH_FORMAT"),
        headline=_headline(content, report.month),
        trade=tuple(_trade_rows(content)),
        members=tuple(_member_rows(content)),
        stages=tuple(_stages(content["standing"])),
        segments=tuple(_segment(each) for each in content["segments"]),
        campaigns=tuple(_campaign(each) for each in content["campaigns"]),
        made_at=report.made_at,
    )


def _headline(content: dict[str, Any], month: date) -> str:
    now, before = content["trade"], content["trade_before"]
    title = date_text(month, "YEAR_MONTH_FORMAT")
    if not now["orders"]:
        return gettext("%(month)s brought no orders.") % {"month": title}
    words = ngettext(
        "%(month)s: %(revenue)s from %(buyers)s member",
        "%(month)s: %(revenue)s from %(buyers)s members",
        now["buyers"],
    )
    told = words % {
        "month": title,
        "revenue": money(now["revenue_minor"]),
        "buyers": number(now["buyers"]),
    }
    if not before["revenue_minor"]:
        return gettext("%(told)s.") % {"told": told}
    change = 100 * (now["revenue_minor"] / before["revenue_minor"] - 1)
    return gettext("%(told)s, %(change)s against the month before.") % {"told": told, "change": f"{change:+.1f}%"}


def _trade_rows(content: dict[str, Any]) -> list[Row]:
    now, before = content["trade"], content["trade_before"]
    return [_row(label, unit, [now[name], None], [before[name], None], good) for name, label, unit, good in TRADE]


def _member_rows(content: dict[str, Any]) -> list[Row]:
    known = {figure.code: figure for figure in figures}
    rows = []
    for code in LEVELS:
        if code in known and code in content["figures"]:
            now, before = content["figures"][code]
            rows.append(_row(known[code].label, known[code].unit, now, before, known[code].rising_is_good))
    return rows


def _segment(told: dict[str, Any]) -> Row:
    return _row(told["name"], FigureUnit.MEMBERS, [told["now"], None], [told["before"], None], None)


def _row(label: Any, unit: FigureUnit, now: list[Any] | None, before: list[Any] | None, good: bool | None) -> Row:
    change, rises = _change(unit, _value(now), _value(before))
    verdict = "" if good is None or rises is None else "good" if good == rises else "bad"
    return Row(label, _said(unit, now), _said(unit, before), change, verdict)


def _value(kept: list[Any] | None) -> float | None:
    if kept is None or kept[0] is None:
        return None
    value, whole = kept
    if whole is None:
        return float(value)
    return value / whole if whole else None


def _change(unit: FigureUnit, now: float | None, before: float | None) -> tuple[str, bool | None]:
    if now is None or before is None or now == before:
        return "", None
    if unit is FigureUnit.SHARE:
        return gettext("%(points)s points") % {"points": f"{100 * (now - before):+.1f}"}, now > before
    if not before:
        return "", now > before
    return f"{100 * (now / before - 1):+.1f}%", now > before


def _said(unit: FigureUnit, kept: list[Any] | None) -> str:
    value = _value(kept)
    return text_of(value, UNITS[unit])


def _stages(standing: dict[str, Any] | None) -> list[Stage]:
    if not standing or not standing["members"]:
        return []
    counts = standing["stages"]
    return [
        Stage(code, label, counts[code], counts[code] / standing["members"])
        for code, label in STAGE_LABELS.items()
        if counts.get(code)
    ]


def _campaign(told: dict[str, Any]) -> CampaignWords:
    reached = gettext("%(fired)s of %(due)s who were due got it.")
    return CampaignWords(
        slug=told["slug"],
        name=told["name"],
        reached=reached % {"fired": number(told["fired"]), "due": number(told["due"])},
        outcome=_lift(told["lift"]),
        net=money(told["net_minor"]),
    )


def _lift(lift: dict[str, Any]) -> str:
    """Honest about what is not known: a difference is told with its interval, and not at all without a control group."""
    if lift["absolute"] is None:
        return gettext("Without a control group nobody can say what it earned.")
    low, high = (100 * end for end in lift["interval_95"])
    values = {"points": f"{100 * lift['absolute']:+.1f}", "low": f"{low:+.1f}", "high": f"{high:+.1f}"}
    words = gettext("%(points)s points more ordered than in the control group (%(low)s to %(high)s).")
    if low <= 0 <= high:
        words = gettext("%(points)s points against the control group, which may be chance (%(low)s to %(high)s).")
    return words % values
