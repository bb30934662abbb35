"""A recognised file in, whole: its orders batch by batch, then what they tell of the members who placed them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from core.batching import batches
from core.conf import shop_currency
from members.ingest.connectors import REGISTERED, Connector
from members.ingest.connectors.base import Claim, Profile, SourceRow
from members.ingest.connectors.detect import Detected
from members.ingest.connectors.generic import MappedColumns
from members.ingest.connectors.spill import LatestProfiles, spilled
from members.ingest.importing import BATCH, ImportCounts, RefusedRow
from members.ingest.load import ingest_members, ingest_orders
from members.ingest.result import IngestResult, RejectedRow
from members.services.identifiers import claim_identifiers, holders_of
from members.services.journal import Journal
from members.services.mappings import mapping_named
from members.services.shops import name_shops

DEFAULT_SHOP = "default"


@dataclass(frozen=True, slots=True)
class RefusedItem(RefusedRow):
    """A refused row with the file it stands in and its cells as they were."""

    row: SourceRow | None = None

    @property
    def path(self) -> Path | None:
        return self.row.path if self.row else None


class Source(Protocol):
    """What is read as one: tables that belong together, or a file of lines."""

    @property
    def shops(self) -> Mapping[str, str]: ...

    def rows(self, *, shop: str = "", currency: str) -> Iterator[SourceRow]: ...


class Ingest(Protocol):
    def __call__(self, items: Sequence[object], journal: Journal | None = None) -> IngestResult: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows that are taken in together. `take` adds to the counts, notes in the journal, returns what was refused."""

    rows: int
    take: Callable[[ImportCounts, Journal | None], list[RefusedItem]]


def take_orders(
    found: Detected, *, now: datetime, counts: ImportCounts, proof: str, shop: str = ""
) -> Iterator[list[RefusedItem]]:
    """This function will take a source's orders in, a transaction a batch, and yield what each batch refused.

    1. read items; a buyer whom somebody holds by this name already is that member;
    2. take the batch in, and keep what its accepted orders tell of their members;
    3. at the end, write the latest word on each member, and the names that the source knows them by;
    4. name the shops that the file names.

    An import that dies on the way has taken whole batches; run again it changes nothing of them and goes on.
    """
    with spilled() as connection:
        for batch in order_batches(found, now=now, proof=proof, shop=shop, profiles=LatestProfiles(connection)):
            yield batch.take(counts, None)


def take_items(found: Source, ingest: Ingest, counts: ImportCounts) -> Iterator[list[RefusedItem]]:
    """This function will take a source's items in, a transaction a batch, and yield what each batch refused."""
    for batch in item_batches(found, ingest):
        yield batch.take(counts, None)


def order_batches(found: Source, *, now: datetime, proof: str, shop: str, profiles: LatestProfiles) -> Iterator[Batch]:
    """This function will cut a source's orders, and then what they tell of members, into batches: the same ones each time.

    Batches that are passed over count as taken; `profiles` must then hold what they told.
    """
    for rows in batches(found.rows(shop=shop, currency=shop_currency()), BATCH):
        yield Batch(len(rows), partial(_take_orders, rows, profiles, now=now, shop=shop or DEFAULT_SHOP))
    for chunk in batches(profiles.all(), BATCH):
        yield Batch(0, partial(_take_profiles, chunk, now=now, proof=proof))
    if not shop and found.shops:
        yield Batch(0, partial(_name_shops, found.shops))


def item_batches(found: Source, ingest: Ingest) -> Iterator[Batch]:
    """This function will cut a source's items into batches."""
    for rows in batches(found.rows(currency=shop_currency()), BATCH):
        yield Batch(len(rows), partial(_take_items, rows, ingest))


def connector_named(*, name: str, target: str) -> Connector | None:
    """This function will return what `--format` names: nothing for auto, a connector, or one made of a saved mapping."""
    built_in = REGISTERED.by_code.get(target if name == "csv" else name)
    if name == "auto" or (built_in is not None and built_in.target == target and not built_in.completes):
        return None if name == "auto" else built_in
    return MappedColumns(mapping_named(name=name, target=target))


def _take_orders(
    rows: list[SourceRow],
    profiles: LatestProfiles,
    counts: ImportCounts,
    journal: Journal | None,
    *,
    now: datetime,
    shop: str,
) -> list[RefusedItem]:
    batch = _with_holders(rows)
    whole = [row for row in batch if not row.problems]
    result = ingest_orders([row.item for row in whole], now=now, shop=shop, journal=journal)
    refused = {each.index for each in result.rejected}
    taken = (row.profile for index, row in enumerate(whole) if index not in refused)
    profiles.put(profile for profile in taken if profile is not None)
    return _counted(batch, whole, result, counts)


def _name_shops(names: Mapping[str, str], counts: ImportCounts, journal: Journal | None) -> list[RefusedItem]:
    name_shops(names=names)
    return []


def _take_items(batch: list[SourceRow], ingest: Ingest, counts: ImportCounts, journal: Journal | None) -> list[RefusedItem]:
    whole = [row for row in batch if not row.problems]
    return _counted(batch, whole, ingest([row.item for row in whole], journal), counts)


def _counted(batch: list[SourceRow], whole: list[SourceRow], result: Any, counts: ImportCounts) -> list[RefusedItem]:
    refused = [RefusedItem(row.number, row.item, RejectedRow(0, row.problems), row) for row in batch if row.problems]
    for each in result.rejected:
        row = whole[each.index]
        refused.append(RefusedItem(row.number, row.item, each, row))
    counts.accepted += result.accepted
    counts.rejected += len(refused)
    counts.created += result.created
    counts.changed += result.changed
    counts.suppressed += sum(len(each.errors) for each in result.warnings)
    return sorted(refused, key=lambda each: (str(each.path), each.number))


# --- Members whom orders tell of


def _name(claim: Claim) -> tuple[str, str, str]:
    return (claim.source, claim.kind, claim.value)


def _with_holders(batch: Iterable[SourceRow]) -> list[SourceRow]:
    """This function will give orders to the members who hold their buyers' names; members are merged and named by hand."""
    rows = [*batch]
    names = {_name(claim) for row in rows if row.profile for claim in row.profile.claims}
    holders = holders_of(names=names) if names else {}
    return [_held(row, holders) for row in rows] if holders else rows


def _held(row: SourceRow, holders: Mapping[tuple[str, str, str], str]) -> SourceRow:
    if row.profile is None:
        return row
    holder = next((holders[name] for claim in row.profile.claims if (name := _name(claim)) in holders), row.profile.member)
    if holder == row.profile.member:
        return row
    return replace(row, item={**row.item, "member": holder}, profile=replace(row.profile, member=holder))


def _take_profiles(
    profiles: list[Profile], counts: ImportCounts, journal: Journal | None, *, now: datetime, proof: str
) -> list[RefusedItem]:
    told = [{"external_id": profile.member, **profile.item} for profile in profiles if profile.item]
    result = ingest_members(told, now=now, proof=proof, journal=journal)
    names = {_name(claim): profile.member for profile in profiles for claim in profile.claims}
    claim_identifiers(names=names, journal=journal)
    counts.rejected += len(result.rejected)
    counts.suppressed += sum(len(each.errors) for each in result.warnings)
    return [RefusedItem(0, told[each.index], each) for each in result.rejected]
