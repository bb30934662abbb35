"""The members of a segment as rows to give away, a chunk at a time: memory stays flat however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.models import Member
from retention.fields import FACT_FIELDS, SCORE_FIELDS
from retention.models import Membership, Segment, Transition
from retention.selectors.listings import external_ids, transitions
from retention.selectors.sections import facts_rows, scores_rows

CHUNK = 5_000
PROFILE: Mapping[str, str | Promise] = {
    "external_id": _("member number"),
    "entered_at": _("in the segment since"),
    "name": _("name"),
    "phone": _("phone"),
    "email": _("e-mail"),
    "city": _("city"),
    "province": _("province"),
}
FACTS = {field.name: field.label for field in FACT_FIELDS}
SCORES = {field.name: field.label for field in SCORE_FIELDS}
COLUMNS: Mapping[str, Any] = {**PROFILE, **FACTS, **SCORES}
"""What can be exported, with its label, in the order in which it is offered."""
ANONYMOUS = frozenset({"external_id", "entered_at"})
DEFAULT = ("external_id", "entered_at")
CONTACTS = frozenset({"phone", "email"})
_OF_MEMBERS = tuple(name for name in PROFILE if name != "entered_at")

Hide = Callable[[str, str], str]
"""How a contact is shown (column, value) to who may not see it whole."""


def as_it_is(_column: str, value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class _Known:
    """What a chunk's columns are read from."""

    profiles: Mapping[int, Mapping[str, Any]]
    facts: Mapping[int, Mapping[str, Any]]
    scores: Mapping[int, Mapping[str, Any]]


def member_rows(segment: Segment, columns: Sequence[str], *, hide: Hide = as_it_is) -> Iterator[list[Any]]:
    """This function will yield a row of `columns` (names of COLUMNS) for each member, in the order of members.

    Whoever enters or leaves meanwhile is a row or not; nobody is two. A member erased since is left out.
    """
    for chunk in _chunks(segment):
        known = _read([member_id for member_id, _since in chunk], columns)
        for member_id, since in chunk:
            profile = known.profiles.get(member_id)
            if profile is not None:
                cells = {"entered_at": since, **profile, **known.facts.get(member_id, {}), **known.scores.get(member_id, {})}
                yield [_cell(name, cells.get(name), hide) for name in columns]


def transition_rows(segment: Segment, **period: Any) -> Iterator[list[Any]]:
    """This function will yield (member number, came or went, when) for the comings and goings of a period, oldest first."""
    last = 0
    # Their keys grow with their instants: refreshes append them one after the other.
    listed = transitions(segment, **period).order_by("pk")
    while chunk := list(listed.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1].pk
        names = external_ids([each.member_id for each in chunk])
        yield from (_transition(each, names) for each in chunk if each.member_id in names)


def _transition(each: Transition, names: Mapping[int, str]) -> list[Any]:
    return [names[each.member_id], "entered" if each.entered else "left", each.at.isoformat()]


def _chunks(segment: Segment) -> Iterator[list[tuple[int, Any]]]:
    listed = Membership.objects.filter(segment=segment).order_by("member_id").values_list("member_id", "entered_at")
    chunk = list(listed[:CHUNK])
    while chunk:
        yield chunk
        chunk = list(listed.filter(member_id__gt=chunk[-1][0])[:CHUNK]) if len(chunk) == CHUNK else []


def _read(ids: list[int], columns: Sequence[str]) -> _Known:
    wanted = [name for name in _OF_MEMBERS if name in columns or name == "external_id"]
    rows = Member.objects.filter(pk__gte=ids[0], pk__lte=ids[-1], pk__in=ids).values("pk", *wanted)
    return _Known(
        profiles={row["pk"]: row for row in rows},
        facts=facts_rows(ids) if any(name in FACTS for name in columns) else {},
        scores=scores_rows(ids) if any(name in SCORES for name in columns) else {},
    )


def _cell(name: str, value: Any, hide: Hide) -> Any:
    if name in CONTACTS and value:
        return hide(name, value)
    return value.isoformat() if name == "entered_at" and value is not None else value
