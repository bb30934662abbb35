"""The step in which a person says what the columns are: unsure ones on top, the rest as guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import FieldProblem, Text
from members.ingest.connectors.tables import TableFile
from members.ingest.uploads import Proposal, propose
from members.models import ColumnMapping, DateOrder, EventKind, Import, ImportTarget, OrderStatus
from members.services.mappings import ATTRIBUTE, FREELY_NAMED, KEYS, key_of

NOT_READ = ""
OWN = "own"
"""The choice «an attribute of its own»: the key is then named after the column."""

CONSTANTS: Mapping[str, tuple[str, ...]] = {
    "orders": ("status", "currency", "channel", "payment_method"),
    "members": ("source", "consent_sms", "consent_email"),
    "events": ("kind",),
}
CHOICES: Mapping[str, Sequence[tuple[str, Text]]] = {
    "status": OrderStatus.choices,
    "kind": EventKind.choices,
    "consent_sms": (("yes", _("yes")), ("no", _("no"))),
    "consent_email": (("yes", _("yes")), ("no", _("no"))),
}
SURE = 0.8


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file on screen: where in the header, what it is called, what stands in it, what it is taken for."""

    place: int
    name: str
    sample: Sequence[str]
    chosen: str
    sure: bool
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Constant:
    key: str
    label: Text
    value: str
    choices: Sequence[tuple[str, Text]]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says."""

    target: str
    reading: dict[str, Any]
    save_as: str


def choices(target: str) -> list[tuple[str, Text]]:
    """This function will list what a column can be."""
    own = {"members": _("an attribute of its own"), "events": _("a property of its own")}
    listed: list[tuple[str, Text]] = [(key, meaning.label) for key, meaning in KEYS[target].items()]
    return [(NOT_READ, _("not read")), *listed, *([(OWN, own[target])] if target in own else [])]


def chosen_target(request: HttpRequest, found: Import) -> str:
    asked = request.POST.get("target") or request.GET.get("target") or ""
    return asked if asked in ImportTarget.values else found.target


def proposal(request: HttpRequest, found: Import, table: TableFile, target: str) -> Proposal:
    """This function will return what was chosen before, the mapping that was asked for, or the best guess."""
    name = request.GET.get("mapping", "")
    saved = ColumnMapping.objects.filter(name=name).first() if name else None
    if saved is None and found.reading.get("columns") and found.target == target:
        return _kept(found, table, target)
    return propose(table, target=saved.target if saved else target, mapping=saved)


def _kept(found: Import, table: TableFile, target: str) -> Proposal:
    reading = found.reading
    mapping = ColumnMapping(
        name=str(reading.get("mapping", "")),
        target=target,
        columns=reading["columns"],
        constants=reading.get("constants", {}),
        dates=reading.get("dates", DateOrder.YEAR_FIRST),
    )
    proposed = propose(table, target=target, mapping=mapping)
    return Proposal(
        proposed.target,
        proposed.guesses,
        proposed.constants,
        proposed.dates,
        shop=str(reading.get("shop", "")),
        mapping=mapping.name,
    )


def asked(posted: QueryDict, table: TableFile, target: str) -> Asked:
    """This function will read the form: columns by their place in the header, since names may hold anything."""
    columns = {}
    for place, name in enumerate(table.header):
        key = posted.get(f"column-{place}", NOT_READ)
        if key == OWN:
            key = f"{FREELY_NAMED.get(target, ATTRIBUTE)}{name}"
        if key and name.strip():
            columns[name] = key
    constants = {key: value for key in CONSTANTS[target] if (value := posted.get(f"constant-{key}", "").strip())}
    reading = {
        "columns": columns,
        "constants": {key: value for key, value in constants.items() if key not in columns.values()},
        "dates": posted.get("dates", DateOrder.YEAR_FIRST),
        "shop": posted.get("shop", "").strip() if target == ImportTarget.ORDERS else "",
    }
    return Asked(target, reading, posted.get("save_as", "").strip())


def columns_shown(
    table: TableFile, proposed: Proposal, chosen: Mapping[str, str], problems: Sequence[FieldProblem]
) -> list[Column]:
    """This function will lay out the columns: those with a problem, then those we are not sure of, then the others."""
    target = proposed.target
    by_column = {f"columns.{name[:60]}": name for name in table.header}
    wrong: dict[str, list[str]] = {}
    for problem in problems:
        if problem.path in by_column:
            wrong.setdefault(by_column[problem.path], []).append(str(problem.message))
    places = {name: place for place, name in reversed([*enumerate(table.header)])}
    shown = [
        Column(
            places[guess.column],
            guess.column,
            guess.sample,
            _choice(chosen.get(guess.column, ""), target),
            guess.confidence >= SURE or (not guess.key and not guess.sample),
            wrong.get(guess.column, ()),
        )
        for guess in proposed.guesses
        if guess.column.strip()
    ]
    return sorted(shown, key=lambda column: (not column.problems, column.sure, column.place))


def _choice(key: str, target: str) -> str:
    own = FREELY_NAMED.get(target, "")
    return OWN if own and key.startswith(own) else key


def constants_shown(target: str, given: Mapping[str, str], problems: Sequence[FieldProblem]) -> list[Constant]:
    said = {problem.path: str(problem.message) for problem in problems}
    shown = []
    for key in CONSTANTS[target]:
        meaning = key_of(target, key)
        if meaning is not None:
            mine = [message for path, message in said.items() if path == f"constants.{key}"]
            shown.append(Constant(key, meaning.label, given.get(key, ""), CHOICES.get(key, ()), mine))
    return shown


def missing(target: str, problems: Sequence[FieldProblem]) -> list[str]:
    """This function will say what no column tells, and everything else that belongs to no column."""
    return [str(each.message) for each in problems if not each.path.startswith(("columns.", "constants."))]


def sentence(proposed: Proposal, table: TableFile) -> str:
    """This function will say in a sentence with numbers how sure we are."""
    known = [guess for guess in proposed.guesses if guess.key]
    if proposed.as_before:
        return gettext("The columns are those of “%(name)s”, which you imported before; they are read in the same way.") % {
            "name": proposed.as_before
        }
    if proposed.mapping:
        return gettext("The saved mapping “%(name)s” knows these columns.") % {"name": proposed.mapping}
    unsure = sum(guess.confidence < SURE for guess in known)
    told = {"known": len(known), "all": len(table.header), "unsure": unsure}
    if not known:
        return gettext("We know none of the file's %(all)s columns. Say what they are.") % told
    if not unsure:
        return gettext("We know %(known)s of the file's %(all)s columns. Look them over.") % told
    return (
        gettext("We know %(known)s of the file's %(all)s columns, %(unsure)s of them are guesses: they stand on top.") % told
    )
