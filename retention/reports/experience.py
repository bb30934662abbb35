"""What happened to members with an order, and whether they came back: the design that several reports share.

Each member is looked at once, from their first order of the period, so that those who order often have no more chances to
have a delay or a complaint than the others. What happens in the two weeks from that order is the experience; whether the
member orders in the days after those two weeks is the outcome. The experience is over before the outcome begins: nobody can
be spared a complaint by having left already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from members.models import BehaviourEvent
from retention.reports import words
from retention.reports.base import Asked, Column, Figure, Table
from retention.reports.charts import Intervals, Rows, Series
from retention.reports.churn import horizon_of
from retention.reports.sources import events_until, orders_until, orders_within
from retention.reports.words import Unit
from retention.scoring.shares import Difference, Share, compare, wilson

Text = str | Promise
EXPERIENCE_DAYS = 14
CERTAIN = 0.05
"""A p-value below which a difference is called one: chance alone gives as much in less than one of twenty shops."""
FEWEST = 20
"""Members on either side below which no difference is put into words."""
MANY = 5
"""Differences looked at in one table from which on it is said that some come about by chance."""

DEFINITION = _(
    "Each member is looked at once, from their first order of the period. What happened in the two weeks from that order is "
    "set against what came after them: lost is who placed no order in the days that follow those two weeks. Members whose "
    "days are not over yet are left out."
)


@dataclass(frozen=True, slots=True)
class Base:
    """A row a member: member_id, day and order_id of their first order, and `lost` (1 or 0); layers read those before.

    `judged` is the layer that first says all this.
    """

    layers: tuple[CTE, ...]
    judged: CTE

    @property
    def rows(self) -> QuerySet[Any, Any]:
        return self.layers[-1].queryset()

    def with_layer(self, layer: CTE) -> Base:
        return replace(self, layers=(*self.layers, layer))

    def added(self, *, by: Mapping[str, Any]) -> list[dict[str, Any]]:
        """This function will count members, and the lost among them, for each combination of `by`."""
        names = {f"by_{name}": expression for name, expression in by.items()}
        rows = self.rows.annotate(**names).values(*names)
        counted = rows.annotate(people=Count("member_id"), gone=Count("member_id", filter=Q(lost=1)))
        return [
            {**{name: row[f"by_{name}"] for name in by}, "members": row["people"], "gone": row["gone"]}
            for row in with_cte(*self.layers, select=counted)
        ]


def first_orders(asked: Asked) -> Base:
    """This function will select each member's first order of the period whose outcome is known, and say who was lost."""
    horizon = horizon_of(asked)
    first = Window(RowNumber(), partition_by=[F("member_id")], order_by=[F("placed_day"), F("placed_at"), F("id")])
    orders = orders_within(asked).values("member_id", day=F("placed_day"), order_id=F("id"), place=first)
    placed = CTE(orders, name="placed_orders")
    over = asked.known_day - EXPERIENCE_DAYS - horizon
    known = replace(asked, last_day=asked.known_day)
    later = orders_until(known).filter(
        member_id=OuterRef("member_id"),
        placed_day__gt=OuterRef("day") + EXPERIENCE_DAYS,
        placed_day__lte=OuterRef("day") + EXPERIENCE_DAYS + horizon,
    )
    lost = Case(When(Exists(later), then=Value(0)), default=Value(1), output_field=IntegerField())
    chosen = placed.queryset().filter(place=1, day__lt=over).values("member_id", "day", "order_id", lost=lost)
    judged = CTE(chosen, name="judged", materialized=True)  # joined: worked out once, not once a row
    return Base((placed, judged), judged)


