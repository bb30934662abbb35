"""What a file is: the kind of table, the connector that knows it, the files that belong together, and that in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.functional import lazystr
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.errors import FieldProblem, Text
from members.ingest.connectors import CONNECTORS, REGISTERED
from members.ingest.connectors.base import SURE, Connector, Reading, SourceRow
from members.ingest.connectors.parquet import ParquetTable
from members.ingest.connectors.tables import CsvTable, TableFile, unreadable
from members.ingest.connectors.xlsx import XlsxTable
from members.ingest.files import UnreadableFile

KINDS: tuple[type[TableFile], ...] = (XlsxTable, ParquetTable, CsvTable)
"""In the order they are asked; text is what is nothing else."""

FIRST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Detected:
    """Files that are read together, and how. `confidence` says how sure we are of the connector."""

    connector: Connector
    tables: tuple[TableFile, ...]
    companions: tuple[TableFile, ...] = ()
    confidence: float = 1.0
    shops: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(table.path for table in (*self.tables, *self.companions))

    @property
    def encoding(self) -> str:
        return ", ".join(dict.fromkeys(table.description for table in self.tables))

    @property
    def row_count(self) -> int:
        """The rows of the main files; those of files that belong to them are counted apart. An estimate for text."""
        return sum(table.row_count for table in self.tables)

    @property
    def size(self) -> int:
        return sum(table.size for table in self.tables)

    @property
    def position(self) -> int:
        return sum(table.position for table in self.tables)

    @property
    def sentence(self) -> Text:
        """What we think it is, as the import screen says it; translated when it is shown."""
        return lazystr(_Sentence(self))

    def problems(self) -> list[FieldProblem]:
        """This function will tell which columns keep the files from being read; none: they can be read."""
        mine = [problem for table in self.tables for problem in self.connector.header_problems(table.header)]
        return mine + [
            problem for table in self.companions for problem in _companion_of(self.connector).header_problems(table.header)
        ]

    def rows(self, *, shop: str = "", currency: str) -> Iterator[SourceRow]:
        """This function will read the items; raises UnreadableFile naming the columns when they cannot be."""
        problems = self.problems()
        if problems:
            raise UnreadableFile(_("The file's columns cannot be read."), problems=problems)
        yield from self.connector.rows(Reading(self.tables, self.companions, shop, currency))


class _Sentence:
    """Put together when it is shown, in the language of who looks."""

    def __init__(self, detected: Detected) -> None:
        self.detected = detected

    def __str__(self) -> str:
        found = self.detected
        rows = ngettext("%(count)s row", "%(count)s rows", found.row_count) % {"count": f"{found.row_count:,}"}
        label = str(found.connector.label)
        said = [label[:1].upper() + label[1:], found.encoding, rows]
        if len(found.paths) == 2:
            said.append(_("two files that belong together"))
        elif len(found.paths) > 2:
            said.append(_("%(count)s files that belong together") % {"count": len(found.paths)})
        return _(", ").join(said)


def open_table(path: Path) -> TableFile:
    """This function will open a file as the kind of table it is, whatever it is called."""
    try:
        with path.open("rb") as file:
            start = file.read(FIRST_BYTES)
        return next(kind for kind in KINDS if kind.recognises(start))(path)
    except OSError as error:
        raise unreadable("not_readable", error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class Sorted:
    """What several files are: those that can be read, together with what belongs to them, and why the others cannot."""

    found: list[Detected]
    unread: list[tuple[Path, UnreadableFile]]


def detect(paths: Sequence[Path], *, target: str = "orders", connector: Connector | None = None) -> list[Detected]:
    """This function will find out what files are and which of them belong together, or raise why one cannot be read."""
    sorted_files = sort_files(paths, target=target, connector=connector)
    for _path, error in sorted_files.unread:
        raise error
    return sorted_files.found


def sort_files(paths: Sequence[Path], *, target: str = "orders", connector: Connector | None = None) -> Sorted:
    """This function will find out what files are and which of them belong together. `connector` settles the main files.

    Not read is what cannot be opened, what is no table that we know (and what keeps it from being our own columns), and a
    file that completes others and stands alone.
    """
    known = [each for each in CONNECTORS if each.target == target]
    mains: dict[str, list[tuple[TableFile, float]]] = {}
    companions: dict[str, list[TableFile]] = {}
    by_code = {each.code: each for each in (*known, *([connector] if connector else []))}
    unread: list[tuple[Path, UnreadableFile]] = []
    for path in paths:
        try:
            table = open_table(path)
            found, confidence = _recognised(table, known, connector)
        except UnreadableFile as error:
            unread.append((path, error))
            continue
        if found.completes:
            companions.setdefault(found.completes, []).append(table)
        else:
            mains.setdefault(found.code, []).append((table, confidence))
    for main in companions.keys() - mains.keys():
        alone = unreadable("companion_alone", _companion_of(REGISTERED.by_code[main]).alone)
        unread += [(table.path, alone) for table in companions[main]]
    groups = [
        group for main, tables in mains.items() for group in _grouped(by_code[main], tables, tuple(companions.get(main, ())))
    ]
    return Sorted(groups, unread)


def _grouped(
    connector: Connector, found: Sequence[tuple[TableFile, float]], companions: tuple[TableFile, ...]
) -> Iterator[Detected]:
    """Files with companions are read as one, since nobody says whose lines stand where; others one by one."""
    together = [found] if companions else [[each] for each in found]
    for group in together:
        tables = tuple(table for table, _confidence in group)
        shops = {slug: name for table in tables for slug, name in connector.shops(table).items()}
        yield Detected(connector, tables, companions, min(confidence for _table, confidence in group), shops)


def _recognised(table: TableFile, known: Sequence[Connector], chosen: Connector | None) -> tuple[Connector, float]:
    """The connector that is surest of a file. A companion is recognised beside whatever was chosen for the main files."""
    weighed = sorted(((each.recognises(table.header), each) for each in known), key=lambda each: -each[0])
    confidence, best = weighed[0]
    if chosen is not None:
        completes = confidence >= SURE and best.completes == chosen.code
        return (best, confidence) if completes else (chosen, 1.0)
    if confidence < SURE:
        raise _not_known(table, best, confidence, known)
    return best, confidence


def _not_known(table: TableFile, best: Connector, confidence: float, known: Sequence[Connector]) -> UnreadableFile:
    """Half recognised, a file is told what it lacks of that kind; otherwise what it lacks of our own columns."""
    own = next(each for each in known if each.code == each.target)
    nearest = best if confidence >= SURE / 2 else own
    message = _("The file's columns cannot be read.")
    if nearest is not own:
        message = _("This looks like %(kind)s, but for the columns below.") % {"kind": nearest.label}
    return UnreadableFile(message, problems=nearest.header_problems(table.header))


def _companion_of(connector: Connector) -> Connector:
    return next(each for each in CONNECTORS if each.completes == connector.code)
