"""Writing members: new ones in one statement, known ones merged on locked rows, with their tags, identifiers and consents.

Locks are taken in one order - new members, known members, identifiers, each sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import UNSET

from core.batching import batches
from core.errors import FieldProblem
from core.sql import find_rows, insert_rows, update_rows
from members.ingest.attributes import declare_attributes
from members.ingest.merged import Answering, answering
from members.ingest.normalise import MEMBER_KEYS, Surroundings
from members.ingest.referrers import referrers_of
from members.ingest.result import IngestResult, RejectedRow
from members.ingest.rows import Identifies, MemberRow
from members.models import ADDRESS_COLUMNS, DirtyMark, Identifier, Member, MemberTag, random_bucket
from members.services.consents import Origin, Recorded, Word, record
from members.services.earning.marks import mark_profiles
from members.services.journal import Journal, member_mark, plain

DERIVED: dict[str, Any] = {"birth_year": None, "birth_key": None, "birth_calendar": "", "registered_day": None}
EMPTY: dict[str, Any] = {key.column: key.empty for key in MEMBER_KEYS} | DERIVED | {"attributes": {}}
"""What a column holds that no row ever stated."""

COLUMNS = tuple(EMPTY)
BIRTHDAY = ("birth_key", "birth_year", "birth_calendar")
ADDRESSES = tuple(ADDRESS_COLUMNS.values())
TOLD_TOGETHER = frozenset({*BIRTHDAY, "registered_at", "registered_day"})
IDENTIFIER_KEY = ("source", "kind", "value")
TAG_COLUMNS = ("pk", "member_id", "tag")
ATTEMPTS = 5
"""How often a call starts again because a rival was first. Each time what the rival did is known."""


class Overtaken(Exception):
    """A rival committed, between our look and our writing, what changes what we have to write."""


class IdentifierClaimed(Overtaken):
    """One of our identifiers is somebody's by now."""


class MemberMerged(Overtaken):
    """One of our members was merged into another by now, or parted again."""


@dataclass(slots=True)
class MemberState:
    """A member as it stands while rows are applied to it. Lists are None until a row states them."""

    values: dict[str, Any]
    tags: tuple[str, ...] | None = None
    more_tags: tuple[str, ...] = ()
    identifiers: tuple[Identifies, ...] | None = None
    words: list[tuple[MemberRow, bool]] = field(default_factory=list)
    """Rows that speak of consent, in order, and whether they only add: a merged id's consent fills what is not known."""

    def take(self, row: MemberRow) -> None:
        if row.consents:
            self.words.append((row, row.adds_only))
        if row.adds_only:
            self.add(row)
            return
        self.values = {**self.values, **row.stated, "attributes": _merged(self.values["attributes"], row)}
        self.tags = self.tags if row.tags is UNSET else row.tags
        self.identifiers = self.identifiers if row.identifiers is UNSET else row.identifiers

    def add(self, row: MemberRow) -> None:
        """This function will take of a merged id's row what is not known, and its refusals: those are never lost."""
        new = {
            column: value
            for column, value in row.stated.items()
            if column in self.values and self.values[column] in (None, "") and column not in TOLD_TOGETHER
        }
        for columns in (BIRTHDAY, ("registered_at", "registered_day")):
            if columns[0] in row.stated and self.values[columns[0]] is None:
                new |= {column: row.stated[column] for column in columns}
        attributes = {} if row.attributes is UNSET or row.attributes is None else row.attributes
        more = {name: value for name, value in attributes.items() if value is not None}
        self.values = {**self.values, **new, "attributes": {**more, **self.values["attributes"]}}
        self.more_tags += () if row.tags is UNSET else row.tags


def _merged(known: Mapping[str, Any], row: MemberRow) -> Mapping[str, Any]:
    """Attributes are merged name by name: null takes a name away, null for the whole takes all away."""
    if row.attributes is UNSET:
        return known
    if row.attributes is None:
        return {}
    return {name: value for name, value in {**known, **row.attributes}.items() if value is not None}


@dataclass(slots=True)
class Claims:
    """Who holds which identifier while rows are applied, and what that changes."""

    holders: dict[Identifies, str]
    held: dict[str, set[Identifies]]
    before: dict[Identifies, str]

    @classmethod
    def of(cls, before: dict[Identifies, str]) -> Claims:
        held: dict[str, set[Identifies]] = {}
        for identifier, holder in before.items():
            held.setdefault(holder, set()).add(identifier)
        return cls(dict(before), held, before)

    def refused(self, row: MemberRow) -> FieldProblem | None:
        """This function will give the row's member its identifiers, or say which one belongs to somebody else."""
        if row.identifiers is UNSET:
            return None
        for place, identifier in enumerate(row.identifiers):
            if self.holders.get(identifier, row.external_id) != row.external_id:
                message = _("This identifier belongs to another member.")
                return FieldProblem(f"identifiers[{place}]", "identifier_taken", message)
        held = self.held.setdefault(row.external_id, set())
        if not row.adds_only:
            for identifier in held:
                del self.holders[identifier]
            held.clear()
        held.update(row.identifiers)
        self.holders.update(dict.fromkeys(row.identifiers, row.external_id))
        return None

    @property
    def given_up(self) -> list[Identifies]:
        return sorted(held for held, holder in self.before.items() if self.holders.get(held) != holder)

    @property
    def taken(self) -> list[tuple[Identifies, str]]:
        return sorted((held, holder) for held, holder in self.holders.items() if self.before.get(held) != holder)


