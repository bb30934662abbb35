"""Who is known by which name at which source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction

from core.sql import find_rows, insert_rows
from members.models import DirtyMark, Identifier, Member
from members.services.journal import Journal

KEY = ("source", "kind", "value")

Name = tuple[str, str, str]
"""Source, kind, value."""


def holders_of(*, names: Iterable[Name]) -> dict[Name, str]:
    """This function will return the external ids of the members whom sources know by these names."""
    wanted = sorted(set(names))
    found = find_rows(Identifier, KEY, wanted, returning=[*KEY, "member"])
    ids = dict(
        find_rows(Member, ["pk"], [(pk,) for pk in sorted({row[3] for row in found})], returning=["pk", "external_id"])
    )
    return {(source, kind, value): ids[pk] for source, kind, value, pk in found if pk in ids}


def claim_identifiers(*, names: Mapping[Name, str], journal: Journal | None = None) -> int:
    """This function will give names that nobody holds to members (by external id), and return how many were new.

    Nothing is taken away: a name that another member holds stays with them, and a member's other names stay.
    1. find the members, who then cannot be merged away before the transaction ends; 2. insert what is free, in sorted
    order; 3. mark whose names changed.
    """
    with transaction.atomic():
        members = [(external_id,) for external_id in sorted(set(names.values()))]
        ids = dict(find_rows(Member, ["external_id"], members, returning=["external_id", "pk"], held=True))
        rows = [(*name, ids[holder]) for name, holder in sorted(names.items()) if holder in ids]
        made = insert_rows(Identifier, [*KEY, "member"], rows, conflict=KEY, returning=["pk", "member"])
        touched = sorted({holder for _pk, holder in made})
        insert_rows(DirtyMark, ["member_id"], [(holder,) for holder in touched])
    if journal is not None:
        journal.names_gained += [pk for pk, _holder in made]
        journal.touched += touched
    return len(made)
