"""What the member pages show of what we infer: stage, facts, scores, segments; columns and filters of the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from core.admin.display import badge, bar, change_url, day, list_url, money, number, share, unknown
from core.admin.panels import (
    Column,
    Filter,
    HeadBadge,
    Panel,
    head_badges,
    member_columns,
    member_filters,
    member_panels,
)
from members.models import Member
from retention.admin.marks import LAYERS, RISKS, STAGES, risk_of_scores
from retention.admin.sources import segments as segments_by_name
from retention.fields import CHURN_REASON, GROUP_LABELS, SCORE_FIELDS, STAGE_LABELS
from retention.models import Reason
from retention.scoring.parameters import Rank
from retention.selectors import facts_rows, scores_rows, state
from retention.selectors.evidence import evidence_for
from retention.selectors.overview import can_list_by_reason, members_at, members_in, segments_of
from retention.selectors.risk import Risk, risk_of

READ = frozenset(field.name for field in SCORE_FIELDS) - {CHURN_REASON}
"""Scores that a member's page reads: why the member leaves is told with its evidence, by a panel of its own."""
LIKELY, EVEN = 0.7, 0.4
"""From which chance on leaving is shown red, and amber: colours of a bar, no decision rests on them."""

# --- the page


def scores_of(member: Member) -> Mapping[str, Any]:
    """This function will return the member's scores, read once for all that the page says of them."""
    known: dict[str, Mapping[str, Any]] = vars(member).setdefault("sections", {})
    if "scores" not in known:
        known["scores"] = scores_rows([member.pk], only=READ)[member.pk]
    return known["scores"]


def standing(request: HttpRequest, member: Member) -> dict[str, Any]:
    """This function will say how a member stands: the habit in a sentence, then facts and scores."""
    facts = facts_rows([member.pk])[member.pk]
    scores = scores_of(member)
    return {
        "stage": badge(STAGES[scores["lifecycle_stage"]]),
        "habit": habit(facts, scores),
        "rows": [
            (_("orders"), number(facts["order_count"])),
            (_("spent in all"), money(facts["revenue_minor"])),
            (_("spent in 90 days"), money(facts["revenue_minor_90d"])),
            (_("average order"), money(facts["average_order_minor"])),
            (_("first order"), _day(facts["first_order_at"])),
            (_("last order"), _day(facts["last_order_at"])),
            (_("orders refunded"), share(facts["refund_rate"])),
            (_("orders with a coupon"), share(facts["coupon_share"])),
        ],
        "rfm": rfm(scores),
        "as_of": state().as_of,
    }


def outlook(request: HttpRequest, member: Member) -> dict[str, Any]:
    """This function will say how likely the member is to stay away, why, and what is expected of them."""
    risk = risk_of(member.pk)
    scores = scores_of(member)
    layer = scores["value_layer"]
    return {
        "headline": "" if risk is None else _risk_words(risk),
        "mark": "" if risk is None else badge(RISKS[risk.rank]),
        "factors": () if risk is None else risk.factors,
        "rows": [
            (_("expected orders in 90 days"), _expected(scores["expected_orders_90d"])),
            (_("expected revenue in 365 days"), money(scores["clv_365d_minor"])),
            (pgettext("what a member is worth", "value"), unknown() if layer is None else badge(LAYERS[layer])),
        ],
    }


def _risk_words(risk: Risk) -> str:
    """A percentage only where the last test bore it out."""
    days = {"days": risk.horizon_days}
    if risk.calibrated:
        words = gettext("%(share)s likely not to order within %(days)s days.")
        return words % {"share": share(risk.probability), **days}
    return {
        Rank.HIGH: gettext("Among the fifth of members most likely not to order within %(days)s days."),
        Rank.MIDDLE: gettext("More likely than most not to order within %(days)s days, but not among the first fifth."),
        Rank.LOW: gettext("Among the half of members least likely to stay away for %(days)s days."),
    }[risk.rank] % days


def _expected(orders: float | None) -> str:
    return unknown() if orders is None else f"{orders:.1f}"


