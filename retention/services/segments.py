"""Making, changing and deleting segments. What is in them is the refreshes' business."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from core.locks import EDITING, LockSpace, lock_for_transaction, share_for_transaction
from core.queue import enqueue_on_commit
from core.registry import Use, UsedBy
from retention.models import (
    ListUpload,
    Membership,
    Segment,
    SegmentSize,
    SegmentVersion,
    StaticMember,
    Transition,
    UploadedId,
    UploadPiece,
)
from retention.models.segments import BITS_PER_WORD
from retention.selectors.reasons import demand_reasons_askable_together, listed, placed_rule
from retention.selectors.rules import Rulebook, invalid_rule
from retention.selectors.uses import uses_of
from retention.services.masks import clear_place
from rules.ast import Node, segments_in
from rules.errors import RuleErrors
from rules.parse import parse

LONGEST_NAME = 200
LONGEST_SLUG = 100
TAKEN_BY_ADDRESSES = frozenset({"preview", "explain", "library"})
"""Short names that no segment can have: addresses of ours stand in their place."""


class InUse(DomainError):
    """Somebody could not go on without the segment; nothing was deleted."""

    code = "in_use"

    def __init__(self, holders: Sequence[tuple[UsedBy, Use]]) -> None:
        problems = [
            FieldProblem("", "in_use", _("%(kind)s “%(name)s” names it.") % {"kind": each.label, "name": use.name})
            for each, use in holders
        ]
        names = ", ".join(use.name for _each, use in holders)
        super().__init__(_("This segment is in use by %(names)s.") % {"names": names}, problems=problems)


class ChangedMeanwhile(DomainError):
    """Somebody else saved the segment since it was read; nothing was saved over it. `now` is what stands there."""

    code = "changed_meanwhile"

    def __init__(self, now: Segment) -> None:
        super().__init__(_("Somebody else saved this segment meanwhile. Look at it again."))
        self.now = now


def edition_of(segment: Segment) -> str:
    """This function will name what a segment says: another name once another rule, name or description is saved."""
    said = [segment.pk, segment.version_id, segment.name, segment.description]
    return sha256(json.dumps(said).encode()).hexdigest()[:16]


def create_segment(*, slug: str, name: str, rule: object, now: datetime, by: str = "", description: str = "") -> Segment:
    """This function will save a segment with its first rule; the next refresh fills it.

    Raises InvalidInput with a problem for each thing wrong with slug, name and rule.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        rulebook = Rulebook()
        problems = [*_slug_problems(slug, rulebook), *_name_problems(name)]
        _check_rule(rule, rulebook, slug=None, problems=problems)
        segment = _placed(rulebook, slug=slug, name=name, description=description, now=now)
        _save_version(segment, rule, number=1, now=now, by=by)
        enqueue_on_commit("retention.refresh")
    return segment


def new_segment(*, slug: str, name: str, description: str, now: datetime, static: bool) -> Segment:
    """This function will save a segment without a rule; raises InvalidInput as `create_segment`.

    The caller holds the lock of edits.
    """
    rulebook = Rulebook()
    problems = [*_slug_problems(slug, rulebook), *_name_problems(name)]
    if problems:
        raise InvalidInput(problems[0].message, problems=problems)
    return _placed(rulebook, slug=slug, name=name, description=description, now=now, static=static)


def change_rule(*, segment: Segment, rule: object, now: datetime, by: str = "") -> Segment:
    """This function will save another rule as a new version; the next refresh follows it. The same rule changes nothing.

    Raises InvalidInput as `create_segment`, also where a segment that mentions this one could no longer be evaluated.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        rulebook = Rulebook()
        stored = rulebook.segments.get(segment.slug)
        if stored is None or stored.static or stored.version is None:
            raise _refused("rule", "static", _("A fixed list has no rule."))
        checked = _check_rule(rule, rulebook, slug=segment.slug, problems=[])
        users = _check_users(segment.slug, checked, rulebook)
        _check_reasons({segment.slug, *users}, rulebook)
        if stored.version.rule != rule:
            _save_version(stored, rule, number=stored.version.number + 1, now=now, by=by)
            enqueue_on_commit("retention.refresh")
    return stored


def edit_segment(
    *,
    segment: Segment,
    now: datetime,
    by: str = "",
    rule: object = None,
    name: str | None = None,
    description: str | None = None,
    seen: str = "",
) -> Segment:
    """This function will save what is given of a rule, a name and a description, all of it or nothing.

    `seen` is the edition that was changed (`edition_of`): where another stands there by now, ChangedMeanwhile, and nothing
    is saved over what somebody else wrote. Without it what is given is saved in any case. Raises InvalidInput as
    `change_rule`, NotFound for a segment that was deleted meanwhile.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)  # of all edits, and before any row
        rows = Segment.objects.select_related("version").select_for_update(of=("self",), no_key=True)
        stored = rows.filter(pk=segment.pk).first()
        if stored is None:
            raise NotFound(_("There is no such segment."))
        if seen and seen != edition_of(stored):
            raise ChangedMeanwhile(stored)
        if rule is not None:
            stored = change_rule(segment=stored, rule=rule, now=now, by=by)
        wanted = (stored.name if name is None else name, stored.description if description is None else description)
        if wanted != (stored.name, stored.description):
            _describe(stored, *wanted)
    return stored


def _describe(segment: Segment, name: str, description: str) -> None:
    problems = _name_problems(name)
    if problems:
        raise InvalidInput(problems[0].message, problems=problems)
    segment.name, segment.description = name.strip(), description
    segment.save(update_fields=["name", "description"])