def write_members(
    rows: Sequence[MemberRow], given: Surroundings, *, origin: Origin, journal: Journal | None = None
) -> IngestResult:
    """This function will write cleaned rows and mark their members, inside the caller's transaction."""
    overtaken = Overtaken()
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _write(rows, given, origin, journal)
        except Overtaken as error:
            overtaken = error
    raise overtaken


def _spoken_of(rows: Sequence[MemberRow], found: Mapping[str, Answering]) -> Sequence[MemberRow]:
    """This function will turn rows of merged ids into rows that add to the member who answers for them."""
    if not found:
        return rows
    return [
        replace(row, external_id=found[row.external_id].external_id, adds_only=True) if row.external_id in found else row
        for row in rows
    ]


def _write(rows: Sequence[MemberRow], given: Surroundings, origin: Origin, journal: Journal | None) -> IngestResult:
    """Members first, so that whoever writes the same ones waits; then who holds which identifier cannot change under us.

    What may be overtaken is written before anything is noted in the journal.
    """
    names = {row.external_id for row in rows}
    merged = answering(names)
    rows = _spoken_of(rows, merged)
    referrers = referrers_of(rows)
    by_member: dict[str, list[MemberRow]] = {}
    for row in rows:
        by_member.setdefault(row.external_id, []).append(row)
    ids, stored, made = _stored(by_member, given)
    if any(pk not in stored for pk in ids.values()) or answering(names) != merged:
        raise MemberMerged
    claims = _claims(rows)
    rejected: list[RejectedRow] = []
    states: dict[int, MemberState] = {}
    for row in rows:
        problem = referrers.refused(row) or claims.refused(row)
        if problem is None:
            pk = ids[row.external_id]
            states.setdefault(pk, MemberState(EMPTY if pk in made else stored[pk])).take(row)
        else:
            rejected.append(RejectedRow(row.index, (problem,)))

    changed = {pk: state.values for pk, state in states.items() if _differ(state.values, stored[pk])}
    update_rows(Member, "pk", COLUMNS, [(pk, *_in_order(values)) for pk, values in changed.items()])
    named = _move_identifiers(claims, ids, journal)
    moved = {
        pk
        for pk, values in changed.items()
        if pk not in made and any(values[column] and values[column] != stored[pk][column] for column in ADDRESSES)
    }
    said = _record_words(states, given, origin, journal, moved)
    touched = changed.keys() | named | _replace_tags(states, journal) | {pk for pk, _channel, _purpose in said.changed}
    touched |= made & states.keys()
    Member.objects.filter(pk__in=made - states.keys()).delete()  # made for rows that were refused in the end
    insert_rows(DirtyMark, ["member_id"], [(pk,) for pk in sorted(touched)])
    mark_profiles(touched)
    declare_attributes((state.values["attributes"] for state in states.values()), given.now)
    created = made & states.keys()
    if journal is not None:
        journal.touched += sorted(touched)
        journal.members += [(pk, member_mark(states[pk].values)) for pk in sorted(created)]
        for pk in sorted(changed.keys() - created):
            journal.member_changed(pk, stored[pk], changed[pk])
    kept_back = _kept_back(said)
    return IngestResult(len(rows) - len(rejected), tuple(rejected), len(created), len(touched - created), kept_back)


def _stored(
    by_member: Mapping[str, list[MemberRow]], given: Surroundings
) -> tuple[dict[str, int], dict[int, dict[str, Any]], set[int]]:
    """This function will insert the members that are new and lock the others: ids, what is stored, and which were made."""
    fresh = {}
    known = _ids_of(by_member)
    for name in sorted(by_member.keys() - known.keys()):
        state = MemberState(EMPTY)
        for row in by_member[name]:
            state.take(row)
        fresh[name] = state.values
    made = dict(
        insert_rows(
            Member,
            ["external_id", *COLUMNS, "made_up_fields", "created_at", "random_bucket"],
            [(name, *_in_order(values), [], given.now, random_bucket(name)) for name, values in fresh.items()],
            conflict=["external_id"],
            returning=["external_id", "pk"],
        )
    )
    stored = {pk: fresh[name] for name, pk in made.items()}
    ids = _ids_of(by_member)
    locked = Member.objects.filter(pk__in=ids.values() - stored.keys()).order_by("pk").select_for_update(no_key=True)
    for pk, *values in locked.values_list("pk", *COLUMNS):
        stored[pk] = dict(zip(COLUMNS, values, strict=True))
    return ids, stored, set(made.values())


