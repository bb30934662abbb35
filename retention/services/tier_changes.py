"""A change of the scheme: who would move, before it is in force; and putting it in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from core.errors import FieldProblem, InvalidInput
from members.models import TierScheme
from members.services.tiers.drafts import RULES, SchemeDraft, draft_in_force, known_tiers, placement
from members.services.tiers.scheme import MEASURED_BY, demand_applicable, save_scheme
from retention.models import RefreshState
from retention.services import builds
from retention.services.refresh import refresh
from retention.services.tier_counting import Counting, Rung, counted, standing


@dataclass(frozen=True, slots=True)
class Moves:
    """How many members would move between the tiers of a draft, by (from, to): places in the draft, the lowest 0.

    `new` are those who hold no tier yet, by place. `down` is who holds more than they would earn. Nothing of it is known
    before anybody was counted (`counted`), and nothing of it would happen where only names and benefits change.
    """

    changes_holders: bool
    counted: bool
    new: Mapping[int, int]
    up: Mapping[tuple[int, int], int]
    down: Mapping[tuple[int, int], int]
    staying: int

    @property
    def going_up(self) -> int:
        return sum(self.up.values())

    @property
    def going_down(self) -> int:
        return sum(self.down.values())


def preview_scheme(*, draft: SchemeDraft, now: datetime) -> Moves:
    """This function will count who would move under a draft, as of the last refresh; nothing is written.

    Raises InvalidInput, TierHeld and TierNamed as putting it in force would.
    """
    draft = known_tiers(draft)
    demand_applicable(draft, now=now)
    before, state = draft_in_force(), RefreshState.objects.first()
    changes = before is None or placement(before) != placement(draft)
    if not changes or state is None or state.as_of is None:
        return Moves(changes, counted=not changes, new={}, up={}, down={}, staying=0)
    counting = Counting(_scheme_of(draft, before), _rungs(draft), state.as_of, changed=True)
    new: dict[int, int] = {}
    up: dict[tuple[int, int], int] = {}
    down: dict[tuple[int, int], int] = {}
    staying = 0
    for held, earned, members in _counted(counting):
        if held is None:
            new[earned - 1] = members
        elif held == earned:
            staying += members
        else:
            (up if earned > held else down)[held - 1, earned - 1] = members
    return Moves(changes, True, new, up, down, staying)


def _counted(counting: Counting) -> list[tuple[int | None, int, int]]:
    """(level held, level earned, how many) of everybody."""
    with transaction.atomic(), counted(counting), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT level, earned, COUNT(*) FROM ({standing(counting)}) AS standing GROUP BY level, earned ORDER BY 1, 2"
        )
        return [(held, earned, members) for held, earned, members in cursor.fetchall()]


def _scheme_of(draft: SchemeDraft, before: SchemeDraft | None) -> TierScheme:
    """The draft as a row that is not saved; the days of the scheme go on while what is measured stays."""
    scheme = TierScheme(**{name: getattr(draft, name) for name in RULES})
    if before is not None and all(getattr(before, name) == getattr(draft, name) for name in MEASURED_BY):
        scheme.began_day = TierScheme.objects.values_list("began_day", flat=True).first()
    return scheme


def _rungs(draft: SchemeDraft) -> list[Rung]:
    return [Rung(level, tier.threshold or 0, tier.tier_id) for level, tier in enumerate(draft.tiers, start=1)]


def apply_scheme(
    *, draft: SchemeDraft, moves_down: bool, now: datetime, by: str = "", expected: int | None = None
) -> TierScheme:
    """This function will put a draft in force, and in a small shop work out everybody at once; in a large one the next
    refresh does.

    `expected` is the version that the draft was made from: of two people who change tiers at once the second is told.
    """
    with transaction.atomic():
        if expected is not None:
            _demand_version(expected)
        scheme = save_scheme(draft=draft, moves_down=moves_down, now=now, by=by)
    state = RefreshState.objects.first()
    if state is not None and state.as_of is not None and builds.are_few():
        refresh(as_of=state.as_of, now=now)
        scheme.refresh_from_db()
    return scheme


def _demand_version(expected: int) -> None:
    found = TierScheme.objects.select_for_update().values_list("version", flat=True).first() or 0
    if found != expected:
        message = _("Somebody else changed the tiers meanwhile. Look at them again.")
        raise InvalidInput(message, problems=[FieldProblem("tiers", "changed_meanwhile", message)])
