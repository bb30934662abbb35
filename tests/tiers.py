"""Tiers for tests: four of them, put in force without the form."""

from __future__ import annotations

from typing import Any

from members.models import MemberTier, TierScheme
from members.services.tiers.drafts import SchemeDraft, TierDraft
from members.services.tiers.scheme import save_scheme
from tests.factories import NOW

FOUR = (("ordinary", 0), ("silver", 1_000), ("gold", 5_000), ("diamond", 10_000))


def four_tiers(*rungs: tuple[str, int], **rules: Any) -> SchemeDraft:
    """This function will write a draft of tiers by (short name, threshold); the four usual ones by default."""
    tiers = tuple(TierDraft(name=slug.title(), slug=slug, threshold=threshold) for slug, threshold in rungs or FOUR)
    return SchemeDraft(tiers=tiers, **rules)


def put_in_force(*rungs: tuple[str, int], moves_down: bool = False, **rules: Any) -> TierScheme:
    return save_scheme(draft=four_tiers(*rungs, **rules), moves_down=moves_down, now=NOW)


def tier_of(member: Any) -> str:
    return MemberTier.objects.values_list("tier__slug", flat=True).get(pk=member.pk)