def _differ(values: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """In Python 1 equals true; as attributes of a member they are two things."""
    if values != stored:
        return True
    known = stored["attributes"]
    return any(
        (value is True or value is False) != isinstance(known[name], bool) for name, value in values["attributes"].items()
    )


def _ids_of(names: Iterable[str]) -> dict[str, int]:
    return dict(find_rows(Member, ["external_id"], [(name,) for name in names], returning=["external_id", "pk"]))


def _in_order(values: Mapping[str, Any]) -> list[Any]:
    return [values[column] for column in COLUMNS]


# --- Identifiers


def _claims(rows: Sequence[MemberRow]) -> Claims:
    """This function will read who holds the identifiers that the rows name, and which the rows' members hold now."""
    telling = [row for row in rows if row.identifiers]
    wanted = sorted({identifier for row in telling for identifier in row.identifiers or ()})
    pks = {pk for (pk,) in find_rows(Identifier, IDENTIFIER_KEY, wanted, returning=["pk"])}
    replacing = {row.external_id for row in rows if row.identifiers is not UNSET}
    held = Identifier.objects.filter(member__external_id__in=replacing).values_list("pk", flat=True)
    holders: dict[Identifies, str] = {}
    for chunk in batches(sorted(pks | set(held)), 5_000):
        found = Identifier.objects.filter(pk__in=chunk).values_list(*IDENTIFIER_KEY, "member__external_id")
        holders |= {Identifies(source, kind, value): holder for source, kind, value, holder in found}
    return Claims.of(holders)


def _move_identifiers(claims: Claims, ids: Mapping[str, int], journal: Journal | None) -> set[int]:
    """This function will delete what was given up and insert what was taken; a rival's claim starts the call again."""
    given_up, taken = claims.given_up, claims.taken
    lost = find_rows(Identifier, IDENTIFIER_KEY, given_up, returning=["pk", *IDENTIFIER_KEY, "member"])
    for chunk in batches([row[0] for row in lost], 5_000):
        Identifier.objects.filter(pk__in=chunk).delete()
    rows = [(*identifier, ids[holder]) for identifier, holder in taken]
    made = insert_rows(Identifier, [*IDENTIFIER_KEY, "member"], rows, conflict=IDENTIFIER_KEY, returning=["pk", "member"])
    if len(made) != len(rows):
        raise IdentifierClaimed
    if journal is not None:
        journal.names_lost += [[*row] for row in lost]
        journal.names_gained += [pk for pk, _holder in made]
    return {row[-1] for row in lost} | {holder for _pk, holder in made}


# --- Tags, and what members say about being written to


def _replace_tags(states: Mapping[int, MemberState], journal: Journal | None) -> set[int]:
    wanted = {(pk, tag) for pk, state in states.items() for tag in (*(state.tags or ()), *state.more_tags)}
    replacing = {pk for pk, state in states.items() if state.tags is not None}
    asked = replacing | {pk for pk, state in states.items() if state.more_tags}
    stored = {(pk, tag): key for key, pk, tag in MemberTag.objects.filter(member_id__in=asked).values_list(*TAG_COLUMNS)}
    lost = {word for word in stored.keys() - wanted if word[0] in replacing}
    for chunk in batches((stored[word] for word in lost), 5_000):
        MemberTag.objects.filter(pk__in=chunk).delete()
    new = wanted - stored.keys()
    insert_rows(MemberTag, ["member", "tag"], sorted(new), conflict=["member", "tag"])
    if journal is not None:
        journal.tags_gained += sorted(new)
        journal.tags_lost += sorted(lost)
    return {pk for pk, _tag in lost | new}


def _record_words(
    states: Mapping[int, MemberState], given: Surroundings, origin: Origin, journal: Journal | None, moved: set[int]
) -> Recorded:
    """This function will write down what the rows say about being written to. A merged id's word only fills what is not
    known, except for a refusal, which is never lost; a new address brings its own refusals."""
    words = [
        Word(pk, stated, origin, if_new=adds_only and stated.granted, index=row.index)
        for pk, state in sorted(states.items())
        for row, adds_only in state.words
        for stated in row.consents
    ]
    done = record(words, now=given.now, moved=moved)
    if journal is not None:
        for (pk, channel, purpose), (before, after) in done.changed.items():
            entry = {"member": pk, "channel": channel, "purpose": purpose, "before": [*map(plain, before or ())]}
            journal.consents.append({**entry, "after": [*map(plain, after)]})
    return done


def _kept_back(said: Recorded) -> tuple[RejectedRow, ...]:
    """The words that were not taken, by the place of their items."""
    found: dict[int, list[FieldProblem]] = {}
    for word in said.kept_back:
        message = _("Unsubscribed: only a later consent, with its date and a proof, is taken.")
        problem = FieldProblem(f"consents.{word.stated.channel}.{word.stated.purpose}", "suppressed", message)
        found.setdefault(word.index, []).append(problem)
    return tuple(RejectedRow(index, tuple(problems)) for index, problems in sorted(found.items()))