def delete_segment(*, segment: Segment) -> None:
    """This function will delete a segment with its members and history, unless somebody could not go on without it.

    It waits for a refresh that is under way, and for campaigns that are being started. Steps: clear its bits, so that its
    place may be given out again; delete its rows; delete the segment.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        # Whoever changes the list holds it: its rows come before they are deleted here, or never.
        Segment.objects.select_for_update(of=("self",)).filter(pk=segment.pk).first()
        holders = [(each, use) for each, use in uses_of(segment.slug) if use.holds]
        if holders:
            raise InUse(holders)
        clear_place(word=segment.word, bit=segment.bit)
        for rows in (Membership, Transition, SegmentSize, StaticMember):
            rows.objects.filter(segment=segment).delete()
        Segment.objects.filter(pk=segment.pk).update(version=None, evaluated_version=None)
        SegmentVersion.objects.filter(segment=segment).delete()
        _delete_uploads(segment)
        Segment.objects.filter(pk=segment.pk).delete()


def _delete_uploads(segment: Segment) -> None:
    uploads = ListUpload.objects.filter(segment=segment)
    for rows in (UploadedId, UploadPiece):
        rows.objects.filter(upload__in=uploads.values("pk")).delete()
    uploads.delete()
    ListUpload.objects.filter(source=segment).update(source=None)


def keep_segments() -> None:
    """This function will keep rules and segments as they are until the transaction ends, together with others who do.

    Whoever begins to rely on a segment takes this before looking whether it is there.
    """
    share_for_transaction(LockSpace.REFRESH, EDITING)


def _placed(rulebook: Rulebook, *, name: str, now: datetime, **columns: Any) -> Segment:
    word, bit = _free_place(rulebook)
    return Segment.objects.create(name=name.strip(), word=word, bit=bit, created_at=now, **columns)


def _save_version(segment: Segment, rule: object, *, number: int, now: datetime, by: str) -> None:
    segment.version = SegmentVersion.objects.create(segment=segment, number=number, rule=rule, created_at=now, created_by=by)
    segment.save(update_fields=["version"])


def _free_place(rulebook: Rulebook) -> tuple[int, int]:
    """The first place no segment has; that no two have one, a constraint says."""
    taken = {(segment.word, segment.bit) for segment in rulebook.segments.values()}
    return next(place for place in (divmod(number, BITS_PER_WORD) for number in count()) if place not in taken)


def _check_rule(rule: object, rulebook: Rulebook, *, slug: str | None, problems: list[FieldProblem]) -> Node:
    """The rule as it can be evaluated, inner segments in place; what is wrong with it joins `problems`, which are raised."""
    try:
        checked = rulebook.read(rule)
        rulebook.placed(checked, slug=slug)
    except RuleErrors as errors:
        problems = [*problems, *invalid_rule(errors, prefix="rule").problems]
    if problems:
        raise InvalidInput(problems[0].message, problems=problems)
    return checked


def _check_users(slug: str, rule: Node, rulebook: Rulebook) -> set[str]:
    """What mentions this segment, directly or through others, must still be possible with its new rule. Returns those."""
    rulebook.put(slug, rule)
    waiting, seen = rulebook.users_of(slug), set[str]()
    while waiting:
        user = waiting.pop()
        if user in seen:
            continue
        seen.add(user)
        try:
            rulebook.condition_of(user, day=0)
        except RuleErrors as errors:
            name = rulebook.segments[user].name
            message = _("The segment “%(name)s” mentions this one: %(problem)s") % {"name": name, "problem": errors}
            raise _refused("rule", "breaks_segment", message) from None
        waiting += rulebook.users_of(user)
    return seen


def _check_reasons(slugs: set[str], rulebook: Rulebook) -> None:
    """The rules that tell reasons and mention one of these must still be possible, the new rule standing in the book."""
    for each in listed():
        try:
            if slugs & segments_in(parse(each.rule)):
                placed_rule(each.rule, rulebook)
                demand_reasons_askable_together(rulebook)
        except RuleErrors as errors:
            message = _("The rule of the churn reason “%(name)s” mentions this segment: %(problem)s")
            said = message % {"name": each.get_reason_display(), "problem": errors}
            raise _refused("rule", "breaks_reason", said) from None


def _slug_problems(slug: str, rulebook: Rulebook) -> list[FieldProblem]:
    try:
        validate_unicode_slug(slug)
    except ValidationError:
        return [FieldProblem("slug", "invalid", _("Letters, digits, hyphens and underscores alone."))]
    if len(slug) > LONGEST_SLUG:
        return [FieldProblem("slug", "too_long", _("At most 100 characters."))]
    if slug in rulebook:
        return [FieldProblem("slug", "taken", _("Another segment has this short name."))]
    if slug in TAKEN_BY_ADDRESSES:
        return [FieldProblem("slug", "taken", _("This short name is taken by an address of the API."))]
    return []


def _name_problems(name: str) -> list[FieldProblem]:
    if not name.strip():
        return [FieldProblem("name", "required", _("Give the segment a name."))]
    if len(name.strip()) > LONGEST_NAME:
        return [FieldProblem("name", "too_long", _("At most 200 characters."))]
    return []


def _refused(path: str, code: str, message: str | Promise) -> InvalidInput:
    return InvalidInput(message, problems=[FieldProblem(path, code, message)])
