"""Putting a scheme in force: the tiers are written at once, who holds what is worked out by the refresh that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, F
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.errors import DomainError, FieldProblem, InvalidInput
from core.locks import EDITING, LockSpace, lock_for_transaction
from core.registry import tier_uses
from members.models import MemberTier, Tier, TierScheme
from members.services.earning.rules import rules_of_tier
from members.services.tiers.drafts import (
    BENEFITS,
    MOST_THRESHOLD,
    RULES,
    SchemeDraft,
    TierDraft,
    draft_in_force,
    known_tiers,
    placement,
    problems_of,
)

MEASURED_BY = ("measure", "window", "window_days")
REVIEWED_BY = (*MEASURED_BY, "downgrade", "review", "review_days", "review_key")
ASIDE = 1_000
"""How far levels are put out of the way while they are written anew: two tiers may change places."""


class TierNamed(DomainError):
    """A tier that a rule names cannot go."""

    code = "tier_named"


class TierHeld(DomainError):
    """A tier that members hold cannot go."""

    code = "tier_held"


def save_scheme(*, draft: SchemeDraft, moves_down: bool, now: datetime, by: str = "") -> TierScheme:
    """This function will put a scheme in force, or change names and benefits of the one that is.

    1. What is wrong with it is refused, each problem at its field; so is taking out a tier that members hold, or that a rule
       names: it would stand for nobody from then on.
    2. Tiers are written: those taken out stay for the history, at level 0.
    3. Where it changes who holds what its version grows, and the next refresh works out everybody. With `moves_down` whoever
       holds more than they earn moves down then; else they keep it until the policy takes it.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        draft = known_tiers(draft)
        demand_applicable(draft, now=now)
        before = draft_in_force()
        scheme = TierScheme.objects.select_for_update().first() or TierScheme(version=0, changed_at=now)
        _write_tiers(draft.tiers)
        after = known_tiers(draft)
        if before is None or placement(before) != placement(after):
            _note_change(scheme, before, after, moves_down=moves_down)
        for name in RULES:
            setattr(scheme, name, getattr(after, name))
        scheme.changed_at, scheme.changed_by = now, by
        scheme.save()
    return scheme


def demand_applicable(draft: SchemeDraft, *, now: datetime) -> None:
    """This function will raise InvalidInput for what is wrong with a draft, TierHeld and TierNamed for tiers it may not take
    out."""
    problems = problems_of(draft)
    if problems:
        raise InvalidInput(_("The tiers cannot be used as they are."), problems=problems)
    kept = {each.tier_id for each in draft.tiers if each.tier_id is not None}
    gone = Tier.objects.in_force().exclude(pk__in=kept)
    held = MemberTier.objects.filter(tier__in=gone.values("pk")).values("tier__name").annotate(members=Count("pk"))
    rows = list(held.order_by("tier__level"))
    if rows:
        raise TierHeld(
            _held_sentence(rows[0]), problems=[FieldProblem("tiers", "held", _held_sentence(row)) for row in rows]
        )
    named = [sentence for tier in gone.order_by("level") for sentence in _named_sentences(tier, now)]
    if named:
        raise TierNamed(named[0], problems=[FieldProblem("tiers", "named", sentence) for sentence in named])


def _named_sentences(tier: Tier, now: datetime) -> list[str]:
    users = [(_("The earning rule"), rule.name) for rule in rules_of_tier(tier.slug, now=now)]
    users += [(str(each.label), use.name) for each in tier_uses for use in each.rows(tier.slug) if use.holds]
    words = _("%(kind)s “%(name)s” names the tier “%(tier)s”, so it cannot be taken out. Change or end that first.")
    return [words % {"kind": kind, "name": name, "tier": tier.name} for kind, name in users]


def _held_sentence(row: Mapping[str, Any]) -> str:
    words = _(
        "%(members)s members hold “%(name)s”, so it cannot be taken out. Raise what it begins at, let members move down at"
        " once, and take it out when nobody holds it."
    )
    return words % {"members": f"{row['members']:,}", "name": row["tier__name"]}


def _note_change(scheme: TierScheme, before: SchemeDraft | None, after: SchemeDraft, *, moves_down: bool) -> None:
    """What was asked for and not yet carried out stays asked for."""

    def differs(names: Iterable[str]) -> bool:
        return before is not None and any(getattr(before, name) != getattr(after, name) for name in names)

    waiting = scheme.version != scheme.counted_version
    scheme.version += 1
    scheme.moves_down = moves_down or (waiting and scheme.moves_down)
    scheme.restarts = differs(REVIEWED_BY) or (waiting and scheme.restarts)
    if differs(MEASURED_BY):
        scheme.began_day = None


def _write_tiers(drafts: tuple[TierDraft, ...]) -> None:
    kept = [each.tier_id for each in drafts if each.tier_id is not None]
    Tier.objects.in_force().exclude(pk__in=kept).update(level=0)
    Tier.objects.filter(pk__in=kept).update(level=F("level") + ASIDE, threshold=F("threshold") + 10 * MOST_THRESHOLD)
    taken = set(Tier.objects.values_list("slug", flat=True))
    retired = dict(Tier.objects.filter(level=0).values_list("slug", "pk"))
    for level, draft in enumerate(drafts, start=1):
        named = draft if draft.slug else replace(draft, slug=_free_slug(draft.name, taken))
        taken.add(named.slug)
        pk = named.tier_id or retired.pop(named.slug, None)  # one that was taken out comes back, its history with it
        values = {name: getattr(named, name) for name in BENEFITS}
        values |= {"name": named.name.strip(), "level": level, "threshold": named.threshold}
        if pk is None:
            Tier.objects.create(slug=named.slug, **values)
        else:
            Tier.objects.filter(pk=pk).update(**values)


def _free_slug(name: str, taken: set[str]) -> str:
    stem = slugify(name, allow_unicode=True)[:50] or "tier"
    slug, number = stem, 2
    while slug in taken:
        slug, number = f"{stem}-{number}", number + 1
    return slug
