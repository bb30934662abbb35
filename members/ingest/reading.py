"""From decoded JSON to structs, or to everything that is wrong with the row, each with its path.

A good batch is one call of compiled code. Only a row that it refuses is looked at key by key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from enum import Enum
from itertools import islice
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import FieldProblem
from members.ingest.result import RejectedRow

Shape = TypeVar("Shape", bound=msgspec.Struct)

MOST_PROBLEMS = 20
"""Problems reported of one row: nobody reads more, and a hostile row must not cost more."""

UNREADABLE = (msgspec.ValidationError, UnicodeError)
"""What the compiled reader raises: the second for half a surrogate pair in a key or a choice."""

EXPECTED = {
    "object": gettext_lazy("an object"),
    "array": gettext_lazy("a list"),
    "str": gettext_lazy("text"),
    "int": gettext_lazy("a whole number"),
    "float": gettext_lazy("a number"),
    "bool": gettext_lazy("true or false"),
    "null": gettext_lazy("null"),
}

SAID = re.compile(r"(?P<what>.*?)(?: - at `\$?(?P<where>[^`]*)`.*)?", re.DOTALL)
WRONG_TYPE = re.compile(r"Expected `(?P<types>[^`]*)`, got `(?P<got>[^`]*)`")
OUT_OF_RANGE = re.compile(r"Expected `(?P<type>[^`]*)` (?P<bound>[<>]=?) (?P<limit>-?\d+)(?:\.0)?")
TOO_LONG = re.compile(r"Expected `(?P<type>[^`]*)` of length <= (?P<limit>\d+)")


def read_items(items: Sequence[object], shape: type[Shape]) -> tuple[list[tuple[int, Shape]], list[RejectedRow]]:
    """This function will return the items that have the shape, by index, and the others with their problems."""
    try:
        return list(enumerate(msgspec.convert(list(items), list[shape]))), []  # type: ignore[valid-type]
    except UNREADABLE:
        return _read_one_by_one(items, shape)


def _read_one_by_one(items: Sequence[object], shape: type[Shape]) -> tuple[list[tuple[int, Shape]], list[RejectedRow]]:
    read: list[tuple[int, Shape]] = []
    rejected = []
    for index, item in enumerate(items):
        try:
            read.append((index, msgspec.convert(item, shape)))
        except UNREADABLE:
            rejected.append(RejectedRow(index, tuple(islice(problems_in(item, shape), MOST_PROBLEMS)) or (_unreadable(),)))
    return read, rejected


def problems_in(value: object, shape: Any, path: str = "") -> Iterator[FieldProblem]:
    """This function will yield what keeps `value` from having the shape: unknown keys, missing keys, wrong values."""
    if not isinstance(value, dict):
        yield FieldProblem(path, "wrong_type", _("This must be %(expected)s.") % {"expected": EXPECTED["object"]})
        return
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    for key in value:
        if key not in fields:
            yield _unknown_key(path, shown(key), [*fields])
    for name, field in fields.items():
        if name in value:
            yield from _problems_of_value(value[name], field.type, _join(path, name))
        elif field.required:
            yield FieldProblem(_join(path, name), "required", _("This is required."))


def _unreadable() -> FieldProblem:
    """A row that the compiled reader refuses and the slow one does not: reported all the same, never taken."""
    return FieldProblem("", "invalid", _("This row cannot be read."))


def suggestion(word: str, allowed: Sequence[str]) -> str:
    """This function will return « Did you mean "x"?» with a leading space, or nothing when no allowed word is near."""
    near = get_close_matches(word.lower(), allowed, n=1)
    return " " + _('Did you mean "%(word)s"?') % {"word": near[0]} if near else ""


def shown(word: object) -> str:
    """This function will make what somebody sent fit to stand in an answer: short, printable, encodable."""
    text = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in str(word)[:61])
    return text if len(text) <= 60 else text[:60] + "…"


def _unknown_key(path: str, key: str, allowed: Sequence[str]) -> FieldProblem:
    return FieldProblem(_join(path, key), "unknown_field", _("This key is not known.") + suggestion(key, allowed))


def _problems_of_value(value: object, wanted: Any, path: str) -> Iterator[FieldProblem]:
    inner, listed = _struct_within(wanted)
    if inner is not None and not listed and isinstance(value, dict):
        yield from problems_in(value, inner, path)
        return
    try:
        msgspec.convert(value, wanted)
    except UNREADABLE as error:
        if inner is not None and listed and isinstance(value, list):
            deeper = [
                problem for place, each in enumerate(value) for problem in problems_in(each, inner, f"{path}[{place}]")
            ]
            if deeper:
                yield from deeper
                return
        if isinstance(error, UnicodeError):
            yield FieldProblem(path, "not_text", _("This is not valid text: half a surrogate pair."))
        else:
            yield _in_our_words(str(error), wanted, path)


def _struct_within(wanted: Any) -> tuple[Any, bool]:
    """The struct that a key holds, and whether it holds a list of them; None for plain values."""
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return wanted, False
    for part in get_args(wanted):
        found, listed = _struct_within(part)
        if found is not None:
            return found, listed or get_origin(wanted) is list
    return None, False


def _choices_within(wanted: Any) -> list[str]:
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return [str(choice.value) for choice in wanted]
    return [choice for part in get_args(wanted) for choice in _choices_within(part)]


def _in_our_words(said: str, wanted: Any, path: str) -> FieldProblem:
    match = SAID.fullmatch(said)
    what, where = (match["what"], match["where"] or "") if match else (said, "")
    path += where.replace("[...]", "")
    choices = _choices_within(wanted)
    if choices and what.startswith("Invalid enum value"):
        found = what.removeprefix("Invalid enum value ").strip("'")
        message = _("This must be one of %(choices)s.") % {"choices": ", ".join(choices)} + suggestion(found, choices)
        return FieldProblem(path, "unknown_choice", message)
    if match := OUT_OF_RANGE.fullmatch(what):
        sentence = {
            ">=": _("This must be at least %(limit)s."),
            ">": _("This must be more than %(limit)s."),
            "<=": _("This must be at most %(limit)s."),
            "<": _("This must be less than %(limit)s."),
        }[match["bound"]]
        return FieldProblem(path, "out_of_range", sentence % {"limit": match["limit"]})
    if match := TOO_LONG.fullmatch(what):
        return FieldProblem(path, "too_long", _("At most %(limit)s entries are taken.") % {"limit": match["limit"]})
    if match := WRONG_TYPE.fullmatch(what):
        return FieldProblem(path, "wrong_type", _("This must be %(expected)s.") % {"expected": _expected(match["types"])})
    return FieldProblem(path, "invalid", what)


def _expected(types: str) -> str:
    return _(" or ").join(str(EXPECTED.get(name, name)) for name in types.split(" | "))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