def habit(facts: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """This function will say a member's rhythm as a person would: buys about every 24 days, last order 61 days ago."""
    since = scores["days_since_last_order"]
    if since is None:
        return gettext("Has not ordered yet.")
    last = ngettext("last order %(count)d day ago", "last order %(count)d days ago", since) % {"count": since}
    if since == 0:
        last = gettext("last order today")
    if scores["mean_gap_days"] is None:
        return gettext("Has ordered on one day only, %(last)s.") % {"last": last}
    usual = round(scores["mean_gap_days"])
    if usual < 1:
        return gettext("Buys about every day, %(last)s.") % {"last": last}
    rhythm = ngettext("Buys about every %(days)d day", "Buys about every %(days)d days", usual) % {"days": usual}
    return gettext("%(rhythm)s, %(last)s.") % {"rhythm": rhythm, "last": last}


def rfm(scores: Mapping[str, Any]) -> str:
    if scores["r_score"] is None:
        return ""
    group = GROUP_LABELS.get(scores["rfm_group"], scores["rfm_group"])
    places = {"r": scores["r_score"], "f": scores["f_score"], "m": scores["m_score"], "group": group}
    return gettext("R %(r)s · F %(f)s · M %(m)s of 5: %(group)s") % places


def _last_order(facts: Mapping[str, Any]) -> object:
    """Who has not ordered has no last order; that is known, so it is not «not known»."""
    return _day(facts["last_order_at"]) if facts["order_count"] else gettext("never")


def _day(iso: str | None) -> object:
    return unknown() if iso is None else day(date.fromisoformat(iso))


def segments(request: HttpRequest, member: Member) -> dict[str, Any]:
    rows = [(each, change_url("retention_segment", each.segment_id)) for each in segments_of(member.pk)]
    return {"rows": rows}


member_panels.register(
    Panel("standing", _("How they stand"), 5, "retention/admin/panels/standing.html", "retention.view_memberfacts", standing)
)

member_panels.register(
    Panel(
        "outlook", _("Will they come back?"), 6, "retention/admin/panels/outlook.html", "retention.view_memberfacts", outlook
    )
)


def why(request: HttpRequest, member: Member) -> dict[str, Any]:
    """Which segment, is chosen on the page; the answer is fetched beside it."""
    return {"member": member, "segments": segments_by_name(), "url": reverse("admin:retention_why")}


member_panels.register(
    Panel("why", _("Why (not) in a segment?"), 42, "retention/admin/panels/why.html", "retention.view_segment", why)
)
member_panels.register(
    Panel("segments", _("Segments"), 40, "retention/admin/panels/segments.html", "retention.view_segment", segments)
)


def why_leaving(request: HttpRequest, member: Member) -> dict[str, Any]:
    """This function will say why a member leaves, and what tells it."""
    return {"evidence": evidence_for(member_id=member.pk), "list_url": list_url("retention_churnreason")}


member_panels.register(
    Panel(
        "leaving", _("Why they leave"), 7, "retention/admin/panels/leaving.html", "retention.view_churnreason", why_leaving
    )
)


# --- the head of the page


def stage(request: HttpRequest, member: Member) -> SafeString:
    return badge(STAGES[scores_of(member)["lifecycle_stage"]])


def leaving(request: HttpRequest, member: Member) -> SafeString | None:
    """This function will draw how likely the member does not order again in time; nothing while no model says so."""
    scores = scores_of(member)
    chance = scores["churn_probability"]
    if chance is None:
        return None
    if not scores["churn_calibrated"]:
        return SafeString(risk_of_scores(scores))
    colour = "red" if chance >= LIKELY else "amber" if chance >= EVEN else "green"
    said = gettext("leaves with %(chance)s") % {"chance": share(chance)}
    return format_html('<span class="rk-leaving">{}{}</span>', bar([(colour, chance)], title=said), said)


for head in (
    HeadBadge("stage", 10, "retention.view_memberfacts", stage),
    HeadBadge("leaving", 30, "retention.view_memberfacts", leaving),
):
    head_badges.register(head)

# --- columns of the list

for column in (
    Column("stage", _("stage"), "scores", lambda known: badge(STAGES[known["lifecycle_stage"]]), reads=["lifecycle_stage"]),
    Column("risk", _("churn probability"), "scores", lambda known: risk_of_scores(known), reads=["churn_probability"]),
    Column("last_order", _("last order"), "facts", lambda known: _last_order(known), reads=["last_order_at", "order_count"]),
    Column("orders", _("orders"), "facts", lambda known: number(known["order_count"]), reads=["order_count"]),
    Column("spent", _("spent"), "facts", lambda known: money(known["revenue_minor"]), reads=["revenue_minor"]),
):
    member_columns.register(column)

# --- filters of the list


def _at_stage(value: str) -> QuerySet[Any, Any] | None:
    return members_at(lifecycle_stage=value) if value in STAGE_LABELS else None


def _of_reason(value: str) -> QuerySet[Any, Any] | None:
    return members_at(churn_reason=value) if value in Reason.values else None


def _reasons_offered(request: HttpRequest) -> list[tuple[str, Any]]:
    return list(Reason.choices) if can_list_by_reason() else []


def _in_group(value: str) -> QuerySet[Any, Any] | None:
    return members_at(rfm_group=value) if value in GROUP_LABELS else None


def _in_segment(value: str) -> QuerySet[Any, Any] | None:
    return members_in(value)


def _in_cell(value: str) -> QuerySet[Any, Any] | None:
    """One comes here from a cell of the RFM grid: «4-5» is R 4, F 5."""
    recency, _dash, frequency = value.partition("-")
    if not (recency in set("12345") and frequency in set("12345")):
        return None
    return members_at(r_score=int(recency), f_score=int(frequency))


def _chosen_cell(request: HttpRequest) -> list[tuple[str, str]]:
    chosen = request.GET.get("cell", "")
    recency, _dash, frequency = chosen.partition("-")
    return [(chosen, f"R {recency} · F {frequency}")] if chosen else []


def _equals(field: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda value: {"field": field, "operator": "=", "value": value}


def _cell_rule(value: str) -> Mapping[str, Any]:
    recency, _dash, frequency = value.partition("-")
    scores = {"r_score": recency, "f_score": frequency}
    return {
        "combinator": "and",
        "rules": [{"field": name, "operator": "=", "value": int(score)} for name, score in scores.items()],
    }


for registered in (
    Filter("stage", _("stage"), lambda request: list(STAGE_LABELS.items()), _at_stage, _equals("lifecycle_stage")),
    Filter("reason", _("churn reason"), _reasons_offered, _of_reason, _equals("churn_reason")),
    Filter("rfm_group", _("RFM group"), lambda request: list(GROUP_LABELS.items()), _in_group, _equals("rfm_group")),
    Filter("segment", _("segment"), lambda request: segments_by_name(), _in_segment, lambda slug: {"in_segment": slug}),
    Filter("cell", _("RFM cell"), _chosen_cell, _in_cell, _cell_rule),
):  # fmt: skip
    member_filters.register(registered)
