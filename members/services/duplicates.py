"""Who may be one person under two ids: groups of members who share what should be one person's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.models import Identifier, Member
from members.services.merging import MERGED_KIND

MASK = "*"
"""A value with this in it was masked by a marketplace: many people share it, so it identifies nobody."""
MASKED_KINDS = "masked_"
GROUPS_AT_ONCE = 20
MEMBERS_NAMED = 6
"""Members of a group that are named. More share a shop's or a courier's number than are one person."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that two members share: rows with the same `columns`. `member` is where the rows name their member."""

    code: str
    label: str | Promise
    rows: QuerySet[Any, Any]
    columns: tuple[str, ...]
    member: str = "pk"


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Members who share `value`; `count` of them, the first few by id, in the order in which they came."""

    reason: str
    label: str | Promise
    value: tuple[Any, ...]
    count: int
    member_ids: tuple[int, ...]


def reasons() -> tuple[Reason, ...]:
    """This function will list what makes members likely duplicates, the surest first."""
    named = Member.objects.filter(birth_year__isnull=False).exclude(name="").exclude(name__contains=MASK)
    identified = Identifier.objects.exclude(kind__startswith=MASKED_KINDS).exclude(kind=MERGED_KIND)
    return (
        Reason("phone", _("the same phone number"), Member.objects.exclude(phone=""), ("phone",)),
        Reason("email", _("the same e-mail address"), _unmasked(Member.objects.exclude(email=""), "email"), ("email",)),
        Reason(
            "identifier", _("the same name elsewhere"), _unmasked(identified, "value"), ("kind", "value"), member="member_id"
        ),
        Reason("birthday", _("the same name and date of birth"), named, ("name", "birth_year", "birth_key")),
    )


def _unmasked(rows: QuerySet[Any, Any], column: str) -> QuerySet[Any, Any]:
    return rows.exclude(**{f"{column}__contains": MASK})


def find_duplicates(*, reason: str, start: int = 0, most: int = GROUPS_AT_ONCE) -> tuple[list[DuplicateGroup], bool]:
    """This function will return up to `most` groups of one reason, from the `start`th on, and whether there are more.

    Two statements: the groups, and their members. The first one reads its index in order and stops when the page is full.
    """
    asked = next(each for each in reasons() if each.code == reason)
    found = [(tuple(row[:-1]), row[-1]) for row in _groups(asked)[start : start + most + 1]]
    return _told(asked, found[:most]), len(found) > most


def duplicates_among(*, reason: str, member_ids: Sequence[int]) -> list[DuplicateGroup]:
    """This function will return the groups of one reason in which these members are now: who was found before may have been
    merged since."""
    asked = next(each for each in reasons() if each.code == reason)
    values = asked.rows.filter(**{f"{asked.member}__in": list(member_ids)}).values_list(*asked.columns).distinct()
    wanted = _any_of(asked, list(values))
    if not wanted:
        return []
    found = [(tuple(row[:-1]), row[-1]) for row in _groups(asked).filter(wanted)]
    return _told(asked, found)


def first_of_groups(asked: Reason, *, most: int) -> list[int]:
    """This function will return the member who came first of each group, of `most` groups."""
    return list(_groups(asked).annotate(first=Min(asked.member)).values_list("first", flat=True)[:most])


def _told(asked: Reason, found: Sequence[tuple[tuple[Any, ...], int]]) -> list[DuplicateGroup]:
    named = _members(asked, [value for value, _count in found])
    return [
        DuplicateGroup(asked.code, asked.label, value, count, tuple(named.get(value, ())[:MEMBERS_NAMED]))
        for value, count in found
    ]


def _groups(asked: Reason) -> QuerySet[Any, Any]:
    counted = (
        asked.rows.order_by().values(*asked.columns).annotate(members=Count(asked.member, distinct=asked.member != "pk"))
    )
    shared = counted.filter(members__gt=1).order_by(*asked.columns)
    return shared.values_list(*asked.columns, "members")


def _any_of(asked: Reason, values: Sequence[tuple[Any, ...]]) -> Q:
    wanted = Q()
    for value in values:
        wanted |= Q(**dict(zip(asked.columns, value, strict=True)))
    return wanted


def _members(asked: Reason, values: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[int]]:
    if not values:
        return {}
    rows = (
        asked.rows.filter(_any_of(asked, values))
        .annotate(held_by=F(asked.member))
        .values_list(*asked.columns, "held_by")
        .distinct()
    )
    members: dict[tuple[Any, ...], list[int]] = {}
    for row in rows.order_by("held_by"):
        members.setdefault(tuple(row[:-1]), []).append(row[-1])
    return members
