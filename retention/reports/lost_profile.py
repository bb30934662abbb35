"""Who is lost: the members lost in a period against those who were kept, by what is known of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from members.models import Member
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Intervals, Rule
from retention.reports.churn import horizon_of, horizon_option
from retention.reports.city_tiers import tier_of
from retention.reports.groups import age_band, group_label
from retention.reports.sources import orders_until
from retention.reports.words import Unit
from retention.scoring.crosstab import SIGNIFICANT, Association, association, holm
from retention.scoring.shares import Share, compare

READ = ("gender", "age", "city", "province", "source")
DIMENSIONS: dict[str, Promise] = {
    "gender": _("gender"),
    "age": _("age"),
    "city": _("city"),
    "city_tier": _("city tier"),
    "province": _("province"),
    "source": _("source"),
}
TIERS: dict[str, Promise] = {
    "first": _("first-tier city"),
    "new_first": _("new first-tier city"),
    "second": _("second-tier city"),
    "other": _("third-tier city or smaller"),
}
LARGEST = 8
"""Values of a dimension that are told one by one; the others together."""
MOST_DRAWN = 14
FEW = 30
"""Members on either side below which no verdict is given: chance alone makes larger differences."""


class LostProfile(Report):
    code = "lost-profile"
    group = "leaving"
    question = _("Who are the members we lose?")
    term = _("profile of the lost")
    definition = _(
        "Lost: on a day of the period the horizon had passed since the last order, and no order came until its end. "
        "Kept: ordered within the horizon before its end. Each group's share among the lost is compared with its "
        "share among the kept, with an interval (95%, Newcombe) and a test; where many are compared, p-values are "
        "adjusted (Holm), since one in twenty would look unusual by chance alone. Whose value is not known is left "
        "out of that comparison."
    )
    formula = _(
        "difference = share of the group among the lost − share of the group among the kept\n"
        "χ² = Σ (observed − expected)² ÷ expected, for each characteristic as a whole"
    )
    source = _("Pearson 1900; Newcombe 1998; Holm 1979")
    figures = (
        Figure("lost", _("members lost"), Unit.COUNT, better=-1),
        Figure("kept", _("members kept"), Unit.COUNT, better=1),
        Figure("lost_share", _("share lost"), Unit.SHARE, better=-1),
    )
    options = (horizon_option(),)

    def count(self, asked: Asked) -> Counted:
        """One statement: the lost and the kept by all that is known of them together, read row by row and added up."""
        sides: dict[str, list[Counter[str]]] = {name: [Counter(), Counter()] for name in DIMENSIONS}
        totals = [0, 0]
        for *values, lost, members in _grouped(asked).iterator(chunk_size=5_000):
            told = dict(zip(READ, values, strict=True))
            told["city_tier"] = tier_of(told["city"])
            totals[lost] += members
            for name, value in told.items():
                sides[name][lost][value] += members
        return {
            "kept": totals[0],
            "lost": totals[1],
            "sides": {name: _largest(name, kept, lost) for name, (kept, lost) in sides.items()},
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        lost, kept = counted["lost"], counted["kept"]
        if not lost + kept:
            return Result(sentences=[gettext("Nobody was lost in this period, and nobody was there to be kept.")])
        compared = _compared(counted["sides"])
        tests = {name: _tested(rows) for name, rows in counted["sides"].items()}
        told = gettext("%(lost)s lost and %(kept)s kept: %(share)s were lost.")
        values = {"lost": words.members(lost), "kept": words.number(kept), "share": words.percent(lost / (lost + kept))}
        return Result(
            sentences=[told % values, _verdict(compared)],
            values={"lost": lost, "kept": kept, "lost_share": lost / (lost + kept)},
            charts=[_picture(compared)] if compared else [],
            tables=[_values_table(asked, compared), _tests_table(tests)] if compared else [],
            notes=_notes() if compared else [],
        )


def _grouped(asked: Asked) -> QuerySet[Any, Any]:
    horizon = horizon_of(asked)
    ends = CTE(orders_until(asked).values("member_id").annotate(last=Max("placed_day")), name="ends")
    members = ends.join(Member.objects.all(), id=ends.col.member_id).annotate(last=ends.col.last)
    side = Case(When(last__gt=asked.last_day - horizon, then=Value(0)), default=Value(1), output_field=IntegerField())
    profile = {"age_now": age_band(asked.last_day)}
    # Lost before the period: neither lost in it nor kept.
    rows = members.filter(last__gte=asked.first_day - horizon).annotate(lost=side, **profile)
    names = ("gender", "age_now", "city", "province", "source", "lost")
    return with_cte(ends, select=rows.values(*names).annotate(members=Count("pk"))).values_list(*names, "members")


def _largest(dimension: str, kept: Counter[str], lost: Counter[str]) -> list[list[Any]]:
    """[value, lost, kept] of the largest groups, then the others together (value None), then the unknown (empty value).
    Ages stand in their own order."""
    together = kept + lost
    size = Counter[str]() if dimension == "age" else together
    named = sorted((value for value in together if value), key=lambda value: (-size[value], value))
    rows: list[list[Any]] = [[value, lost[value], kept[value]] for value in named[:LARGEST]]
    rest = named[LARGEST:]
    if rest:
        rows.append([None, sum(lost[value] for value in rest), sum(kept[value] for value in rest)])
    if together[""]:
        rows.append(["", lost[""], kept[""]])
    return rows


def _tested(rows: list[list[Any]]) -> Association | None:
    return association([[row[side] for row in rows if row[0] != ""] for side in (1, 2)])


def _compared(sides: dict[str, list[list[Any]]]) -> list[dict[str, Any]]:
    """Each known group: its share on both sides, the difference, and what it means with all of them asked at once."""
    found = []
    for name, rows in sides.items():
        known = [row for row in rows if row[0] != ""]
        lost, kept = (sum(row[side] for row in known) for side in (1, 2))
        if len(known) < 2 or not lost or not kept:
            continue
        for value, of_lost, of_kept in known:
            difference = compare(Share(of_lost, lost), Share(of_kept, kept))
            found.append(
                {
                    "dimension": name,
                    "value": value,
                    "label": _label(name, value),
                    "lost": of_lost,
                    "kept": of_kept,
                    "lost_share": of_lost / lost,
                    "kept_share": of_kept / kept,
                    "difference": difference.absolute,
                    "low": difference.low,
                    "high": difference.high,
                    "p_value": difference.p_value,
                    "few": min(lost, kept) < FEW,
                }
            )
    for row, adjusted in zip(found, holm([row["p_value"] for row in found]), strict=True):
        row["adjusted"] = adjusted
        row["unusual"] = adjusted < SIGNIFICANT and not row["few"]
    return found


def _label(dimension: str, value: str | None) -> str:
    if value is None:
        return gettext("others")
    if dimension == "city_tier":
        return str(TIERS[value])
    return group_label(dimension, value)


def _verdict(compared: list[dict[str, Any]]) -> str:
    """What stands out, the largest difference first; that nothing does is an answer too."""
    if not compared:
        return gettext("Too little is known of these members to compare them.")
    if all(row["few"] for row in compared):
        return gettext("There are too few members on one side for a difference to mean anything.")
    unusual = [row for row in compared if row["unusual"] and row["value"] is not None]
    if not unusual:
        return gettext(
            "The lost do not differ from the kept by more than chance explains, in anything that is known of them."
        )
    most = max(unusual, key=lambda row: abs(row["difference"]))
    told = gettext("What stands out most: %(dimension)s “%(value)s”, %(lost)s of the lost and %(kept)s of the kept.")
    return told % {
        "dimension": DIMENSIONS[most["dimension"]],
        "value": most["label"],
        "lost": words.percent(most["lost_share"]),
        "kept": words.percent(most["kept_share"]),
    }


def _picture(compared: list[dict[str, Any]]) -> Intervals:
    drawn = sorted(compared, key=lambda row: -abs(row["difference"]))[:MOST_DRAWN]
    return Intervals(
        _("Share among the lost less share among the kept, in percentage points, with intervals (95%)"),
        [f"{DIMENSIONS[row['dimension']]}: {row['label']}" for row in drawn],
        [row["difference"] for row in drawn],
        [row["low"] for row in drawn],
        [row["high"] for row in drawn],
    )


def _meaning(row: dict[str, Any]) -> str:
    if row["few"]:
        return gettext("too few to tell")
    if not row["unusual"]:
        return gettext("no more than chance")
    return gettext("more among the lost") if row["difference"] > 0 else gettext("fewer among the lost")


def _values_table(asked: Asked, compared: list[dict[str, Any]]) -> Table:
    columns = [
        Column("dimension", _("characteristic")),
        Column("value", _("group")),
        Column("lost", _("lost"), Unit.COUNT),
        Column("kept", _("kept"), Unit.COUNT),
        Column("share_lost", _("share lost"), Unit.SHARE),
        Column("lost_share", _("share among the lost"), Unit.SHARE),
        Column("kept_share", _("share among the kept"), Unit.SHARE),
        Column("difference", _("difference"), Unit.SHARE),
        Column("low", _("at least"), Unit.SHARE),
        Column("high", _("at most"), Unit.SHARE),
        Column("p_value", _("p, adjusted"), Unit.NUMBER),
        Column("meaning", _("what it means")),
    ]
    rows = [
        [
            str(DIMENSIONS[row["dimension"]]),
            row["label"],
            row["lost"],
            row["kept"],
            ratio(row["lost"], row["lost"] + row["kept"]),
            row["lost_share"],
            row["kept_share"],
            row["difference"],
            row["low"],
            row["high"],
            row["adjusted"],
            _meaning(row),
        ]
        for row in compared
    ]
    rules = {(line, "lost"): rule for line, row in enumerate(compared) if (rule := _rule(asked, row))}
    return Table("groups", _("Group by group"), columns, rows, rules)


def _rule(asked: Asked, row: dict[str, Any]) -> Rule | None:
    """Who was lost in a period that ends with what is known: the days since the last order say so today."""
    if asked.last_day != asked.known_day or asked.shop_id is not None or row["value"] is None:
        return None
    if row["dimension"] in ("age", "city_tier"):
        return None
    horizon = horizon_of(asked)
    away = [horizon, asked.known_day - asked.first_day + horizon]
    return {
        "combinator": "and",
        "rules": [
            {"field": "days_since_last_order", "operator": "between", "value": away},
            {"field": row["dimension"], "operator": "=", "value": row["value"]},
        ],
    }


def _tests_table(tests: dict[str, Association | None]) -> Table:
    columns = [
        Column("dimension", _("characteristic")),
        Column("statistic", "χ²", Unit.NUMBER),
        Column("degrees", _("degrees of freedom"), Unit.COUNT),
        Column("p_value", _("p, adjusted"), Unit.NUMBER),
        Column("effect", _("strength (Cramér's V)"), Unit.NUMBER),
        Column("meaning", _("what it means")),
    ]
    done = {name: test for name, test in tests.items() if test is not None}
    adjusted = dict(zip(done, holm([test.p_value for test in done.values()]), strict=True))
    rows: list[list[Any]] = []
    for name, label in DIMENSIONS.items():
        test = done.get(name)
        if test is None:
            rows.append([str(label), None, None, None, None, gettext("nothing to compare")])
            continue
        meaning = gettext("no more than chance")
        if test.approximate:
            meaning = gettext("too few to tell")
        elif adjusted[name] < SIGNIFICANT:
            meaning = gettext("the lost are made up differently")
        rows.append([str(label), test.statistic, test.degrees, adjusted[name], test.effect, meaning])
    return Table("tests", _("Each characteristic as a whole"), columns, rows)


def _notes() -> list[str]:
    return [
        gettext("A difference says who leaves, not why: groups differ in many ways at once."),
        gettext("Strength: 0.1 is weak, 0.3 moderate, 0.5 strong. With many members even a weak difference is no chance."),
    ]
