"""What must be known of a whole file at once, kept on disk: a private temporary table that ends with its connection.

This is no database of ours: nothing in it outlives the reading of a file, or the import that reads it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from members.ingest.connectors.base import Claim, Profile

TEMPORARY = ""
"""SQLite's name for a database that lives in memory while it is small, on disk when it is not, and is deleted at its end."""


class FoundLine(NamedTuple):
    """A line of an order, by the companion file and the row it stands in."""

    file: int
    number: int
    cells: dict[str, str]


class LinesByOrder:
    """The rows of line reports by their order's number; remembers which were asked for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.execute(
            "CREATE TABLE line (number TEXT, file INTEGER, place INTEGER, cells TEXT, taken INTEGER DEFAULT 0)"
        )

    def put(self, order: str, file: int, place: int, cells: dict[str, str]) -> None:
        insert = "INSERT INTO line (number, file, place, cells) VALUES (?, ?, ?, ?)"
        self.connection.execute(insert, (_storable(order), file, place, json.dumps(cells)))

    def ready(self) -> None:
        """This function will make the lines findable, once all are put."""
        self.connection.execute("CREATE INDEX line_of_order ON line (number)")

    def of(self, order: str, most: int) -> list[FoundLine]:
        """This function will return an order's lines, at most `most`, in the order of their files, and mark them taken."""
        find = "SELECT file, place, cells FROM line WHERE number = ? ORDER BY file, place LIMIT ?"
        found = [
            FoundLine(file, place, json.loads(cells))
            for file, place, cells in self.connection.execute(find, (_storable(order), most))
        ]
        if found:
            self.connection.execute("UPDATE line SET taken = 1 WHERE number = ?", (_storable(order),))
        return found

    def untaken(self) -> Iterator[FoundLine]:
        find = "SELECT file, place, cells FROM line WHERE taken = 0 ORDER BY file, place"
        for file, place, cells in self.connection.execute(find):
            yield FoundLine(file, place, json.loads(cells))


def _storable(order: str) -> str:
    """Half a character, where a file ends within one, cannot be stored as text."""
    return order.encode(errors="backslashreplace").decode()


class LatestProfiles:
    """Of each member the word of the latest order, however the file is sorted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        columns = "member TEXT PRIMARY KEY, at TEXT, item TEXT, claims TEXT"
        connection.execute(f"CREATE TABLE IF NOT EXISTS profile ({columns}) WITHOUT ROWID")

    def put(self, profiles: Iterable[Profile]) -> None:
        rows = ((each.member, each.as_of, json.dumps(each.item), json.dumps(each.claims)) for each in map(_plain, profiles))
        self.connection.executemany(
            "INSERT INTO profile VALUES (?, ?, ?, ?) ON CONFLICT (member) DO UPDATE "
            "SET at = excluded.at, item = excluded.item, claims = excluded.claims WHERE excluded.at >= at",
            rows,
        )

    def keep(self) -> None:
        """This function will have what was put outlive this process, where the store is a file."""
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN")

    def all(self) -> Iterator[Profile]:
        for member, at, item, claims in self.connection.execute(
            "SELECT member, at, item, claims FROM profile ORDER BY member"
        ):
            yield Profile(member, at, json.loads(item), tuple(Claim(*claim) for claim in json.loads(claims)))


class _Plain(NamedTuple):
    member: str
    as_of: str
    item: Any
    claims: list[tuple[str, str, str]]


def _plain(profile: Profile) -> _Plain:
    claims = [(claim.source, claim.kind, claim.value) for claim in profile.claims]
    return _Plain(profile.member, profile.as_of, profile.item, claims)


@contextmanager
def spilled() -> Iterator[sqlite3.Connection]:
    """This function will open a temporary store and throw it away at the end."""
    with closing(sqlite3.connect(TEMPORARY, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA temp_store = FILE")
        connection.execute("BEGIN")
        yield connection


@contextmanager
def stored(path: Path) -> Iterator[sqlite3.Connection]:
    """This function will open a store in a file: what was kept in it is there again when a dead process's work goes on."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
