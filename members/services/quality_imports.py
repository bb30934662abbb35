"""What imports refused lately, by reason, and when each kind of data last came from each shop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from members.models import Import, ImportState, ImportTarget

LATELY = timedelta(days=30)
MOST_IMPORTS = 500
"""Imports that are read, the newest first: a shop that imports every hour has as many in three weeks."""
MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Arrived:
    """The last import of something from somewhere."""

    target: str
    shop: str
    at: datetime
    import_id: int


@dataclass(slots=True)
class Refusals:
    """`by_reason` counts refused rows, the most frequent reason first."""

    imports: int = 0
    rows: int = 0
    by_reason: list[tuple[str, int]] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)


def refused_lately(*, now: datetime) -> Refusals:
    """This function will add up what the imports of the last 30 days refused, and find the last import of each kind."""
    told, reasons, arrived = Refusals(), Counter[str](), dict[tuple[str, str], Arrived]()
    newest = Import.objects.filter(finished_at__isnull=False).exclude(state=ImportState.UNDONE).order_by("-pk")
    columns = ("pk", "target", "reading", "finished_at", "rejected", "reasons")
    for pk, target, reading, at, rejected, why in newest.values_list(*columns)[:MOST_IMPORTS]:
        shop = str(reading.get("shop") or "")
        known = arrived.get((target, shop))
        if known is None or at > known.at:
            arrived[target, shop] = Arrived(str(ImportTarget(target).label), shop, at, pk)
        if rejected and now - at <= LATELY:
            told.imports, told.rows = told.imports + 1, told.rows + rejected
            reasons.update({reason: count for reason, count in why.items() if isinstance(count, int)})
    told.by_reason = reasons.most_common(MOST_REASONS)
    told.arrived = sorted(arrived.values(), key=lambda each: each.at, reverse=True)
    return told
