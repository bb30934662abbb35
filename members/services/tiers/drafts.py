"""A scheme as people write it, before it is in force: read from what is stored, and every problem of it named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from core.conf import shop_currency
from core.errors import FieldProblem
from core.money import money_text
from members.models import (
    DowngradePolicy,
    DowngradeStep,
    ReviewRule,
    Tier,
    TierMeasure,
    TierScheme,
    TierWindow,
)
from members.models.tier import LONGEST_DAYS, MOST_TIERS

MOST_THRESHOLD = 10**15
"""Minor units: ten trillion yuan. Beyond it sums of a year could leave what a database counts exactly."""
NEW_YEAR = 101


@dataclass(frozen=True, slots=True)
class TierDraft:
    """A tier and what it gives; `tier_id` None for a new one. Its level is its place in the scheme."""

    name: str
    threshold: int | None
    slug: str = ""
    tier_id: int | None = None
    discount_percent: int = 0
    points_multiplier: Decimal = Decimal(1)
    birthday_gift: str = ""
    birthday_points: int = 0
    service_agent: str = ""
    priority_dispatch: bool = False
    early_access_hours: int = 0


BENEFITS = tuple(each.name for each in fields(TierDraft) if each.name not in {"name", "threshold", "slug", "tier_id"})


@dataclass(frozen=True, slots=True)
class SchemeDraft:
    """All of a scheme, the lowest tier first."""

    tiers: tuple[TierDraft, ...]
    measure: str = TierMeasure.SPEND
    window: str = TierWindow.DAYS
    window_days: int = 365
    downgrade: str = DowngradePolicy.PERIODIC
    review: str = ReviewRule.DAYS
    review_days: int = 365
    review_key: int = NEW_YEAR
    step: str = DowngradeStep.ONE
    grace_days: int = 0


RULES = tuple(each.name for each in fields(SchemeDraft) if each.name != "tiers")
"""What a draft has in common with TierScheme."""


def draft_in_force() -> SchemeDraft | None:
    """This function will write the scheme in force as a draft; None while there is none."""
    scheme = TierScheme.objects.first()
    if scheme is None:
        return None
    tiers = tuple(draft_of(tier) for tier in Tier.objects.in_force())
    return SchemeDraft(tiers=tiers, **{name: getattr(scheme, name) for name in RULES})


def draft_of(tier: Tier) -> TierDraft:
    benefits = {name: getattr(tier, name) for name in BENEFITS}
    return TierDraft(name=tier.name, threshold=tier.threshold, slug=tier.slug, tier_id=tier.pk, **benefits)


def known_tiers(draft: SchemeDraft) -> SchemeDraft:
    """This function will take tiers that are called like one in force for that one."""
    known = dict(Tier.objects.in_force().values_list("slug", "pk"))
    tiers = (replace(each, tier_id=each.tier_id or known.get(each.slug)) for each in draft.tiers)
    return replace(draft, tiers=tuple(tiers))


def amount_text(value: int, measure: str) -> str:
    """This function will write a threshold as people read it: ¥1,000 or 6."""
    return money_text(value, shop_currency()) if measure == TierMeasure.SPEND else f"{value:,}"


# --- What is wrong with one


def problems_of(draft: SchemeDraft) -> list[FieldProblem]:
    """This function will name everything that keeps a draft from being put in force; paths are those of SchemeDraft."""
    return [*_rule_problems(draft), *_tier_problems(draft), *_threshold_problems(draft)]


def _rule_problems(draft: SchemeDraft) -> Iterator[FieldProblem]:
    for name, kind in (
        ("measure", TierMeasure),
        ("window", TierWindow),
        ("downgrade", DowngradePolicy),
        ("review", ReviewRule),
        ("step", DowngradeStep),
    ):
        if getattr(draft, name) not in kind.values:
            yield FieldProblem(name, "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(kind.values)})
    days = _("At least one day, at most %(most)s.") % {"most": f"{LONGEST_DAYS:,}"}
    for name in ("window_days", "review_days"):
        if not 1 <= getattr(draft, name) <= LONGEST_DAYS:
            yield FieldProblem(name, "out_of_range", days)
    if not 0 <= draft.grace_days <= LONGEST_DAYS:
        yield FieldProblem("grace_days", "out_of_range", _("A number of days from 0 to %(most)s.") % {"most": LONGEST_DAYS})
    if not _every_year(draft.review_key):
        yield FieldProblem("review_key", "no_such_day", _("There is no such day in every year."))
    if draft.window == TierWindow.YEAR and draft.downgrade == DowngradePolicy.PERIODIC:
        message = _("A calendar year is reviewed when it is over: on a day of the year, 1 January.")
        if draft.review != ReviewRule.DATE:
            yield FieldProblem("review", "not_when_over", message)
        elif draft.review_key != NEW_YEAR:
            yield FieldProblem("review_key", "not_when_over", message)


def _every_year(key: int) -> bool:
    month, day = divmod(key, 100)
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= lengths[month - 1]


def _tier_problems(draft: SchemeDraft) -> Iterator[FieldProblem]:
    if not draft.tiers:
        yield FieldProblem("tiers", "required", _("A scheme has at least one tier."))
    if len(draft.tiers) > MOST_TIERS:
        yield FieldProblem("tiers", "too_many", _("At most %(most)s tiers.") % {"most": MOST_TIERS})
    names: set[str] = set()
    for place, tier in enumerate(draft.tiers):
        if not tier.name.strip():
            yield _at(place, "name", "required", _("A tier needs a name."))
        elif tier.name.strip() in names:
            yield _at(place, "name", "twice", _("There are two tiers of the name “%(name)s”.") % {"name": tier.name})
        names.add(tier.name.strip())
        for name, most in (("discount_percent", 99), ("points_multiplier", 99), ("early_access_hours", 9_999)):
            if not 0 <= getattr(tier, name) <= most:
                yield _at(place, name, "out_of_range", _("From 0 to %(most)s.") % {"most": f"{most:,}"})
        if not 0 <= tier.birthday_points <= 1_000_000_000:
            yield _at(place, "birthday_points", "out_of_range", _("From 0 to %(most)s.") % {"most": "1,000,000,000"})


def _threshold_problems(draft: SchemeDraft) -> Iterator[FieldProblem]:
    """Each tier ends where the next begins: that thresholds rise from 0 is all it takes to leave no gap and no overlap."""
    before: TierDraft | None = None
    for place, tier in enumerate(draft.tiers):
        if tier.threshold is None:
            yield _at(place, "threshold", "required", _("Say from where on the tier is held; without it there is a gap."))
            continue
        says = {"name": tier.name, "amount": amount_text(tier.threshold, draft.measure)}
        if not 0 <= tier.threshold <= MOST_THRESHOLD:
            yield _at(place, "threshold", "out_of_range", _("A threshold is not negative, and not beyond all measure."))
        elif place == 0 and tier.threshold != 0:
            message = _("The lowest tier begins at 0, and “%(name)s” at %(amount)s: whoever has less would have no tier.")
            yield _at(place, "threshold", "not_zero", message % says)
        elif before is not None and before.threshold is not None and tier.threshold <= before.threshold:
            says["other"] = before.name
            equal = tier.threshold == before.threshold
            message = (
                _("“%(other)s” and “%(name)s” both begin at %(amount)s.")
                if equal
                else _("“%(name)s” begins at %(amount)s, below “%(other)s” before it: the two overlap.")
            )
            yield _at(place, "threshold", "equal" if equal else "overlap", message % says)
        before = tier


def _at(place: int, name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"tiers[{place}].{name}", code, message)


def placement(draft: SchemeDraft) -> tuple[Any, ...]:
    """This function will give what decides who holds what: two drafts that agree in it differ in names and benefits only."""
    rungs: Sequence[tuple[int | None, int | None]] = [(each.tier_id, each.threshold) for each in draft.tiers]
    return (*(getattr(draft, name) for name in RULES), tuple(rungs))
