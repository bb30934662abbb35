"""What other lifecycle bands would change, before anybody saves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F

from retention.expressions import lifecycle_stage
from retention.scored import current_parameters, scored
from retention.scoring.parameters import Bands
from retention.selectors.state import day_asked


@dataclass(frozen=True, slots=True)
class StageMoves:
    """How many members stand at (stage now, stage by the other bands)."""

    counts: Mapping[tuple[str, str], int]

    @property
    def members(self) -> int:
        return sum(self.counts.values())

    @property
    def moved(self) -> dict[tuple[str, str], int]:
        """Those who would change their stage, the most frequent first."""
        changed = ((pair, count) for pair, count in self.counts.items() if pair[0] != pair[1])
        return dict(sorted(changed, key=lambda each: (-each[1], each[0])))

    def at_stage(self, stage: str) -> tuple[int, int]:
        """How many stand at a stage now, and would by the other bands."""
        now = sum(count for (old, _new), count in self.counts.items() if old == stage)
        return now, sum(count for (_old, new), count in self.counts.items() if new == stage)


def moves_by(bands: Bands) -> StageMoves:
    """This function will count everybody once by the stage they are at and the one `bands` would give them, in one scan."""
    day = day_asked(None)
    if day is None:
        return StageMoves({})
    rows = scored(as_of_day=day, parameters=current_parameters())
    stages = rows.values(old=F("lifecycle_stage"), new=lifecycle_stage(bands, as_of_day=day))
    return StageMoves({(row["old"], row["new"]): row["count"] for row in stages.annotate(count=Count("member_id"))})
