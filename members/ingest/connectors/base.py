"""What a connector is: it knows a shop system's file by its header and reads its rows as our items.

Rows in, items out: a connector opens no database. It never raises for a bad row; the row comes back with its number in the
file and with everything wrong with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from django.utils.translation import gettext as _

from core.errors import FieldProblem, Text
from members.ingest.connectors.tables import TableFile
from members.ingest.files import FileRow
from members.ingest.normalise import Refused

Target = Literal["orders", "members", "events"]

SURE = 0.75
"""From this confidence on a file is read without asking; below it is at most a guess to be shown."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A name by which a source knows a member. `kind` says whether the source has masked it."""

    source: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What an order tells about its member. Of several, the latest order's word counts: `as_of` sorts."""

    member: str
    as_of: str
    item: Mapping[str, Any]
    claims: tuple[Claim, ...] = ()


class BesideRow(NamedTuple):
    """A row of a file that belongs to another: its number there and its cells."""

    path: Path
    number: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class SourceRow(FileRow):
    """An item with the rows it was read from, so that a refused one can be corrected and given again."""

    path: Path = Path()
    source: Sequence[Sequence[str]] = ()
    profile: Profile | None = None
    beside: Callable[[], Sequence[BesideRow]] | None = None
    """The rows of files that belong to this one from which the item was read too."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a connector reads: the files, those that complete them, and the surroundings that their rows do not tell."""

    tables: Sequence[TableFile]
    companions: Sequence[TableFile] = ()
    shop: str = ""
    currency: str = "CNY"


class Connector(ABC):
    """One kind of file. `completes` names the connector whose files a companion file belongs to, and is read with."""

    code: ClassVar[str]
    label: ClassVar[Text]
    target: ClassVar[Target] = "orders"
    completes: ClassVar[str] = ""
    alone: ClassVar[Text] = ""
    """What to say of a companion file that stands alone."""

    @abstractmethod
    def recognises(self, header: Sequence[str]) -> float:
        """This function will say from 0 to 1 how surely a file with this header is one of ours."""

    @abstractmethod
    def header_problems(self, header: Sequence[str]) -> list[FieldProblem]:
        """This function will tell which columns are missing or wrong, before a row is read."""

    @abstractmethod
    def rows(self, reading: Reading) -> Iterator[SourceRow]:
        """This function will yield the items of the files in their order."""

    def fills(self, header: Sequence[str]) -> Mapping[str, str]:
        """This function will tell which columns of a file, by the names it gives them, fill which keys of our items."""
        return {}

    def shops(self, table: TableFile) -> Mapping[str, str]:
        """This function will return the shops that the file's first rows name: their slugs and names."""
        return {}


class Registered(NamedTuple):
    """Connectors by code. Made once, from one tuple; a code that stands there twice is a mistake of ours."""

    by_code: Mapping[str, Connector]

    @classmethod
    def of(cls, connectors: Sequence[Connector]) -> Registered:
        by_code = {connector.code: connector for connector in connectors}
        if len(by_code) != len(connectors):
            codes = sorted(connector.code for connector in connectors)
            raise ValueError(f"a connector's code stands twice among {', '.join(codes)}")
        return cls(by_code)


class Cells:
    """The readers of one item's cells by our names: a value, or nothing and a problem under the file's own column name."""

    def __init__(
        self, cells: Mapping[str, str], columns: Mapping[str, str], problems: list[FieldProblem], where: str = ""
    ) -> None:
        self.cells = cells
        self.columns = columns
        self.problems = problems
        self.where = where

    def text(self, name: str) -> str:
        return self.cells.get(name, "")

    def read(self, name: str, reader: Callable[..., Any], *arguments: Any) -> Any:
        """This function will return the cell's value; None when the cell is empty or refused."""
        text = self.cells.get(name, "")
        if not text:
            return None
        try:
            return reader(text, *arguments)
        except Refused as refused:
            self.refuse(name, refused.code, refused.message)
            return None

    def demand(self, name: str, reader: Callable[..., Any], *arguments: Any) -> Any:
        """This function will read a cell that must not be empty."""
        if not self.cells.get(name):
            self.refuse(name, "required", _("This cell is empty."))
        return self.read(name, reader, *arguments)

    def refuse(self, name: str, code: str, message: Text) -> None:
        self.problems.append(FieldProblem(self.columns.get(name, name), code, f"{self.where}{message}"))


def stated(**values: Any) -> dict[str, Any]:
    """This function will return the values that say something: an item's key that is left out changes nothing."""
    return {name: value for name, value in values.items() if value not in (None, "")}
