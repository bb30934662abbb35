"""The row of figures on the first page, and what changed since yesterday: how kept numbers are said and drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.template.defaultfilters import date as date_text
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from core.admin.display import change_url, list_url, money, number, share
from core.conf import shop_currency
from core.money import DECIMALS
from core.periods import date_of
from core.registry import Amount, Figure, FigureUnit
from retention.models import DaySnapshot
from retention.reports.morning import Morning
from retention.scored import current_parameters
from retention.selectors.trends import Change, Trend, level, moves, trends
from retention.services.targets import brand_targets

May = Callable[[str], bool]
"""Whether the reader has a permission."""

TILES: tuple[tuple[str, ...], ...] = (
    ("active",),
    ("at_risk",),
    ("lost_lately",),
    ("returned",),
    ("new",),
    ("repurchase",),
    ("revenue_30d",),
    ("messages_sent", "suppressed"),
    ("coupons_issued", "coupons_redeemed"),
    ("points_liability",),
)
"""The ten numbers of the morning, in their order; two counters that belong together share a tile."""
WIDTH, HEIGHT, EDGE = 120, 28, 2
"""Of a sparkline, in its own units."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure as it is shown: `parts` are its numbers, each with the list behind it."""

    code: str
    label: str | Promise
    parts: tuple[tuple[str, str], ...]
    meaning: str | Promise
    change: str
    verdict: str
    spark: SafeString
    target: str = ""


def tiles(latest: DaySnapshot, *, may: May) -> list[Tile]:
    """This function will draw the figures that were kept and that the reader may see."""
    known = trends(latest)
    aims = brand_targets(Morning.code)
    shown = []
    for codes in TILES:
        found = [known[code] for code in codes if code in known and _may_see(known[code].figure, may)]
        if found:
            shown.append(_tile(found, aims.get(found[0].figure.code)))
    return shown


def _may_see(figure: Figure, may: May) -> bool:
    if figure.behind is None:
        return may("retention.view_memberfacts")
    app, model = figure.behind[0].split("_", 1)
    return may(f"{app}.view_{model}") and (app != "members" or model != "member" or may("retention.view_memberfacts"))


def _tile(found: list[Trend], aim: float | None) -> Tile:
    first = found[0]
    label = first.figure.label if len(found) == 1 else " · ".join(str(each.figure.label) for each in found)
    parts = tuple((said(each.figure.unit, each.now), _behind(each.figure)) for each in found)
    change, verdict = _change(first)
    meaning = _by_the_bands(first.figure.code) or first.figure.meaning
    return Tile(first.figure.code, label, parts, meaning, change, verdict, sparkline(first), _target(first, aim))


def _by_the_bands(code: str) -> str:
    """What a stage means by the bands in use; empty for other figures."""
    bands = current_parameters().bands
    past = gettext("past %(times)s times their own rhythm")
    match code:
        case "at_risk":
            return past % {"times": f"{bands.at_risk_ratio:g}"}
        case "lost_lately":
            return past % {"times": f"{bands.lost_ratio:g}"}
        case "returned":
            words = ngettext(
                "came back within the last %(days)d day", "came back within the last %(days)d days", bands.reactivated_days
            )
            return words % {"days": bands.reactivated_days}
        case _:
            return ""


def _target(trend: Trend, aim: float | None) -> str:
    """What is aimed at, and whether it is reached."""
    if aim is None:
        return ""
    now = level(trend.now)
    shown = _point(trend.figure.unit, aim)
    if now is None or trend.figure.rising_is_good is None:
        return gettext("target %(aim)s") % {"aim": shown}
    reached = now >= aim if trend.figure.rising_is_good else now <= aim
    words = gettext("target %(aim)s: reached") if reached else gettext("target %(aim)s: not reached")
    return words % {"aim": shown}


def _behind(figure: Figure) -> str:
    return "" if figure.behind is None else list_url(figure.behind[0], **figure.behind[1])


def said(unit: FigureUnit, amount: Amount) -> str:
    """This function will write an amount in its unit."""
    match unit:
        case FigureUnit.MONEY:
            return money(_whole(amount.value))
        case FigureUnit.SHARE:
            return share(amount.value / amount.whole if amount.whole else None)
        case _:
            return number(amount.value)


def _whole(amount_minor: int) -> int:
    """Cents of a large sum are dust: whole units are what is read."""
    unit = 10 ** DECIMALS.get(shop_currency(), 2)
    return round(amount_minor / unit) * unit if abs(amount_minor) >= 100 * unit else amount_minor


