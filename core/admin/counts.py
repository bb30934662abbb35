"""What a scheduled work did, in words. Works count under names of their own; one without words keeps its name."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

WORDS: Mapping[str, str | Promise] = {
    "due": pgettext_lazy("of work", "due"),
    "facts_written": _("members counted anew"),
    "marks": _("members marked"),
    "entered": _("entered segments"),
    "left": _("left segments"),
    "segments": _("segments counted"),
    "segments_failed": _("segments that failed"),
    "published": _("models put to use"),
    "fired": _("fired"),
    "held_out": _("held out"),
    "suppressed": _("suppressed"),
    "failed": _("failed"),
    "waiting": _("waiting"),
    "sent": _("sent"),
    "unknown": _("nobody knows"),
    "queued": _("to be tried again"),
    "queued_again": _("to be tried again"),
    "expired": _("expired"),
    "forgotten": _("forgotten"),
    "settled": _("merges finished"),
    "asked": pgettext_lazy("of work", "asked for"),
    "proved": _("members proved"),
    "differing": _("differences found"),
    "released": _("points made available"),
    "cleaned": _("imports cleaned up"),
    "strays": _("stray files removed"),
    "values": _("values collected"),
    "done": _("done"),
}


def counts_in_words(counts: Mapping[str, int]) -> list[str]:
    """This function will say what was counted, zeros left out: nothing done is an empty list."""
    return [f"{WORDS.get(name, name.replace('_', ' '))} {count:,}" for name, count in counts.items() if count]
