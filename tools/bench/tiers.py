"""Tiers of a whole shop: everybody's worked out, worked out again by other thresholds, and again with nothing to change.

The limit is what the database needs to write the same rows at all: copied, with nothing added up and nothing decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tools.bench.database import AS_OF, SCALES, Scale, run_sql, settle, shop, spent
from tools.bench.figures import note, seconds_of
from tools.bench.jobs import MOST_MIB, run_command

ALL_SECONDS = 60
IDLE_SECONDS = 0.2
CHANGED = 100
"""One member in so many changed."""
COUNT = (
    "from datetime import datetime; from django.db import transaction;"
    " from retention.services.tiers import count_tiers;\n"
    "with transaction.atomic(): print(count_tiers(as_of=datetime.fromisoformat('{as_of}'), everybody=True, run_id=1))"
)


def run(size: str) -> list[str]:
    """This function will work everybody's tier out in every way there is and name the targets that were missed."""
    with shop(SCALES[size]):
        return list(_measure(size, SCALES[size]))


def _measure(size: str, scale: Scale) -> Iterator[str]:
    from members.services.tiers.samples import sample

    draft = sample("spend")
    assert draft is not None
    ways: list[tuple[str, Any]] = [
        ("everybody, for the first time", draft),
        ("everybody, other thresholds", replace(draft, tiers=_halved(draft.tiers))),
        ("everybody, lost by refunds alone", replace(draft, downgrade="refund")),
        ("everybody, by orders", replace(draft, measure="orders", tiers=_numbered(draft.tiers))),
    ]
    for way, wanted in ways:
        _put_in_force(wanted)
        settle()
        done = run_command("shell", "-v", "0", "-c", COUNT.format(as_of=AS_OF.isoformat()))
        note("tiers", way, size=size, members=scale.members, seconds=round(done.seconds, 2), mib=done.peak_mib)
        if done.seconds > ALL_SECONDS:
            yield f"tiers: {way} took {done.seconds:.0f} s (at most {ALL_SECONDS})"
        if done.peak_mib > MOST_MIB:
            yield f"tiers: {way} took {done.peak_mib} MiB (at most {MOST_MIB})"
    settle()
    note("tiers", "the same rows written at all (limit)", size=size, seconds=round(_limit(), 2))
    note("tiers", "everybody, nothing to change", size=size, seconds=round(seconds_of(lambda: _count(everybody=True)), 2))
    note("tiers", "who would move, before it applies", size=size, seconds=round(seconds_of(lambda: _preview(draft)), 2))
    due = spent(lambda: _count(everybody=False, one_in=CHANGED))
    note("tiers", "1% changed", size=size, **due.rounded())
    idle = spent(lambda: _count(everybody=False)).seconds
    note("tiers", "nothing is due", size=size, seconds=round(idle, 4))
    if idle > IDLE_SECONDS:
        yield f"tiers: nothing due took {idle:.2f} s (at most {IDLE_SECONDS})"


def _halved(tiers: Any) -> Any:
    return tuple(replace(tier, threshold=tier.threshold // 2) for tier in tiers)


def _numbered(tiers: Any) -> Any:
    return tuple(replace(tier, threshold=6 * place) for place, tier in enumerate(tiers))


def _put_in_force(draft: Any) -> None:
    from members.services.tiers.scheme import save_scheme

    save_scheme(draft=draft, moves_down=True, now=AS_OF)


def _preview(draft: Any) -> None:
    from retention.services.tier_changes import preview_scheme

    preview_scheme(draft=draft, now=AS_OF)


def _count(*, everybody: bool, one_in: int = 0) -> None:
    """Within the table of who is due, as a refresh has it; none by default."""
    from django.db import transaction

    from core.scratch import execute
    from retention.services.scratch import due_members
    from retention.services.tiers import count_tiers

    with transaction.atomic(), due_members():
        if one_in:
            execute(f"INSERT INTO due_member (member_id) SELECT id FROM members_member WHERE id % {one_in} = 0")
        count_tiers(as_of=AS_OF, everybody=everybody, run_id=1)


def _limit() -> float:
    run_sql("CREATE TABLE copied_tier (LIKE members_membertier INCLUDING ALL)")
    seconds = seconds_of(lambda: run_sql("INSERT INTO copied_tier SELECT * FROM members_membertier"))
    run_sql("DROP TABLE copied_tier")
    return seconds
