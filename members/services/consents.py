"""Words on consent: what becomes of one given what stands, and writing many of them down with their history.

Everything a member says goes through `record`, under the member's lock; the constraint on Consent holds whoever writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.batching import batches
from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from core.sql import insert_rows
from members.models import Channel, Consent, ConsentRecord, ConsentSource, DirtyMark, Member, Purpose, Said
from members.services.address_refusals import Addressed, addresses_of, holders_of, note_refusals, refused_since

KEY = ("member", "channel", "purpose")
WORD = ("granted", "proof", "changed_at", "said_at", "suppressed_at")
"""What a row of Consent says, beside whom and what about."""
RECORD = (*KEY, "said", "source", "proof", "text_version", "stated_by", "note", "said_at", "recorded_at")
AT_ONCE = 5_000


class Stated(NamedTuple):
    """A word as a row or a form states it. Without a date it was said whenever, without a proof somehow."""

    channel: str
    purpose: str
    granted: bool
    said_at: datetime | None = None
    proof: str = ""
    text_version: str = ""


class Standing(NamedTuple):
    """The last word, in the order of WORD."""

    granted: bool
    proof: str
    changed_at: datetime
    said_at: datetime | None = None
    suppressed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Through whom a word reached us. `proof` stands for words that state none."""

    source: ConsentSource
    proof: str
    stated_by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """One word about one member. `suppresses`: the member refused for good. `if_new`: only where nothing was said yet."""

    member_id: int
    stated: Stated
    origin: Origin
    suppresses: bool = False
    if_new: bool = False
    index: int = 0


BY_ADDRESS = Origin(ConsentSource.ADDRESS, "the address had refused before")


class Outcome(Enum):
    TAKEN = "taken"
    UNCHANGED = "unchanged"
    OUTDATED = "outdated"
    SUPPRESSED = "suppressed"


@dataclass(slots=True)
class Recorded:
    """What became of words: `changed` is (member, channel, purpose) -> (before, after), `kept_back` those that a refusal
    of the member's own outlasts."""

    changed: dict[tuple[int, str, str], tuple[Standing | None, Standing]] = field(default_factory=dict)
    kept_back: list[Word] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


class StillSuppressed(DomainError):
    """The member unsubscribed, and this is no later consent with a proof and a date; nothing was changed."""

    code = "suppressed"


def outcome_of(word: Word, standing: Standing | None, now: datetime) -> tuple[Outcome, Standing | None]:
    """This function will tell what becomes of a word, and what stands then.

    It depends on when things were said, not on which was heard first: a refusal for good holds against every consent that
    was not said after it, at the same instant too; of other words the later stands, at the same instant the refusal.
    Refusing again is no news, and moves the instant on.
    """
    stated = word.stated
    at = stated.said_at or now
    proof = stated.proof or word.origin.proof
    if word.suppresses:
        return _suppressed(standing, at, proof)
    if standing is None:
        return Outcome.TAKEN, Standing(stated.granted, proof, at, stated.said_at if stated.proof else None)
    if stated.granted and not word.if_new and not _outlasts(stated, standing):
        return Outcome.SUPPRESSED, standing
    if word.if_new or at < standing.changed_at:
        return (Outcome.UNCHANGED if word.if_new or stated.granted == standing.granted else Outcome.OUTDATED), standing
    if not stated.granted:
        if not standing.granted:
            return Outcome.UNCHANGED, standing
        return Outcome.TAKEN, standing._replace(granted=False, proof=proof, changed_at=at, said_at=stated.said_at)
    return _granted(stated, standing, at, proof)


def _suppressed(standing: Standing | None, at: datetime, proof: str) -> tuple[Outcome, Standing]:
    if standing is None:
        return Outcome.TAKEN, Standing(False, proof, at, None, at)
    suppressed_at = max(standing.suppressed_at or at, at)
    if standing.granted and standing.said_at is not None and standing.said_at > suppressed_at:
        return Outcome.OUTDATED, standing._replace(suppressed_at=suppressed_at)
    if not standing.granted and standing.suppressed_at is not None:
        return Outcome.UNCHANGED, standing._replace(suppressed_at=suppressed_at)
    return Outcome.TAKEN, Standing(False, proof, suppressed_at, None, suppressed_at)


def _granted(stated: Stated, standing: Standing, at: datetime, proof: str) -> tuple[Outcome, Standing]:
    proven_at = stated.said_at if stated.proof else None
    if standing.granted:
        newer = proven_at is not None and (standing.said_at is None or proven_at > standing.said_at)
        if not newer:
            return Outcome.UNCHANGED, standing
    elif at == standing.changed_at:
        return Outcome.OUTDATED, standing
    return Outcome.TAKEN, Standing(True, proof, at, proven_at, standing.suppressed_at)


def _outlasts(stated: Stated, standing: Standing) -> bool:
    """Whether a consent may follow what stands: after a refusal for good it takes a proof, and a later date."""
    if standing.granted or standing.suppressed_at is None:
        return True
    return bool(stated.proof) and stated.said_at is not None and stated.said_at > standing.suppressed_at


