"""Which addresses refused, whoever had them: a refusal goes with the address, not only with the member.

So an address that comes back under a new id, after its member was erased, or that two members share, is refused there too,
until a consent that was said after the refusal.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from core.batching import batches
from core.sql import find_rows, insert_rows
from members.models import ADDRESS_COLUMNS, AddressRefusal, Member

KEY = ("hashed", "purpose", "channel")
AT_ONCE = 5_000


class Addressed(NamedTuple):
    """One address, for one purpose of its channel."""

    channel: str
    purpose: str
    address: str


def hash_of(channel: str, address: str) -> str:
    """This function will return what an address is known again by. Keyed: of eleven digits anybody could try all."""
    return hmac.digest(_key(settings.SECRET_KEY), f"{channel}:{address}".encode(), "sha256").hex()


@lru_cache(maxsize=1)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"rekindle.members.address_refusal" + secret.encode()).digest()


def note_refusals(refused: Mapping[Addressed, datetime]) -> None:
    """This function will note when addresses refused, inside the caller's transaction; an earlier instant changes nothing.

    Rows are written in one order, so that two who share addresses wait for each other in no circle.
    """
    at = {_row_key(each): moment for each, moment in refused.items() if each.address}
    rows = [(*key, moment) for key, moment in sorted(at.items())]
    made = insert_rows(AddressRefusal, [*KEY, "refused_at"], rows, conflict=KEY, returning=KEY)
    for key in sorted(at.keys() - set(made)):
        hashed, purpose, channel = key
        known = AddressRefusal.objects.filter(hashed=hashed, purpose=purpose, channel=channel, refused_at__lt=at[key])
        known.update(refused_at=at[key])


def refused_since(asked: Collection[Addressed]) -> dict[Addressed, datetime]:
    """This function will return when addresses refused last, of those that did; nothing is asked where none ever did."""
    if not asked or not AddressRefusal.objects.exists():
        return {}
    wanted = {_row_key(each): each for each in asked if each.address}
    ids = [pk for (pk,) in find_rows(AddressRefusal, KEY, sorted(wanted), returning=["pk"])]
    found: dict[Addressed, datetime] = {}
    for chunk in batches(ids, AT_ONCE):
        rows = AddressRefusal.objects.filter(pk__in=chunk).values_list(*KEY, "refused_at")
        found |= {wanted[hashed, purpose, channel]: moment for hashed, purpose, channel, moment in rows}
    return found


def _row_key(asked: Addressed) -> tuple[str, str, str]:
    return hash_of(asked.channel, asked.address), asked.purpose, asked.channel


# --- Whose they are


def addresses_of(member_ids: Iterable[int]) -> dict[tuple[int, str], str]:
    """This function will read the addresses of members: {(member, channel): address}."""
    columns = tuple(ADDRESS_COLUMNS.values())
    found: dict[tuple[int, str], str] = {}
    for chunk in batches(sorted(member_ids), AT_ONCE):
        for pk, *addresses in Member.objects.filter(pk__in=chunk).values_list("pk", *columns):
            told = zip(ADDRESS_COLUMNS, addresses, strict=True)
            found |= {(pk, channel): address for channel, address in told if address}
    return found


def holders_of(channel: str, addresses: Collection[str]) -> dict[int, str]:
    """This function will find who has one of these addresses: {member: address}."""
    column = ADDRESS_COLUMNS[channel]
    found: dict[int, str] = {}
    for chunk in batches(sorted({each for each in addresses if each}), AT_ONCE):
        # The second condition says nothing new: by it the database knows that its index of what is known will do.
        rows = Member.objects.filter(Q(**{f"{column}__in": chunk}) & ~Q(**{column: ""}))
        found |= dict(rows.values_list("pk", column))
    return found
