"""What an ingest call answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import FieldProblem


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that was not taken, by its place among the items, with everything found wrong with it."""

    index: int
    errors: tuple[FieldProblem, ...]

    def as_json(self) -> dict[str, Any]:
        return {"index": self.index, "errors": [error.as_json() for error in self.errors]}


@dataclass(frozen=True, slots=True)
class IngestResult:
    """Every item is either accepted or rejected. `created` and `changed` count members or orders, not items.

    `warnings` are what was left out of items that were accepted: consents of members who unsubscribed.
    """

    accepted: int
    rejected: tuple[RejectedRow, ...]
    created: int = 0
    changed: int = 0
    warnings: tuple[RejectedRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"accepted": self.accepted, "rejected": [row.as_json() for row in self.rejected]}
        return {**told, "warnings": [row.as_json() for row in self.warnings]} if self.warnings else told
