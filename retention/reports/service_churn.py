"""How fast the service answers, against churn."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, CharField, Exists, F, Max, Q, Subquery, Value, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE

from members.models import EventKind
from retention.reports import experience
from retention.reports.base import Asked, Counted, Figure, Report, Result
from retention.reports.churn import horizon_option
from retention.reports.experience import FIGURES, Contrast, share_of
from retention.reports.refunds_churn import SOURCE
from retention.reports.words import Unit

BANDS: tuple[tuple[str, float | None, Any], ...] = (
    ("1m", 60, _("answered within 1 minute")),
    ("5m", 300, _("answered within 5 minutes")),
    ("30m", 1800, _("answered within 30 minutes")),
    ("2h", 7200, _("answered within 2 hours")),
    ("later", None, _("answered later")),
    ("unknown", None, _("how fast is not known")),
)
NOT_ASKED = "not_asked"
SLOW = ("30m", "2h", "later")
FAST = ("1m", "5m")


class ServiceSpeed(Report):
    code = "service-speed"
    group = "service"
    question = _("Do slow answers and complaints cost us members?")
    term = _("speed of service against churn")
    definition = experience.DEFINITION
    formula = _("a member's speed = the slowest answer in the two weeks; share lost of each band, with its interval")
    source = SOURCE
    figures = (*FIGURES, Figure("slow_share", _("slowest answer after more than 5 minutes"), Unit.SHARE, better=-1))
    options = (horizon_option(),)

    def count(self, asked: Asked) -> Counted:
        base = experience.first_orders(asked)
        contacts = experience.events_of_experience(asked).filter(kind__in=(EventKind.SERVICE, EventKind.COMPLAINT))
        slowest = contacts.values("member_id").annotate(seconds=Max("response_seconds")).values("seconds")
        asked_service = experience.flag(Exists(contacts))
        told = CTE(
            base.rows.annotate(
                seconds=Subquery(slowest),
                contacted=asked_service,
                complained=experience.flag(Exists(contacts.filter(kind=EventKind.COMPLAINT))),
            ),
            name="told",
        )
        rows = base.with_layer(told).added(by={"band": _band(), "complained": F("complained")})
        return {"rows": rows, "of": experience.asked_about(asked)}

    def show(self, asked: Asked, counted: Counted) -> Result:
        rows = counted["rows"]
        whole = share_of(rows)
        if not whole.of:
            return Result(sentences=[experience.nobody(asked, of=counted["of"])])
        contacted = share_of([row for row in rows if row["band"] != NOT_ASKED])
        slow = share_of([row for row in rows if row["band"] in SLOW])
        fast = share_of([row for row in rows if row["band"] in FAST])
        values = {
            "lost_share": whole.rate,
            "members": whole.of,
            "slow_share": slow.of / (slow.of + fast.of) if slow.of + fast.of else None,
        }
        notes = experience.notes(members=whole.of, of=counted["of"])
        if not contacted.of:
            said = gettext(
                "Nobody asked the service or complained in the two weeks after their order, as far as events tell."
            )
            return Result(sentences=[said], values=values, notes=notes)
        contrasts = [
            Contrast(_("a slow answer (after 5 minutes)"), slow, fast),
            Contrast.of(_("a question to the service"), contacted, whole),
            Contrast.of(_("a complaint"), share_of([row for row in rows if row["complained"]]), whole),
        ]
        bands = [(label, share_of([row for row in rows if row["band"] == code])) for code, _most, label in BANDS]
        bands.append((_("did not ask"), share_of([row for row in rows if row["band"] == NOT_ASKED])))
        return Result(
            sentences=[experience.said_contrast(contrasts[0]), experience.said_contrast(contrasts[2])],
            values=values,
            charts=[experience.rates_chart(_("Share lost, by the slowest answer"), bands)],
            tables=[
                experience.rates_table("bands", _("By the slowest answer"), _("the service"), bands),
                experience.contrast_table("differences", _("With and without"), _("what happened"), contrasts),
            ],
            notes=notes,
        )


def _band() -> Case:
    whens = [When(seconds__lte=most, then=Value(code)) for code, most, _label in BANDS if most is not None]
    return Case(
        When(contacted=0, then=Value(NOT_ASKED)),
        When(Q(seconds__isnull=True), then=Value("unknown")),
        *whens,
        default=Value("later"),
        output_field=CharField(),
    )