def known_events(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select all events that are known, those after the period too."""
    return events_until(replace(asked, last_day=asked.known_day))


def events_of_experience(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select what the row's member did in the two weeks from the order."""
    span = (OuterRef("day"), OuterRef("day") + EXPERIENCE_DAYS)
    return known_events(asked).filter(member_id=OuterRef("member_id"), day__range=span)


def asked_about(asked: Asked) -> int:
    """This function will count the members who ordered in the period, those included whose outcome is not known yet."""
    return int(orders_within(asked).aggregate(members=Count("member_id", distinct=True))["members"])


def flag(condition: Any) -> Case:
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


# --- saying


@dataclass(frozen=True, slots=True)
class Contrast:
    """Members with something against those without it."""

    label: Text
    having: Share
    rest: Share

    @classmethod
    def of(cls, label: Text, having: Share, whole: Share) -> Contrast:
        """This function will set those who have it against all the others."""
        return cls(label, having, Share(whole.hits - having.hits, whole.of - having.of))

    @property
    def difference(self) -> Difference | None:
        return compare(self.having, self.rest) if self.having.of and self.rest.of else None


FIGURES = (
    Figure("lost_share", _("members lost"), Unit.SHARE, better=-1),
    Figure("members", _("members looked at"), Unit.COUNT),
)


def share_of(rows: Sequence[Mapping[str, Any]]) -> Share:
    """This function will add up counted rows: how many were lost, of how many."""
    return Share(sum(row["gone"] for row in rows), sum(row["members"] for row in rows))


def kept_of(rows: Sequence[Mapping[str, Any]]) -> Share:
    """This function will add up counted rows: how many were kept, of how many."""
    lost = share_of(rows)
    return Share(lost.of - lost.hits, lost.of)


def contrast_table(code: str, title: Text, label: Text, contrasts: Sequence[Contrast], *, kept: bool = False) -> Table:
    of_them = _("kept of them") if kept else _("lost of them")
    columns = [
        Column("what", label),
        Column("members", _("members with it"), Unit.COUNT),
        Column("rate", of_them, Unit.SHARE),
        Column("members_without", _("members without"), Unit.COUNT),
        Column("rate_without", of_them, Unit.SHARE),
        Column("difference", _("difference"), Unit.SHARE),
        Column("low", _("at least"), Unit.SHARE),
        Column("high", _("at most"), Unit.SHARE),
        Column("p_value", _("by chance alone"), Unit.SHARE),
    ]
    return Table(code, title, columns, [_contrast_row(contrast) for contrast in contrasts])


def _contrast_row(contrast: Contrast) -> list[Any]:
    having, rest, difference = contrast.having, contrast.rest, contrast.difference
    told = [difference.absolute, difference.low, difference.high, difference.p_value] if difference else [None] * 4
    return [contrast.label, having.of, rate(having), rest.of, rate(rest), *told]


def contrast_chart(title: Text, contrasts: Sequence[Contrast]) -> Intervals:
    known = [(contrast, contrast.difference) for contrast in contrasts]
    drawn = [(contrast, difference) for contrast, difference in known if difference]
    return Intervals(
        title,
        [contrast.label for contrast, _difference in drawn],
        [difference.absolute for _contrast, difference in drawn],
        [difference.low for _contrast, difference in drawn],
        [difference.high for _contrast, difference in drawn],
        Unit.SHARE,
    )


def rate(share: Share) -> float | None:
    return share.rate if share.of else None


def rates_table(code: str, title: Text, label: Text, bands: Sequence[tuple[Text, Share]]) -> Table:
    columns = [
        Column("band", label),
        Column("members", _("members"), Unit.COUNT),
        Column("lost", _("lost"), Unit.COUNT),
        Column("rate", _("share lost"), Unit.SHARE),
        Column("low", _("at least"), Unit.SHARE),
        Column("high", _("at most"), Unit.SHARE),
    ]
    rows = [[name, share.of, share.hits, rate(share), *_interval(share)] for name, share in bands]
    return Table(code, title, columns, rows)


def rates_chart(title: Text, bands: Sequence[tuple[Text, Share]]) -> Rows:
    drawn = [(name, share) for name, share in bands if share.of]
    limits = [_interval(share) for _name, share in drawn]
    lost = Series(
        _("share lost"),
        [rate(share) for _name, share in drawn],
        low=[low for low, _high in limits],
        high=[high for _low, high in limits],
    )
    return Rows(title, [name for name, _share in drawn], [lost], Unit.SHARE)


def _interval(share: Share) -> tuple[float | None, float | None]:
    return wilson(share) if share.of else (None, None)


def said_contrast(contrast: Contrast) -> str:
    """This function will say in plain words whether those with something were lost more often than those without."""
    few = _too_few(contrast)
    if few:
        return few
    said = gettext("%(what)s: %(with)s of the members with it were lost, %(without)s of those without.")
    return said % _shown(contrast) + " " + _by_chance(contrast)


def said_kept(contrast: Contrast) -> str:
    """This function will say in plain words whether those with something were kept more often than those without."""
    few = _too_few(contrast)
    if few:
        return few
    said = gettext("%(what)s: %(with)s of the members with it came back, %(without)s of those without.")
    return said % _shown(contrast) + " " + _by_chance(contrast)


def _too_few(contrast: Contrast) -> str:
    if min(contrast.having.of, contrast.rest.of) >= FEWEST:
        return ""
    said = gettext("%(what)s: too few members (%(with)s with, %(without)s without) to tell a difference.")
    counts = {"with": words.number(contrast.having.of), "without": words.number(contrast.rest.of)}
    return said % {"what": _capital(contrast.label), **counts}


def _shown(contrast: Contrast) -> dict[str, str]:
    shares = {"with": words.percent(contrast.having.rate), "without": words.percent(contrast.rest.rate)}
    return {"what": _capital(contrast.label), **shares}


def _capital(label: Text) -> str:
    text = str(label)
    return text[:1].upper() + text[1:]


def _by_chance(contrast: Contrast) -> str:
    difference = contrast.difference
    if difference is None:
        return ""
    shown = {
        "points": words.points(difference.absolute),
        "low": f"{difference.low * 100:+.1f}",
        "high": f"{difference.high * 100:+.1f}",
    }
    if difference.p_value >= CERTAIN:
        return gettext("The difference of %(points)s may be chance: it lies between %(low)s and %(high)s.") % shown
    return gettext("The difference of %(points)s is more than chance gives: it lies between %(low)s and %(high)s.") % shown


def by_chance(comparisons: int) -> list[str]:
    """This function will warn where so many differences are looked at that some come about by chance."""
    if comparisons < MANY:
        return []
    said = gettext("%(count)s differences are looked at: about one in twenty looks real by chance alone.")
    return [said % {"count": words.number(comparisons)}]


def notes(*, members: int, of: int) -> list[str]:
    """This function will say whom the figures leave out, and what they do not prove."""
    told = [gettext("This compares members as they were: it does not prove that one thing made the other.")]
    if of > members:
        said = gettext("%(left)s of %(all)s members who ordered are left out: their days are not over yet.")
        told.insert(0, said % {"left": words.number(of - members), "all": words.number(of)})
    return told


def nobody(asked: Asked, *, of: int) -> str:
    """This function will say why nobody could be looked at."""
    if not of:
        return gettext("Nobody ordered in this time.")
    said = gettext(
        "%(members)s ordered in this time, but whether they come back within %(days)s is not known yet: choose an earlier "
        "period."
    )
    return said % {"members": words.members(of), "days": words.days(EXPERIENCE_DAYS + horizon_of(asked))}