# --- Writing


def record(words: Sequence[Word], *, now: datetime, moved: Collection[int] = ()) -> Recorded:
    """This function will write words down, in order, inside the caller's transaction and under the members' locks.

    1. Read what stands of these members, and of those whose address changed (`moved`), in one statement.
    2. Settle word by word; what an address had refused before, under whatever member, comes before any consent.
    3. Write the last words and the history; an address that refuses is noted.
    """
    done = Recorded()
    if not words and not moved:
        return done
    before = standing_words({*moved, *(word.member_id for word in words)})
    current: dict[tuple[int, str, str], Standing] = dict(before)
    records = []
    of_addresses = _words_of_addresses(words, before, moved)
    for word in (*of_addresses, *words):  # a loop, because of two words about one thing the second meets the first
        key = (word.member_id, word.stated.channel, word.stated.purpose)
        outcome, standing = outcome_of(word, current.get(key), now)
        done.outcomes.append(outcome)
        if outcome is Outcome.SUPPRESSED:
            done.kept_back.append(word)
        if standing is not None:
            current[key] = standing
        if outcome is Outcome.TAKEN or (outcome is Outcome.OUTDATED and word.suppresses):
            records.append(_record(word, now))
    done.changed = {key: (before.get(key), after) for key, after in current.items() if before.get(key) != after}
    write_standing({key: after for key, (_before, after) in done.changed.items()})
    insert_rows(ConsentRecord, RECORD, records)
    _note_addresses([word for word in words if word.suppresses], now)
    del done.outcomes[: len(of_addresses)]
    return done


def _words_of_addresses(
    words: Sequence[Word], standing: Mapping[tuple[int, str, str], Standing], moved: Collection[int]
) -> list[Word]:
    """What the addresses of members who agree now, or agreed and have a new one, had refused and is not known of them."""
    asked = {(word.member_id, word.stated.channel, word.stated.purpose) for word in words if word.stated.granted}
    asked |= {key for key, word in standing.items() if key[0] in moved and word.granted}
    addresses = addresses_of({member_id for member_id, _channel, _purpose in asked}) if asked else {}
    concerned = {
        key: Addressed(channel, purpose, addresses[member_id, channel])
        for key in sorted(asked)
        for member_id, channel, purpose in [key]
        if (member_id, channel) in addresses
    }
    refused = refused_since(set(concerned.values()))
    found = []
    for (member_id, channel, purpose), addressed in concerned.items():
        at = refused.get(addressed)
        known = standing.get((member_id, channel, purpose))
        if at is not None and (known is None or known.suppressed_at is None or known.suppressed_at < at):
            found.append(Word(member_id, Stated(channel, purpose, False, at), BY_ADDRESS, suppresses=True))
    return found


def _note_addresses(refusals: Sequence[Word], now: datetime) -> None:
    if not refusals:
        return
    addresses = addresses_of({word.member_id for word in refusals})
    noted: dict[Addressed, datetime] = {}
    for word in refusals:
        channel, purpose, at = word.stated.channel, word.stated.purpose, word.stated.said_at or now
        each = Addressed(channel, purpose, addresses.get((word.member_id, channel), ""))
        noted[each] = max(noted.get(each, at), at)
    note_refusals(noted)


def standing_words(member_ids: Collection[int]) -> dict[tuple[int, str, str], Standing]:
    """This function will read the last words of members."""
    found: dict[tuple[int, str, str], Standing] = {}
    for chunk in batches(sorted(member_ids), AT_ONCE):
        rows = Consent.objects.filter(member_id__in=chunk).values_list("member_id", "channel", "purpose", *WORD)
        found |= {(pk, channel, purpose): Standing(*word) for pk, channel, purpose, *word in rows}
    return found


def write_standing(words: Mapping[tuple[int, str, str], Standing]) -> None:
    rows = [(*key, *word) for key, word in sorted(words.items(), key=lambda each: each[0])]
    insert_rows(Consent, [*KEY, *WORD], rows, conflict=[*KEY], update=[*WORD])


def _record(word: Word, now: datetime) -> tuple[Any, ...]:
    stated, origin = word.stated, word.origin
    said = Said.SUPPRESSED if word.suppresses else Said.GRANTED if stated.granted else Said.REFUSED
    return (
        word.member_id,
        stated.channel,
        stated.purpose,
        said.value,
        origin.source.value,
        stated.proof or origin.proof,
        stated.text_version,
        origin.stated_by,
        origin.note,
        stated.said_at,
        now,
    )


# --- What faces call


