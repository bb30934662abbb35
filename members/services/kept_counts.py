"""What the nightly look at the data keeps for pages that would otherwise look at everybody whenever they are opened.

In a small shop such a page counts what it shows. In a large one it shows what the look found and says as of when; who wants
to know it of this moment has it counted anew, and waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from core.sql import insert_rows
from members.models import Member, QualityFinding, QualityLook
from members.services.consent_standing import ReachLine, consent_reach
from members.services.duplicates import first_of_groups, reasons

SMALL = 50_000
"""Members up to whom everybody is looked at while a page is opened. Origin: a tenth of a second."""
REACH, GROUPS = "reach", "duplicates"
"""Where in a look's tables these stand."""


@dataclass(frozen=True, slots=True)
class KeptReach:
    lines: tuple[ReachLine, ...]
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class KeptGroups:
    """One member of each group on a page of duplicates; `more` says whether a page follows."""

    member_ids: tuple[int, ...]
    more: bool
    counted_at: datetime


def is_large() -> bool:
    """This function will say whether the shop is too large for looking at everybody while somebody waits."""
    return Member.objects.order_by("pk").values("pk")[SMALL : SMALL + 1].exists()


def reach_kept() -> KeptReach | None:
    """This function will return how many members could be written to at the last look; None where none told it yet."""
    look = QualityLook.objects.newest()
    rows = look.tables.get(REACH) if look else None
    if look is None or not rows:
        return None
    return KeptReach(tuple(ReachLine(**row) for row in rows), look.started_at)


def groups_kept(*, reason: str, start: int, most: int) -> KeptGroups | None:
    """This function will return up to `most` groups of the last look, from the `start`th on; None where none told them."""
    look = QualityLook.objects.newest()
    if look is None or reason not in look.tables.get(GROUPS, {}):
        return None
    found = QualityFinding.objects.filter(look=look, code=group_code(reason)).order_by("object_id")
    ids = list(found.values_list("object_id", flat=True)[start : start + most + 1])
    return KeptGroups(tuple(ids[:most]), len(ids) > most, look.started_at)


# --- what the look does


def reach_rows() -> list[dict[str, Any]]:
    """This function will count whom we may write to, in the form in which a look keeps it."""
    return [asdict(line) for line in consent_reach()]


def keep_groups(look: QualityLook, *, most: int) -> Mapping[str, int]:
    """This function will keep one member of each group of likely duplicates, and say how many by what they share."""
    return {reason.code: _keep(look, reason.code, first_of_groups(reason, most=most)) for reason in reasons()}


def group_code(reason: str) -> str:
    return f"members.{reason}.duplicate"


def _keep(look: QualityLook, reason: str, member_ids: Sequence[int]) -> int:
    key = ["look", "code", "object_id"]
    # A member may stand first in two groups: by two names elsewhere.
    rows = [(look.pk, group_code(reason), pk) for pk in sorted(set(member_ids))]
    insert_rows(QualityFinding, key, rows, conflict=key)
    return len(rows)
