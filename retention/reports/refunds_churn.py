"""Refunds and complaints against churn: who had one, for which reason, and who of them was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import with_cte

from members.models import EventKind, Refund, RefundReason
from retention.reports import experience
from retention.reports.base import Asked, Counted, Report, Result
from retention.reports.churn import horizon_option
from retention.reports.experience import EXPERIENCE_DAYS, Base, Contrast
from retention.scoring.shares import Share

TOPICS = 20
SOURCE = _("Interval: Newcombe 1998, method 10. Test: pooled z, or Fisher's exact test where numbers are small.")


class RefundsAndComplaints(Report):
    code = "refunds-complaints"
    group = "service"
    question = _("Do refunds and complaints cost us members?")
    term = _("refund and complaint reasons against churn")
    definition = experience.DEFINITION
    formula = _("difference = share lost of the members with it − share lost of those without")
    source = SOURCE
    figures = experience.FIGURES
    options = (horizon_option(),)

    def count(self, asked: Asked) -> Counted:
        base = experience.first_orders(asked)
        complaints = experience.events_of_experience(asked).filter(kind=EventKind.COMPLAINT)
        flags = {
            "refunded": experience.flag(Exists(_refunds_in_time().filter(order_id=OuterRef("order_id")))),
            "complained": experience.flag(Exists(complaints)),
        }
        return {
            "rows": base.added(by=flags),
            "reasons": _by_reason(base),
            "topics": _by_topic(base, asked),
            "of": experience.asked_about(asked),
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        rows = counted["rows"]
        whole = experience.share_of(rows)
        if not whole.of:
            return Result(sentences=[experience.nobody(asked, of=counted["of"])])
        any_of = [
            Contrast.of(_("a refund"), experience.share_of([row for row in rows if row["refunded"]]), whole),
            Contrast.of(_("a complaint"), experience.share_of([row for row in rows if row["complained"]]), whole),
        ]
        reasons = [Contrast.of(RefundReason(row["name"]).label, _share(row), whole) for row in counted["reasons"]]
        topics = [Contrast.of(row["name"] or gettext("no topic told"), _share(row), whole) for row in counted["topics"]]
        title = _("Lost more often, or less, than members without it")
        return Result(
            sentences=[experience.said_contrast(contrast) for contrast in any_of],
            values={"lost_share": whole.rate, "members": whole.of},
            charts=[experience.contrast_chart(title, [*any_of, *reasons, *topics])],
            tables=[
                experience.contrast_table("any", _("Any refund, any complaint"), _("what happened"), any_of),
                experience.contrast_table("reasons", _("By reason of the refund"), _("reason"), reasons),
                experience.contrast_table("topics", _("By topic of the complaint"), _("topic"), topics),
            ],
            notes=[*experience.notes(members=whole.of, of=counted["of"]), *experience.by_chance(len(reasons) + len(topics))],
        )


def _refunds_in_time() -> QuerySet[Refund, Any]:
    """Refunds given in the two weeks from their order."""
    return Refund.objects.filter(refunded_at__lte=F("order__placed_at") + timedelta(days=EXPERIENCE_DAYS))


def _by_reason(base: Base) -> list[dict[str, Any]]:
    judged = base.judged
    refunds = judged.join(_refunds_in_time(), order_id=judged.col.order_id).annotate(lost=judged.col.lost)
    return _counted(base, refunds.values(name=F("reason")), "order_id")


def _by_topic(base: Base, asked: Asked) -> list[dict[str, Any]]:
    judged = base.judged
    complaints = experience.known_events(asked).filter(kind=EventKind.COMPLAINT)
    joined = judged.join(complaints, member_id=judged.col.member_id).annotate(lost=judged.col.lost, begun=judged.col.day)
    inside = joined.filter(day__gte=F("begun"), day__lte=F("begun") + EXPERIENCE_DAYS)
    return _counted(base, inside.values(name=F("topic")), "member_id")[:TOPICS]


def _counted(base: Base, rows: QuerySet[Any, Any], unit: str) -> list[dict[str, Any]]:
    counts = {"members": Count(unit, distinct=True), "gone": Count(unit, distinct=True, filter=Q(lost=1))}
    found = with_cte(*base.layers, select=rows.annotate(**counts).values("name", *counts))
    return sorted((dict(row) for row in found), key=lambda row: (-row["members"], row["name"]))


def _share(row: dict[str, Any]) -> Share:
    return Share(row["gone"], row["members"])