def state_consent(
    *, member_id: int, stated: Stated, origin: Origin, now: datetime, suppresses: bool | None = None
) -> Outcome:
    """This function will record what a member said about one channel and purpose, and mark the member.

    A refusal is for good unless `suppresses` says otherwise. Raises StillSuppressed for a consent that an earlier
    unsubscribing outlasts: it takes a proof and a date later than that.
    """
    problems = [
        FieldProblem(name, "unknown_choice", _("This must be one of %(choices)s.") % {"choices": ", ".join(choices)})
        for name, value, choices in (
            ("channel", stated.channel, Channel.values),
            ("purpose", stated.purpose, Purpose.values),
        )
        if value not in choices
    ]
    if stated.granted and stated.said_at is not None and not stated.proof:
        problems.append(FieldProblem("proof", "required", _("Say how we know: a form, a call, a signature.")))
    if problems:
        raise InvalidInput(_("The input is not valid."), problems=problems)
    if stated.said_at is not None:
        stated = stated._replace(said_at=min(stated.said_at, now))
    refuses = not stated.granted if suppresses is None else suppresses
    word = Word(member_id, stated, origin, suppresses=refuses)
    done = record_locked([word], now=now)
    if not done.outcomes:
        raise NotFound(_("There is no such member."))
    if done.kept_back:
        raise StillSuppressed(
            _("The member unsubscribed. Only a consent said after that, with its date and a proof, can be recorded.")
        )
    return done.outcomes[0]


def suppress(
    *,
    member_ids: Collection[int],
    channel: str,
    purposes: Iterable[str],
    origin: Origin,
    now: datetime,
    said_at: datetime | None = None,
) -> int:
    """This function will record that members refuse a channel for good, and return how many last words that changed.

    Again, or by two at once: the same. `said_at` is when they refused, where that was earlier than now.
    """
    words = [
        Word(pk, Stated(channel, purpose, False, said_at), origin, suppresses=True)
        for pk in sorted(member_ids)
        for purpose in purposes
    ]
    return len(record_locked(words, now=now).changed)


def record_locked(words: Sequence[Word], *, now: datetime) -> Recorded:
    """This function will lock the members, record what they said, and mark them. Of who is gone nothing is recorded.

    A refusal for good is the address's: whoever else has it refuses too. The outcomes are those of `words`.
    """
    with transaction.atomic():
        shared = _words_of_sharers(words)
        wanted = {word.member_id for word in (*words, *shared)}
        locked = Member.objects.filter(pk__in=wanted).order_by("pk").select_for_update(no_key=True)
        there = set(locked.values_list("pk", flat=True))
        said = [word for word in words if word.member_id in there]
        done = record([*said, *(word for word in shared if word.member_id in there)], now=now)
        del done.outcomes[len(said) :]
        insert_rows(DirtyMark, ["member_id"], [(pk,) for pk in sorted({key[0] for key in done.changed})])
    return done


def _words_of_sharers(words: Sequence[Word]) -> list[Word]:
    """What refusals for good say about the other members who have the same address."""
    refusals = [word for word in words if word.suppresses]
    addresses = addresses_of({word.member_id for word in refusals}) if refusals else {}
    told = {(word.member_id, word.stated.channel, word.stated.purpose) for word in refusals}
    by_address: dict[Addressed, Word] = {}
    for word in refusals:
        channel, purpose, _granted, *_rest = word.stated
        if (word.member_id, channel) in addresses:
            by_address.setdefault(Addressed(channel, purpose, addresses[word.member_id, channel]), word)
    return [
        Word(other, word.stated, BY_ADDRESS, suppresses=True)
        for (channel, purpose, address), word in by_address.items()
        for other in sorted(holders_of(channel, [address]))
        if (other, channel, purpose) not in told
    ]


# --- Two members made one, an import undone


def strictest(*, kept: Standing | None, dropped: Standing) -> Standing:
    """This function will settle what two members said who turn out to be one person.

    The later refusal for good holds against any consent not said after it; of other words the later stands, at the same
    instant the refusal.
    """
    if kept is None:
        return dropped
    instants = [each.suppressed_at for each in (kept, dropped) if each.suppressed_at is not None]
    suppressed_at = max(instants) if instants else None
    lasting = [
        each for each in (kept, dropped) if not (each.granted and suppressed_at and not _said_after(each, suppressed_at))
    ]
    # Of two consents that do not outlast the other's refusal one is left: whoever refused is in the list.
    last = max(lasting, key=lambda each: (each.changed_at, not each.granted, each is kept))
    return last._replace(suppressed_at=suppressed_at)


def _said_after(word: Standing, instant: datetime) -> bool:
    return word.said_at is not None and word.said_at > instant


def note_history(changes: Mapping[tuple[int, str, str], Standing | None], *, origin: Origin, now: datetime) -> None:
    """This function will add to the history what stands now for another reason than a member's word; None: nothing does."""
    rows = []
    for (pk, channel, purpose), word in sorted(changes.items(), key=lambda each: each[0]):
        if word is None:
            said, proof, said_at = Said.FORGOTTEN, origin.proof, None
        else:
            suppressed = word.suppressed_at is not None and not word.granted
            said = Said.SUPPRESSED if suppressed else Said.GRANTED if word.granted else Said.REFUSED
            proof, said_at = word.proof, word.said_at
        rows.append(
            (pk, channel, purpose, said.value, origin.source.value, proof, "", origin.stated_by, origin.note, said_at, now)
        )
    insert_rows(ConsentRecord, RECORD, rows)
