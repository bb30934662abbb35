"""The members of a segment as rows to give away, a chunk at a time: memory stays flat however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.periods import date_of
from members.models import Member
from retention.fields import CHURN_REASON, SCORE_FIELDS, SHOWN_FACTS
from retention.models import Membership, Segment, Transition
from retention.scored import current_parameters
from retention.selectors.listings import external_ids, transitions
from retention.selectors.reasons import rows_asked
from retention.selectors.rules import Rulebook
from retention.selectors.state import asked_at
from rules.fields import FieldType

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
FACTS = {field.name: field.label for field in SHOWN_FACTS}
SCORES = {field.name: field.label for field in SCORE_FIELDS}
COLUMNS: Mapping[str, Any] = {**PROFILE, **FACTS, **SCORES}
"""What can be exported, with its label, in the order in which it is offered."""
ANONYMOUS = frozenset({"external_id", "entered_at"})
DEFAULT = ("external_id", "entered_at")
CONTACTS = frozenset({"phone", "email"})
DATES = frozenset(field.name for field in (*SHOWN_FACTS, *SCORE_FIELDS) if field.type is FieldType.DATE)

Hide = Callable[[str, str], str]
"""How a contact is shown (column, value) to who may not see it whole."""


def as_it_is(_column: str, value: str) -> str:
    return value


class _Reader:
    """Reads what the chosen columns need and no more, of one chunk after the other, all by the same parameters and day."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._asked, self._parameters, self._rulebook = asked_at(None), current_parameters(), Rulebook()
        self._profile = [name for name in PROFILE if name != "entered_at" and (name in columns or name == "external_id")]
        self._fields = [field for field in (*SHOWN_FACTS, *SCORE_FIELDS) if field.name in columns]

    def profiles(self, ids: list[int]) -> dict[int, Mapping[str, Any]]:
        rows = Member.objects.filter(pk__gte=ids[0], pk__lte=ids[-1], pk__in=ids).values("pk", *self._profile)
        return {row["pk"]: row for row in rows}

    def scores(self, ids: list[int]) -> dict[int, Mapping[str, Any]]:
        if self._asked is None or not self._fields:
            return {}
        rows = rows_asked(
            rulebook=self._rulebook,
            parameters=self._parameters,
            day=self._asked.day,
            as_of=self._asked.instant,
            scope=ids,
            with_reason=any(field.name == CHURN_REASON for field in self._fields),
        )
        read = rows.values_list("member_id", *(field.column for field in self._fields))
        names = [field.name for field in self._fields]
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in read}


def member_rows(segment: Segment, columns: Sequence[str], *, hide: Hide = as_it_is) -> Iterator[list[Any]]:
    """This function will yield a row of `columns` (names of COLUMNS) for each member, in the order of members.

    Whoever enters or leaves meanwhile is a row or not; nobody is two. A member erased since is left out.
    """
    reader = _Reader(columns)
    for chunk in _chunks(segment):
        ids = [member_id for member_id, _since in chunk]
        profiles, scores = reader.profiles(ids), reader.scores(ids)
        for member_id, since in chunk:
            profile = profiles.get(member_id)
            if profile is not None:
                cells = {"entered_at": since, **profile, **scores.get(member_id, {})}
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


def _cell(name: str, value: Any, hide: Hide) -> Any:
    if value is None:
        return None
    if name in CONTACTS:
        return hide(name, value) if value else value
    if name in DATES:
        return date_of(value).isoformat()
    return value.isoformat() if name == "entered_at" else value
