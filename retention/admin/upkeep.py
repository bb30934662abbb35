"""How fresh segments must be, how they are proved; and what the nights' proofs found."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import OneRowAdmin, ReadOnlyAdmin
from core.admin.display import Mark, badge, number, when
from retention.models import MemberFacts, SampleProof, Upkeep

RIGHT = Mark(_("all right"), "green", "verified")
MENDED = Mark(_("put right"), "amber", "build")
WRONG = Mark(_("wrong"), "red", "error")


@admin.register(Upkeep)
class UpkeepAdmin(OneRowAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("stale_days", "proved_members"),
                "description": _(
                    "Segments follow every change within a minute and are counted through every night. Should that fail for "
                    "days, nobody is to get a message on account of old numbers."
                ),
            },
        ),
    )


@admin.register(SampleProof)
class SampleProofAdmin(ReadOnlyAdmin):
    empty_says = _("Every night members drawn at random are counted from the beginning and compared with what is stored.")
    list_display = ("proved", "outcome", "sampled", "known_as_of", "took")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("proved", "outcome", "sampled", "found", "known_as_of", "took")
    readonly_fields = fields

    @display(description=_("proved at"))
    def proved(self, proof: SampleProof) -> SafeString:
        return when(proof.proved_at)

    @display(description=_("outcome"))
    def outcome(self, proof: SampleProof) -> SafeString:
        if not proof.findings:
            return badge(RIGHT)
        return badge(WRONG if proof.repaired_at is None else MENDED)

    @display(description=_("members"))
    def sampled(self, proof: SampleProof) -> str:
        return number(proof.members)

    @display(description=_("as of"))
    def known_as_of(self, proof: SampleProof) -> SafeString:
        return when(proof.as_of)

    @display(description=_("took"))
    def took(self, proof: SampleProof) -> str:
        return gettext("%(seconds)s s") % {"seconds": f"{proof.seconds:.2f}"}

    @display(description=_("found"))
    def found(self, proof: SampleProof) -> SafeString | str:
        if not proof.findings:
            return gettext("Nothing: all stored numbers are what a fresh count gives.")
        return format_html_join("", "<p>{}</p>", ((_told(finding),) for finding in proof.findings))


def _told(finding: dict[str, Any]) -> str:
    if finding["kind"] == "facts":
        words = gettext("%(column)s was %(stored)s instead of %(counted)s")
        columns = [
            words % {"column": _label(name), "stored": gettext("missing") if was is None else was, "counted": now}
            for name, was, now in finding["columns"]
        ]
        return gettext("Member %(member)s: %(differences)s") % {
            "member": finding["member"],
            "differences": ", ".join(columns),
        }
    words = ngettext(
        "Segment “%(name)s”: %(count)d member stood wrong (%(members)s)",
        "Segment “%(name)s”: %(count)d members stood wrong (%(members)s)",
        finding["count"],
    )
    return words % {"name": finding["name"], "count": finding["count"], "members": ", ".join(finding["members"])}


def _label(column: str) -> str:
    """A column that a later release took away keeps its name."""
    known = {field.name: field.verbose_name for field in MemberFacts._meta.concrete_fields}
    return str(known.get(column, column))
