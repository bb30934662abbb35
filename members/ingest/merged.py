"""Ids of members who were merged into others: what a row says of such an id is said of the member who answers for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from core.sql import find_rows
from members.models import Member, MergeRecord


class Answering(NamedTuple):
    """The member who answers for a merged id."""

    member_id: int
    external_id: str


def answering(names: Iterable[str]) -> dict[str, Answering]:
    """This function will return who answers for those of `names` that were merged, as far as merges are committed."""
    wanted = [(name,) for name in names]
    pks = [pk for (pk,) in find_rows(MergeRecord, ["dropped_external_id"], wanted, returning=["pk"])]
    standing = MergeRecord.objects.standing().filter(pk__in=pks)
    rows = standing.values_list("dropped_external_id", "member_id", "member__external_id")
    return {name: Answering(member_id, external_id) for name, member_id, external_id in rows} if pks else {}


def held_answering(names: Iterable[str]) -> dict[str, int]:
    """This function will return who answers for those of `names` that were merged, held until this transaction ends.

    A merge or its undoing that commits while we wait for the member is seen: then we look again.
    """
    wanted = sorted(names)
    while found := answering(wanted):
        ids = {each.member_id for each in found.values()}
        held = find_rows(Member, ["pk"], [(pk,) for pk in sorted(ids)], returning=["pk"], held=True)
        if len(held) == len(ids) and answering(wanted) == found:
            return {name: each.member_id for name, each in found.items()}
    return {}
