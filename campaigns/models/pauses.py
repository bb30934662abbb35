"""Why a campaign paused: kept as a code and its parameters, said in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from retention.models.failures import Failure, failure_sentence

Because = dict[str, Any]
"""{"code": ..., "params": {...}}, as JSON keeps it."""

SENTENCES = {
    "trigger_unknown": _("Its trigger is of a kind this version does not know: “%(kind)s”."),
    "step_unknown": _("One of its steps is of a kind this version does not know."),
    "rule_unreadable": _("Its rule cannot be read any more: %(failure)s"),
    "segment_gone": _("The segment “%(slug)s” no longer exists."),
    "segment_failed": _("The segment “%(name)s” could not be counted: see its page."),
    "segment_stale": _("The segment “%(name)s” was last counted more than %(days)d days ago."),
}
LONGEST_SAID = 500


def because(code: str, **params: object) -> Because:
    return {"code": code, "params": params}


def because_unreadable(failure: Failure) -> Because:
    return because("rule_unreadable", failure=failure)


def because_said(text: str) -> Because:
    """This function will keep a person's own words."""
    return because("said", said=text[:LONGEST_SAID])


def because_of(code: str, say: Callable[[], str]) -> Because:
    """This function will keep a sentence that somebody else makes up, as it is in each of our languages."""
    said = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            said[language] = say()[:LONGEST_SAID]
    return because(code, said=said)


def pause_sentence(kept: Mapping[str, Any] | None) -> str:
    """This function will say why, in the active language; nothing for nothing."""
    if not kept:
        return ""
    params = kept["params"]
    if kept["code"] in SENTENCES:
        told = {**params, "failure": failure_sentence(params.get("failure"))}
        return str(SENTENCES[kept["code"]]) % told
    said = params.get("said", "")
    if isinstance(said, Mapping):
        return str(said.get(translation.get_language() or "", next(iter(said.values()), "")))
    return str(said)
