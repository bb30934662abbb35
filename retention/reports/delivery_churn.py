"""How long deliveries take, against churn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Case, CharField, Count, F, Q, Value, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import with_cte

from members.models import Order
from retention.reports import experience
from retention.reports.base import Asked, Counted, Figure, Report, Result
from retention.reports.churn import horizon_option
from retention.reports.experience import FIGURES, Contrast, share_of
from retention.reports.refunds_churn import SOURCE
from retention.reports.words import Unit

SENT: tuple[tuple[str, int | None, Any], ...] = (
    ("1", 1, _("within 1 day")),
    ("2", 2, _("within 2 days")),
    ("3", 3, _("within 3 days")),
    ("later", None, _("later")),
    ("unknown", None, _("not known")),
)
DELIVERED: tuple[tuple[str, int | None, Any], ...] = (
    ("2", 2, _("within 2 days")),
    ("4", 4, _("within 4 days")),
    ("7", 7, _("within 7 days")),
    ("10", 10, _("within 10 days")),
    ("later", None, _("later")),
    ("unknown", None, _("not known")),
)
LATE_DELIVERY = ("10", "later")
LATE_SENDING = ("3", "later")


class DeliveryDelay(Report):
    code = "delivery"
    group = "service"
    question = _("Do late deliveries cost us members?")
    term = _("delivery delay against churn")
    definition = experience.DEFINITION
    formula = _("delivery time = from placing the order to its delivery; sending time = from placing it to its being sent")
    source = SOURCE
    figures = (
        *FIGURES,
        Figure("late_share", _("delivered after more than 7 days"), Unit.SHARE, better=-1),
        Figure("late_sent_share", _("sent after more than 2 days"), Unit.SHARE, better=-1),
    )
    options = (horizon_option(),)

    def count(self, asked: Asked) -> Counted:
        base = experience.first_orders(asked)
        orders = base.judged.join(Order.objects.all(), pk=base.judged.col.order_id).annotate(lost=base.judged.col.lost)
        bands = {"sent": _band("shipped_at", SENT), "delivered": _band("delivered_at", DELIVERED)}
        counts = {"members": Count("pk"), "gone": Count("pk", filter=Q(lost=1))}
        rows = with_cte(*base.layers, select=orders.values(**bands).annotate(**counts).values(*bands, *counts))
        return {"rows": [dict(row) for row in rows], "of": experience.asked_about(asked)}

    def show(self, asked: Asked, counted: Counted) -> Result:
        rows = counted["rows"]
        whole = share_of(rows)
        if not whole.of:
            return Result(sentences=[experience.nobody(asked, of=counted["of"])])
        late, in_time = _split(rows, "delivered", LATE_DELIVERY)
        late_sent, sent_in_time = _split(rows, "sent", LATE_SENDING)
        values = {
            "lost_share": whole.rate,
            "members": whole.of,
            "late_share": late.of / (late.of + in_time.of) if late.of + in_time.of else None,
            "late_sent_share": late_sent.of / (late_sent.of + sent_in_time.of) if late_sent.of + sent_in_time.of else None,
        }
        notes = experience.notes(members=whole.of, of=counted["of"])
        if values["late_share"] is None and values["late_sent_share"] is None:
            said = gettext(
                "When orders were sent and delivered is not known: import orders with these times, and this page answers."
            )
            return Result(sentences=[said], values=values, notes=notes)
        contrasts = [
            Contrast(_("a late delivery (after 7 days)"), late, in_time),
            Contrast(_("late sending (after 2 days)"), late_sent, sent_in_time),
        ]
        delivered = [(label, _share(rows, "delivered", code)) for code, _most, label in DELIVERED]
        sent = [(label, _share(rows, "sent", code)) for code, _most, label in SENT]
        return Result(
            sentences=[experience.said_contrast(contrast) for contrast in contrasts],
            values=values,
            charts=[experience.rates_chart(_("Share lost, by time until delivery"), delivered)],
            tables=[
                experience.rates_table("delivered", _("By time until delivery"), _("delivered"), delivered),
                experience.rates_table("sent", _("By time until sending"), _("sent"), sent),
                experience.contrast_table("differences", _("Late against in time"), _("what happened"), contrasts),
            ],
            notes=notes,
        )


def _band(moment: str, bands: tuple[tuple[str, int | None, Any], ...]) -> Case:
    whens = [
        When(**{f"{moment}__lte": F("placed_at") + timedelta(days=most)}, then=Value(code))
        for code, most, _label in bands
        if most is not None
    ]
    unknown = When(**{f"{moment}__isnull": True}, then=Value("unknown"))
    return Case(unknown, *whens, default=Value("later"), output_field=CharField())


def _split(rows: list[dict[str, Any]], name: str, late: tuple[str, ...]) -> tuple[Any, Any]:
    known = [row for row in rows if row[name] != "unknown"]
    return share_of([row for row in known if row[name] in late]), share_of([row for row in known if row[name] not in late])


def _share(rows: list[dict[str, Any]], name: str, code: str) -> Any:
    return share_of([row for row in rows if row[name] == code])
