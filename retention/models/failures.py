"""Why a segment cannot be counted: kept as a code and its parameters, said in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import told
from rules.errors import RuleErrors
from rules.messages import Message

Failure = dict[str, Any]
"""{"code": ..., "params": {...}}, as JSON keeps it."""

SENTENCES = {
    "database": _("The database could not answer its rule (%(said)s)."),
    "too_slow": _("Its rule took longer than %(seconds)s seconds for %(members)s members."),
    "died": _("The work on it broke off %(times)s times."),
    "defect": _("Its rule could not be counted (%(said)s)."),
    "said": "%(said)s",
}


def failure(code: str, **params: object) -> Failure:
    return {"code": code, "params": params}


def failure_of(error: Exception) -> Failure:
    """This function will keep an error: of a rule every problem with its place, of others their kind alone."""
    if isinstance(error, RuleErrors):
        problems = [{"path": each.path, **_kept(each.message)} for each in error.errors]
        return failure("rule", problems=problems)
    return failure("database" if isinstance(error, DatabaseError) else "defect", said=told(error))


def failure_sentence(kept: Mapping[str, Any] | None) -> str:
    """This function will say a failure in the active language; nothing for none."""
    if not kept:
        return ""
    if kept["code"] == "rule":
        return "; ".join(_problem(each) for each in kept["params"]["problems"])
    return str(SENTENCES.get(kept["code"], SENTENCES["defect"])) % {"said": "", **kept["params"]}


def _problem(kept: Mapping[str, Any]) -> str:
    said = _said(kept)
    return f"{kept['path']}: {said}" if kept["path"] else said


def _kept(value: object) -> Any:
    """A text that is translated is kept by its English, which is what the catalogues know it by."""
    if isinstance(value, Message):
        return {"msgid": value.msgid, "params": {name: _kept(each) for name, each in value.params.items()}}
    if isinstance(value, Promise):
        with translation.override("en"):
            return {"msgid": str(value), "params": {}}
    return value if isinstance(value, bool | int | float) else str(value)


def _said(kept: Any) -> Any:
    if not isinstance(kept, Mapping):
        return kept
    params = {name: _said(value) for name, value in kept["params"].items()}
    return gettext(kept["msgid"]) % params if params else gettext(kept["msgid"])
