"""What the measures of data quality are called on screen."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.display import Mark
from members.models import Channel
from members.services.quality_fields import FIELDS
from members.services.quality_measures import KINDS, NO_ADDRESS, NOTHING, REACHABLE, UNASKED, UNSUBSCRIBED

Text = str | Promise

REACH: Mapping[str, Mark] = {
    REACHABLE: Mark(_("can be reached"), "green", "check_circle"),
    UNASKED: Mark(_("address known, never asked"), "amber", "help"),
    UNSUBSCRIBED: Mark(_("said no, or unsubscribed"), "red", "block"),
    NO_ADDRESS: Mark(_("said yes, address missing"), "violet", "contact_support"),
    NOTHING: Mark(_("no address, never asked"), "grey", "remove_circle"),
}
SUBJECTS: Mapping[str, Text] = {
    "members": _("Members"),
    "orders": _("Orders"),
    "products": _("Products"),
    "events": _("Events"),
}
VALUES: Mapping[str, Text] = {
    "text": _("text"),
    "number": _("numbers"),
    "boolean": _("yes or no"),
    "date": _("dates"),
    "other": _("lists and others"),
}
"""What values of attributes are."""


def told(code: str) -> str:
    """This function will say a measure as the chosen filter of a list: phone: missing."""
    subject, rest = code.split(".", 1)
    if subject == "reach":
        channel, _dot, place = rest.partition(".")
        return f"{Channel(channel).label}: {REACH[place].word}"
    field, _dot, kind = rest.rpartition(".")
    name = field.removeprefix("attributes.")
    label = FIELDS.get(subject, {}).get(field, name)
    return gettext("%(field)s: %(kind)s") % {"field": label, "kind": KINDS.get(kind, kind)}
