"""Guessing what the columns of an unknown file are: by what they are called, and by what stands in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from members.ingest.connectors import values
from members.ingest.connectors.generic import readers
from members.ingest.connectors.synonyms import SYNONYMS, plain
from members.ingest.connectors.tables import TableFile
from members.ingest.normalise import Refused
from members.models import DateOrder
from members.services.mappings import KEYS

SAMPLE = 200
"""Rows that are looked at: enough to tell a date from a number, few enough to be instant."""

CALLED_SO = 0.9
CALLED_LIKE = 0.6
LOOKS_LIKE = 0.5
CONTRADICTED = 0.4
"""What is left of a confidence when the values cannot be what the name says."""

CONFIRMED = 0.1
TELLING_KINDS = frozenset({"amount", "number", "points", "time", "status", "gender", "birthday"})
"""Kinds whose cells can contradict a name: any text is a text, and most are ids."""

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MOBILE = re.compile(r"(?:\+?86)?1[3-9][0-9][0-9*]{8}")
BY_LOOKS: Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "members": (("email", EMAIL), ("phone", MOBILE)),
    "orders": (),
    "events": (),
}
SHORTEST_PART = 3
"""A synonym this short within a longer name says nothing: «id» stands in «paid»."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column probably is; `key` is empty when nothing fits. `sample` shows a few of its values."""

    column: str
    key: str
    confidence: float
    sample: tuple[str, ...] = ()


def guess_columns(table: TableFile, target: str) -> list[Guess]:
    """This function will guess every column of a file, the unsure ones first, each key once at most."""
    rows = [row.cells for row in islice((row for row in table.rows() if row.problem is None), SAMPLE)]
    columns = [[text for row in rows if (text := values.content(row[place]))] for place in range(len(table.header))]
    dates = date_order(columns)
    found = [
        (_confidence(header, cells, key, target, dates), place, key)
        for place, (header, cells) in enumerate(zip(table.header, columns, strict=True))
        for key in KEYS[target]
    ]
    best: dict[int, tuple[str, float]] = {}
    for confidence, place, key in sorted(found, key=lambda each: (-each[0], each[1])):
        if confidence > 0 and place not in best and all(key != taken for taken, _ in best.values()):
            best[place] = (key, confidence)
    guesses = [
        Guess(header, *best.get(place, ("", 0.0)), tuple(columns[place][:3])) for place, header in enumerate(table.header)
    ]
    return sorted(guesses, key=lambda guess: guess.confidence)


def date_order(columns: Sequence[Sequence[str]]) -> str:
    """This function will tell what stands first in dates such as 23/05/2016, where one of them gives it away."""
    dates = [match for cells in columns for text in cells if (match := values.YEAR_LAST.fullmatch(text))]
    if any(int(match["first"]) > 12 for match in dates):
        return DateOrder.DAY_FIRST.value
    return DateOrder.MONTH_FIRST.value if any(int(match["other"]) > 12 for match in dates) else DateOrder.YEAR_FIRST.value


def _confidence(header: str, cells: Sequence[str], key: str, target: str, dates: str) -> float:
    called = _called(plain(header), SYNONYMS[target].get(key, ()))
    looks = next((pattern for name, pattern in BY_LOOKS[target] if name == key), None)
    if not called and looks is not None and cells:
        return LOOKS_LIKE * (sum(looks.fullmatch(text) is not None for text in cells) > len(cells) / 2)
    kind = KEYS[target][key].kind
    if not called or kind not in TELLING_KINDS or not cells:
        return called
    readable = _readable(cells, kind, dates)
    return min(called + CONFIRMED, 1.0) if readable > 0.9 else called if readable > 0.5 else called * CONTRADICTED


def _called(name: str, synonyms: Sequence[str]) -> float:
    if name in synonyms:
        return CALLED_SO - 0.001 * synonyms.index(name)  # of two columns that could be it, the plainer name is it
    inside = any((len(word) >= SHORTEST_PART or not word.isascii()) and word in name for word in synonyms)
    return CALLED_LIKE if inside and name else 0.0


def _readable(cells: Sequence[str], kind: str, dates: str) -> float:
    read = readers("CNY", dates)[kind]
    return sum(_reads(read, text) for text in cells) / len(cells)


def _reads(read: object, text: str) -> bool:
    try:
        read(text)  # type: ignore[operator]
    except Refused:
        return False
    return True
