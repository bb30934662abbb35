"""A whole file in: read, ingest in batches, gather what was refused by the number of its row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.batching import batches
from members.ingest.files import FileRow
from members.ingest.result import IngestResult, RejectedRow

BATCH = 2_000
"""Rows a transaction: enough that a statement costs little a row, few enough that other writers soon get their turn."""

Ingest = Callable[[Sequence[object]], IngestResult]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken, as it is written beside the file."""

    number: int
    item: Any
    rejected: RejectedRow

    def as_json(self) -> dict[str, Any]:
        return {"row": self.number, "errors": self.rejected.as_json()["errors"], "item": self.item}


@dataclass(slots=True)
class ImportCounts:
    accepted: int = 0
    rejected: int = 0
    created: int = 0
    changed: int = 0
    suppressed: int = 0
    """Consents that were left out, because the member unsubscribed."""


def import_rows(rows: Iterable[FileRow], ingest: Ingest, counts: ImportCounts) -> Iterator[list[RefusedRow]]:
    """This function will ingest rows batch by batch, add to `counts`, and yield what each batch refused."""
    for batch in batches(rows, BATCH):
        whole = [row for row in batch if not row.problems]
        result = ingest([row.item for row in whole])
        refused = [RefusedRow(row.number, row.item, RejectedRow(0, row.problems)) for row in batch if row.problems]
        refused += [RefusedRow(whole[each.index].number, whole[each.index].item, each) for each in result.rejected]
        counts.accepted += result.accepted
        counts.rejected += len(refused)
        counts.created += result.created
        counts.changed += result.changed
        counts.suppressed += sum(len(each.errors) for each in result.warnings)
        yield sorted(refused, key=lambda row: row.number)
