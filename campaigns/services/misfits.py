"""What the reader of documents finds wrong, in words: where it says «Expected `str` of length >= 1», a text is missing."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LIMIT = re.compile(r"^Expected `(?P<type>\w+)` (?P<length>of length )?(?P<side>>=|<=) (?P<limit>[\d.]+)$")
TYPE = re.compile(r"^Expected `(?P<type>[\w| ]+)`, got `(?P<given>\w+)`$")
INSTANT = re.compile(r"^(Invalid RFC3339 encoded datetime|Expected `datetime)")
TYPES = {"int": _("a whole number"), "float": _("a number"), "bool": _("yes or no"), "str": _("text")}


def misfit(error: Exception | str) -> str | Promise:
    """This function will say what does not fit; what it has no words for keeps the reader's own."""
    text = str(error)
    if found := LIMIT.match(text):
        return _limit(found)
    if INSTANT.match(text):
        return _("Give a time such as 2026-01-31T18:00:00+08:00, or a date.")
    found = TYPE.match(text)
    if found and (wanted := TYPES.get(found["type"].removesuffix(" | null"))):
        return _("This must be %(wanted)s.") % {"wanted": wanted}
    return _("This does not fit: %(error)s") % {"error": text}


def _limit(found: re.Match[str]) -> str | Promise:
    limit = {"limit": found["limit"]}
    least = found["side"] == ">="
    if not found["length"]:
        return (_("This must be at least %(limit)s.") if least else _("This must be at most %(limit)s.")) % limit
    if least and found["limit"] == "1":
        return _("This is missing.")
    if found["type"] == "str":
        return (_("At least %(limit)s characters.") if least else _("At most %(limit)s characters.")) % limit
    return (_("At least %(limit)s are needed.") if least else _("At most %(limit)s fit.")) % limit
