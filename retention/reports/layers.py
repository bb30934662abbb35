"""Layers: what members of each value layer or tier bring, and whether they stay."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, Count, F, Q, Sum
from django.db.models.functions import Cast
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.fields import CATALOGUE, STAGE_LABELS, catalogue
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Option, Report, Result, Table, ratio
from retention.reports.charts import Bars, Rule, Series
from retention.reports.sources import orders_until
from retention.reports.words import Unit
from retention.scored import Scored, current_parameters, scored
from retention.scoring.lifecycle import Stage

AWAY = (Stage.AT_RISK, Stage.DORMANT, Stage.LOST)
ORDER = {"high": 0, "middle": 1, "low": 2}
"""Value layers from the top."""


class Layers(Report):
    code = "value-layers"
    group = "value"
    question = _("What does each layer of members bring, and does it stay?")
    term = _("value layers")
    definition = _(
        "Members who have ordered, by value layer (revenue among all who ordered: the upper fifth, the next three "
        "tenths, the lower half) or by tier, as they stand today: how many they are, what they brought within a year, "
        "how many are leaving, and how many of those who were active in the 90 days before the last 90 were active in "
        "these too."
    )
    formula = _("retention = ordered in the last 90 days and in the 90 before ÷ ordered in the 90 before")
    figures = (
        Figure("top_share", _("share of the year's revenue of the first layer"), Unit.SHARE),
        Figure("top_retention", _("retention of the first layer"), Unit.SHARE, better=1),
        Figure("retention", _("retention of all layers"), Unit.SHARE, better=1),
    )
    options = (Option("by", _("by"), (("value_layer", _("value layer")), ("tier", _("tier")))),)
    standing = True
    version = 2

    def count(self, asked: Asked) -> Counted:
        by = asked.options["by"]
        if not _is_scored(by):
            return {"layers": [], "names": {}}
        scope = None if asked.shop_id is None else orders_until(asked).values("member_id")
        everybody = scored(as_of_day=asked.known_day, parameters=current_parameters(), scope=scope)
        before = Q(order_count_180d__gt=F("order_count_90d"))
        rows = (
            everybody.filter(order_count__gte=1, **{f"{by}__isnull": False})
            .values(layer=F(by))
            .annotate(
                members=Count("member_id"),
                revenue=Cast(Sum("revenue_minor_365d"), BigIntegerField()),
                orders=Cast(Sum("order_count_365d"), BigIntegerField()),
                active_before=Count("member_id", filter=before),
                active_again=Count("member_id", filter=before & Q(order_count_90d__gt=0)),
                **{stage.value: Count("member_id", filter=Q(lifecycle_stage=stage.value)) for stage in AWAY},
            )
        )
        return {"layers": [dict(row) for row in rows], "names": _names(by)}

    def show(self, asked: Asked, counted: Counted) -> Result:
        by = asked.options["by"]
        layers = _from_the_top(counted)
        if not layers:
            return Result(sentences=[_nobody(by)])
        revenue, members = (sum(row[name] for row in layers) for name in ("revenue", "members"))
        top = layers[0]
        names = [counted["names"].get(row["layer"]) or _static_name(by, row["layer"]) for row in layers]
        values = {
            "top_share": ratio(top["revenue"], revenue),
            "top_retention": ratio(top["active_again"], top["active_before"]),
            "retention": ratio(sum(row["active_again"] for row in layers), sum(row["active_before"] for row in layers)),
        }
        told = gettext(
            "“%(name)s” is %(members)s of the members and brought %(revenue)s of the year's revenue; %(retention)s of "
            "its active members stayed."
        )
        sentence = told % {
            "name": names[0],
            "members": words.percent(top["members"] / members),
            "revenue": words.percent(values["top_share"]),
            "retention": words.percent(values["top_retention"]),
        }
        return Result(
            sentences=[sentence],
            values=values,
            charts=[
                Bars(
                    _("Share of members, share of the year's revenue, and retention"),
                    names,
                    [
                        Series(_("share of members"), [row["members"] / members for row in layers]),
                        Series(_("share of revenue"), [ratio(row["revenue"], revenue) for row in layers]),
                        Series(_("retention"), [ratio(row["active_again"], row["active_before"]) for row in layers]),
                    ],
                    Unit.SHARE,
                )
            ],
            tables=[_table(asked, layers, names, revenue, members)],
            notes=_notes(asked),
        )


def _from_the_top(counted: Counted) -> list[dict[str, Any]]:
    """The highest tier first, as value layers do; tiers are told lowest first, and one that was given up comes last."""
    tiers = {code: -place for place, code in enumerate(counted["names"])}
    return sorted(
        counted["layers"],
        key=lambda row: (ORDER.get(row["layer"], 3) if not tiers else 0, tiers.get(row["layer"], 1), row["layer"]),
    )


def _is_scored(by: str) -> bool:
    return any(field.name == by for field in Scored._meta.concrete_fields)


def _names(by: str) -> dict[str, str]:
    """The names that the shop gave its tiers; those of value layers are ours, and are said in the reader's language."""
    field = catalogue().get(by)
    return {} if field is None or by != "tier" else {str(code): str(name) for code, name in field.choices}


def _static_name(by: str, layer: str) -> str:
    field = CATALOGUE.get(by)
    return str(dict(field.choices).get(layer, layer)) if field is not None else layer


def _nobody(by: str) -> str:
    if by == "tier":
        return gettext("No member who ordered holds a tier.")
    return gettext("No value layers are published yet: the weekly fit makes them.")


def _table(asked: Asked, layers: list[dict[str, Any]], names: list[str], revenue: int, members: int) -> Table:
    columns = [
        Column("layer", _("layer")),
        Column("members", _("members"), Unit.COUNT),
        Column("share", _("share of members"), Unit.SHARE),
        Column("revenue", _("revenue in a year"), Unit.MONEY),
        Column("revenue_share", _("share of revenue"), Unit.SHARE),
        Column("orders", _("orders in a year"), Unit.COUNT),
        Column("active_before", _("active before"), Unit.COUNT),
        Column("active_again", _("active again"), Unit.COUNT),
        Column("retention", _("retention"), Unit.SHARE),
        *(Column(stage.value, STAGE_LABELS[stage.value], Unit.COUNT) for stage in AWAY),
    ]
    rows = [
        [
            name,
            row["members"],
            row["members"] / members,
            row["revenue"],
            ratio(row["revenue"], revenue),
            row["orders"],
            row["active_before"],
            row["active_again"],
            ratio(row["active_again"], row["active_before"]),
            *(row[stage.value] for stage in AWAY),
        ]
        for name, row in zip(names, layers, strict=True)
    ]
    by = asked.options["by"]
    rules: dict[tuple[int, str], Rule] = {}
    for line, row in enumerate(layers if asked.shop_id is None else []):
        own: Rule = {"field": by, "operator": "=", "value": row["layer"]}
        rules[line, "members"] = _both(own, {"field": "order_count", "operator": ">=", "value": 1})
        for stage in AWAY:
            rules[line, stage.value] = _both(own, {"field": "lifecycle_stage", "operator": "=", "value": stage.value})
    return Table("layers", _("Layer by layer"), columns, rows, rules)


def _both(*leaves: Rule) -> Rule:
    return {"combinator": "and", "rules": [*leaves]}


def _notes(asked: Asked) -> list[str]:
    notes = [
        gettext(
            "Layers are those of today: whoever bought less has fallen since, so that the upper ones look more "
            "faithful than they are."
        )
    ]
    if asked.shop_id is not None:
        notes.append(gettext("Of one shop: members who ever ordered there, by all their orders."))
    return notes
