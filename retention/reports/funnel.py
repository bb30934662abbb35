"""The funnel: of those who come, how many look, search, fill a cart, order and pay; and how long it takes them."""

from __future__ import annotations

from typing import Any

import pandas as pd
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, RowNumber
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from members.models import EventKind, Member
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Option, Report, Result, Table, ratio
from retention.reports.charts import Funnel
from retention.reports.payments import PAID
from retention.reports.sources import orders_within
from retention.reports.visits import (
    TIMES,
    browsing,
    last_days,
    nothing_done,
    shop_note,
    time_band,
)
from retention.reports.words import Unit

STEPS = ("visit", "view", "search", "cart", "order", "paid")
LABELS = {
    "visit": _("came"),
    "view": _("viewed a product"),
    "search": _("searched"),
    "cart": _("filled a cart"),
    "order": _("ordered"),
    "paid": _("paid"),
}
WAITS = (("view", "cart"), ("cart", "order"), ("order", "paid"))
UNITS = (("members", _("members")), ("sessions", _("sessions")))
GROUPED = (("none", _("not at all")), ("source", _("where members come from")), ("channel", _("the channel of the events")))
MOST_GROUPS = 12


class ConversionFunnel(Report):
    code = "funnel"
    group = "behaviour"
    question = _("Where do visitors drop out on the way to paying?")
    term = _("conversion funnel")
    definition = _(
        "Of the members who came in the period: who viewed a product, searched, put something into the cart, ordered and "
        "paid. Each step counts whoever took it; nobody has to search in order to buy. A session's order is one that its "
        "member placed on the day on which the session began; of several sessions on a day it belongs to the last."
    )
    formula = _("conversion = members (or sessions) that took the step ÷ those that came")
    figures = (
        Figure("conversion", _("came and ordered"), Unit.SHARE, better=1),
        Figure("cart_share", _("came and filled a cart"), Unit.SHARE, better=1),
        Figure("cart_to_order", _("filled a cart and ordered"), Unit.SHARE, better=1),
        Figure("came", _("came"), Unit.COUNT, better=1),
    )
    options = (Option("unit", _("counted in"), UNITS), Option("split", _("split by"), GROUPED))

    def period(self, known_day: int) -> tuple[int, int]:
        return last_days(known_day)

    def count(self, asked: Asked) -> Counted:
        sessions, by = asked.options["unit"] == "sessions", asked.options["split"]
        rows = pd.DataFrame(_combinations(asked, sessions=sessions, by=by))
        if rows.empty:
            return {"steps": [], "groups": [], "waits": {}}
        frame = rows.assign(group=rows["group"].fillna("").astype(str))
        groups = {name: _reached(part) for name, part in frame.groupby("group")} if by != "none" else {}
        largest = sorted(groups.items(), key=lambda item: (-item[1]["visit"], item[0]))[:MOST_GROUPS]
        reached, nested = _reached(frame), _nested(frame)
        bought = frame[(frame["cart"] == 1) & (frame["order"] == 1)]
        return {
            "steps": [{"step": step, "reached": reached[step], "all_before": nested[step]} for step in STEPS],
            "cart_and_order": int(bought["units"].sum()),
            "groups": [{"group": name, **found} for name, found in largest],
            "waits": _waits(asked),
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        steps = {row["step"]: row for row in counted["steps"]}
        if not steps:
            return Result(sentences=[nothing_done()], notes=shop_note(asked))
        reached = {step: steps[step]["reached"] for step in STEPS}
        values = {
            "conversion": ratio(reached["order"], reached["visit"]),
            "cart_share": ratio(reached["cart"], reached["visit"]),
            "cart_to_order": ratio(counted["cart_and_order"], reached["cart"]),
            "came": reached["visit"],
        }
        return Result(
            sentences=[_headline(asked, reached, values), _slowest(counted["waits"])],
            values=values,
            charts=[Funnel(_("From coming to paying"), [LABELS[step] for step in STEPS], [reached[step] for step in STEPS])],
            tables=[_table(steps), *_group_table(asked, counted["groups"]), *_waits_table(counted["waits"])],
            notes=[
                gettext("“With every step before” counts whoever took all the steps above as well."),
                *shop_note(asked),
            ],
        )


# --- counting


def _combinations(asked: Asked, *, sessions: bool, by: str) -> list[dict[str, Any]]:
    """How many units took which steps: one row a combination and group, however many members there are."""
    unit = ("member_id", "session_id") if sessions else ("member_id",)
    events = browsing(asked).exclude(session_id="") if sessions else browsing(asked)
    took = {step: Max(Case(When(kind=kind, then=1), default=0)) for step, kind in _KINDS}
    channel = {"told": Max(KeyTextTransform("channel", "properties"))} if by == "channel" else {}
    begun = {"day": Min("day"), "begun": Min("occurred_at")}
    units = CTE(events.values(*unit).annotate(**took, **channel, **begun), name="units")
    last: Any = Value(1, output_field=IntegerField())
    if sessions:
        latest = [F("begun").desc(), F("session_id").desc()]
        last = Window(RowNumber(), partition_by=[F("member_id"), F("day")], order_by=latest)
    placed = CTE(units.queryset().annotate(place=last), name="placed")
    orders = orders_within(asked).filter(member_id=OuterRef("member_id"))
    if sessions:
        orders = orders.filter(placed_day=OuterRef("day"))
    is_last = Q(place=1)
    told = placed.queryset().annotate(
        order=Case(When(is_last & Exists(orders), then=1), default=0),
        paid=Case(When(is_last & Exists(orders.filter(PAID)), then=1), default=0),
        group=_group(by),
    )
    flagged = CTE(told, name="flagged")
    steps = flagged.queryset().values("view", "search", "cart", "order", "paid", "group")
    return list(with_cte(units, placed, flagged, select=steps.annotate(units=Count("member_id"))))


_KINDS = (("view", EventKind.VIEW), ("search", EventKind.SEARCH), ("cart", EventKind.CART_ADD))


def _group(by: str) -> Any:
    if by == "channel":
        return Coalesce(F("told"), Value(""), output_field=TextField())
    if by == "source":
        return Subquery(Member.objects.filter(pk=OuterRef("member_id")).values("source")[:1])
    return Value("")


def _reached(frame: pd.DataFrame) -> dict[str, int]:
    took = {step: int(frame.loc[frame[step] == 1, "units"].sum()) for step in STEPS[1:]}
    return {"visit": int(frame["units"].sum()), **took}


def _nested(frame: pd.DataFrame) -> dict[str, int]:
    """How many took a step and every step before it."""
    found = {"visit": int(frame["units"].sum())}
    rest = frame
    for step in STEPS[1:]:
        rest = rest[rest[step] == 1]
        found[step] = int(rest["units"].sum())
    return found


def _waits(asked: Asked) -> dict[str, dict[str, int]]:
    """How long members took from their first view to their first cart after it, to their first order after that, to paying.

    Orders whose time of day is not known are left out.
    """
    seen = browsing(asked)
    views = CTE(seen.filter(kind=EventKind.VIEW).values("member_id").annotate(view=Min("occurred_at")), name="views")
    own = {"member_id": OuterRef("member_id")}
    carts = seen.filter(**own, kind=EventKind.CART_ADD, occurred_at__gte=OuterRef("view"))
    orders = orders_within(asked).filter(**own, placed_hour__isnull=False, placed_at__gte=OuterRef("cart"))
    first_cart = Subquery(carts.order_by("occurred_at").values("occurred_at")[:1])
    filled = CTE(views.queryset().annotate(cart=first_cart), name="filled")
    first = orders.order_by("placed_at", "pk")
    ordered = CTE(
        filled.queryset().annotate(
            order=Subquery(first.values("placed_at")[:1]), paid=Subquery(first.values("paid_at")[:1])
        ),
        name="ordered",
    )
    bands = {f"{begins}_{ends}": time_band(begins, ends) for begins, ends in WAITS}
    rows = with_cte(views, filled, ordered, select=ordered.queryset().annotate(**bands))
    table = pd.DataFrame(rows.values(*bands).annotate(members=Count("member_id")))
    if table.empty:
        return {}
    added = {name: table.dropna(subset=[name]).groupby(name)["members"].sum() for name in bands}
    return {name: {str(band): int(count) for band, count in sums.items()} for name, sums in added.items()}


# --- saying


def _headline(asked: Asked, reached: dict[str, int], values: dict[str, Any]) -> str:
    if asked.options["unit"] == "sessions":
        told = gettext("Of %(came)s sessions, %(cart)s filled a cart and %(order)s ended in an order.")
    else:
        told = gettext("Of %(came)s members who came, %(cart)s filled a cart and %(order)s ordered.")
    shown = {"came": words.number(reached["visit"]), "cart": words.percent(values["cart_share"])}
    return told % {**shown, "order": words.percent(values["conversion"])}


def _slowest(waits: dict[str, dict[str, int]]) -> str:
    bands = waits.get("cart_order", {})
    total = sum(bands.values())
    if not total:
        return gettext("How long they take from the cart to the order is not known.")
    within, seen = TIMES[-1][2], 0
    for code, _length, label in TIMES:
        seen += bands.get(code, 0)
        if 2 * seen >= total:
            within = label
            break
    if within is TIMES[-1][2]:
        return gettext("From the first cart to the order, more than half take longer than a week.")
    return gettext("From the first cart to the order, at least half take no longer than %(time)s.") % {"time": within}


def _table(steps: dict[str, Any]) -> Table:
    columns = [
        Column("step", _("step")),
        Column("reached", _("took it"), Unit.COUNT),
        Column("share", _("share of those who came"), Unit.SHARE),
        Column("all_before", _("with every step before"), Unit.COUNT),
        Column("from_before", _("share of the step before"), Unit.SHARE),
    ]
    came = steps["visit"]["reached"]
    rows: list[list[Any]] = []
    for step in STEPS:
        nested = steps[step]["all_before"]
        before = rows[-1][3] if rows else None
        rows.append(
            [LABELS[step], steps[step]["reached"], ratio(steps[step]["reached"], came), nested, ratio(nested, before)]
        )
    return Table("steps", _("By step"), columns, rows)


def _group_table(asked: Asked, groups: list[dict[str, Any]]) -> list[Table]:
    if not groups:
        return []
    label = _("where members come from") if asked.options["split"] == "source" else _("channel")
    columns = [Column("group", label), *(Column(step, LABELS[step], Unit.COUNT) for step in STEPS)]
    columns.append(Column("conversion", _("came and ordered"), Unit.SHARE))
    rows = [
        [found["group"] or None, *(found[step] for step in STEPS), ratio(found["order"], found["visit"])] for found in groups
    ]
    return [Table("groups", _("Split"), columns, rows)]


def _waits_table(waits: dict[str, dict[str, int]]) -> list[Table]:
    if not any(sum(bands.values()) for bands in waits.values()):
        return []
    steps = [f"{begins}_{ends}" for begins, ends in WAITS]
    titles = (_("first view to cart"), _("cart to order"), _("order to payment"))
    columns = [
        Column("band", _("up to")),
        *(Column(step, title, Unit.COUNT) for step, title in zip(steps, titles, strict=True)),
    ]
    rows = [[label, *(waits.get(step, {}).get(code, 0) for step in steps)] for code, _length, label in TIMES]
    return [Table("waits", _("Time between the steps, in members"), columns, rows)]
