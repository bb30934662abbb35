"""Who brought whom: an id as it was told, of a member who may come later; never, over however many, oneself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from core.locks import LockSpace, lock_for_transaction
from core.sql import find_rows
from members.ingest.rows import MemberRow
from members.models import Member

LONGEST_CHAIN = 200
"""Members one behind another. Each is one look-up; no shop's friends tell friends so far."""


@dataclass(slots=True)
class Referrers:
    """Who was brought by whom, as far as the rows' members lead."""

    known: dict[str, str] = field(default_factory=dict)

    def refused(self, row: MemberRow) -> FieldProblem | None:
        """This function will take a row's referrer in, or say that it leads back to the row's member."""
        told = row.stated.get("referrer")
        if not told:
            self.known.pop(row.external_id, None) if told == "" and not row.adds_only else None
            return None
        if row.adds_only and self.known.get(row.external_id):
            return None
        at, steps = told, 0
        while at and steps <= LONGEST_CHAIN:
            if at == row.external_id:
                return FieldProblem("referrer", "circle", _("Nobody is brought by themselves, over others neither."))
            at, steps = self.known.get(at, ""), steps + 1
        if at:
            return FieldProblem("referrer", "chain_too_long", _("Too many members stand behind one another here."))
        self.known[row.external_id] = told
        return None


def referrers_of(rows: Sequence[MemberRow]) -> Referrers:
    """This function will read the chains that begin at the rows' members and at whom they name, a step a statement.

    Nobody else names a referrer meanwhile: two rows of two calls could close a circle that neither sees.
    """
    telling = {row.external_id for row in rows if row.stated.get("referrer")}
    found = Referrers()
    if not telling:
        return found
    lock_for_transaction(LockSpace.REFERRERS)
    frontier = telling | {row.stated["referrer"] for row in rows if row.stated.get("referrer")}
    seen: set[str] = set()
    for _step in range(LONGEST_CHAIN):
        seen |= frontier
        asked = [(name,) for name in sorted(frontier)]
        told = dict(find_rows(Member, ["external_id"], asked, returning=["external_id", "referrer"]))
        found.known |= {name: referrer for name, referrer in told.items() if referrer}
        frontier = {referrer for referrer in told.values() if referrer} - seen
        if not frontier:
            break
    return found