# --- against a week ago


def _change(trend: Trend) -> tuple[str, str]:
    """What a figure did since a week ago, in words, and whether that is good, bad or neither."""
    if trend.week_ago is None:
        return "", ""
    step, words = _step(trend.figure.unit, trend.now, trend.week_ago)
    if not step:
        return gettext("as a week ago"), ""
    better = trend.figure.rising_is_good
    verdict = "" if better is None else "good" if better == (step > 0) else "bad"
    return words, verdict


def _step(unit: FigureUnit, now: Amount, before: Amount) -> tuple[float, str]:
    if unit is FigureUnit.SHARE:
        if not now.whole or not before.whole:
            return 0.0, ""
        points = round(100 * (now.value / now.whole - before.value / before.whole), 1)
        return points, gettext("%(points)s points in a week") % {"points": f"{points:+.1f}"}
    step = now.value - before.value
    if unit is FigureUnit.MONEY:
        if not before.value:
            return 0.0, ""
        return step, gettext("%(percent)s in a week") % {"percent": f"{100 * step / before.value:+.1f}%"}
    return step, gettext("%(count)s in a week") % {"count": f"{step:+,}"}


# --- eight weeks as a line


def sparkline(trend: Trend) -> SafeString:
    """This function will draw the points of the last eight weeks; nothing while there are fewer than two."""
    known = [(place, value) for place, value in enumerate(trend.points) if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(value for _, value in known), max(value for _, value in known)
    across = (WIDTH - 2 * EDGE) / (len(trend.points) - 1)
    tall = (HEIGHT - 2 * EDGE) / ((high - low) or 1)
    spots = [(EDGE + place * across, HEIGHT - EDGE - (value - low) * tall) for place, value in known]
    values = ", ".join(_point(trend.figure.unit, value) for _, value in known)
    told = gettext("Week by week: %(values)s") % {"values": values}
    return format_html(
        '<svg class="rk-spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        '<polyline points="{}"/><circle cx="{}" cy="{}" r="2.2"/></svg>',
        WIDTH,
        HEIGHT,
        told,
        told,
        " ".join(f"{x:.1f},{y:.1f}" for x, y in spots),
        f"{spots[-1][0]:.1f}",
        f"{spots[-1][1]:.1f}",
    )


def _point(unit: FigureUnit, value: float) -> str:
    if unit is FigureUnit.SHARE:
        return share(value)
    return said(unit, Amount(round(value)))


# --- since yesterday


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence about a change, and the page behind it."""

    sentence: str
    url: str


@dataclass(frozen=True, slots=True)
class News:
    """What changed, under the question it answers."""

    title: str
    told: tuple[Told, ...]


def what_changed(latest: DaySnapshot, *, may: May) -> News | None:
    """This function will say what changed since the day kept before; None where there is none of the last week."""
    found = moves(latest)
    if found is None:
        return None
    known = {code: trend.figure for code, trend in trends(latest).items()}
    title = gettext("What changed since yesterday")
    if found.since_day != latest.day - 1:
        title = gettext("What changed since %(day)s") % {"day": date_text(date_of(found.since_day), "DATE_FORMAT")}
    return News(title, tuple(_told(change, known) for change in found.changes if _may_hear(change, known, may)))


def _may_hear(change: Change, known: Mapping[str, Figure], may: May) -> bool:
    return may("retention.view_segment") if change.kind == "segment" else _may_see(known[change.key], may)


def _told(change: Change, known: Mapping[str, Figure]) -> Told:
    step, now = abs(change.now - change.before), number(change.now)
    values = {"count": number(step), "name": change.name, "now": now}
    rises = change.now > change.before
    if change.kind == "segment":
        words = _grew(step) if rises else _shrank(step)
        return Told(words % values, change_url("retention_segment", change.key))
    figure = known[change.key]
    if figure.counter:
        return Told(gettext("%(name)s: %(count)s more.") % values, _behind(figure))
    words = gettext("%(name)s: %(count)s more, %(now)s now.")
    if not rises:
        words = gettext("%(name)s: %(count)s fewer, %(now)s now.")
    return Told(words % values, _behind(figure))


def _grew(step: int) -> str:
    return ngettext(
        "“%(name)s” has %(count)s member more: %(now)s.",
        "“%(name)s” has %(count)s members more: %(now)s.",
        step,
    )


def _shrank(step: int) -> str:
    return ngettext(
        "“%(name)s” has %(count)s member less: %(now)s.",
        "“%(name)s” has %(count)s members less: %(now)s.",
        step,
    )
