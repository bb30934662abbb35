"""What the members app keeps of a member, moved to another and given back: profile, words on consent, names, orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from core.batching import batches
from core.registry import MemberDataHandler, Moved
from core.sql import find_rows, insert_json, insert_rows, rows_as_json
from members.models import (
    BehaviourEvent,
    Consent,
    ConsentRecord,
    ConsentRequest,
    ConsentSource,
    Identifier,
    Member,
    MemberTag,
    MergeRecord,
    Order,
    RequestState,
)
from members.services.consents import WORD, Origin, Standing, note_history, strictest, write_standing

MERGED_SOURCE, MERGED_KIND = "rekindle", "merged_external_id"
"""The identifier under which a search still finds the member by the id that was dropped."""

FILLED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("name", ("name",)),
    ("gender", ("gender",)),
    ("birth_date", ("birth_key", "birth_year", "birth_calendar")),
    ("phone", ("phone",)),
    ("email", ("email",)),
    ("city", ("city", "province")),
    ("registered_at", ("registered_at", "registered_day")),
    ("source", ("source",)),
    ("time_zone", ("time_zone",)),
    ("language", ("language",)),
    ("occupation", ("occupation",)),
    ("family", ("family",)),
    ("hobbies", ("hobbies",)),
    ("referrer", ("referrer",)),
)
"""What is filled from the dropped profile, by the names that `made_up_fields` uses. What belongs together is filled only
where the two do not contradict each other: the city of one and the province of the other would be no place."""

IDENTIFIER_KEY = ("source", "kind", "value")
AT_ONCE = 5_000

Document = dict[str, Any]


KINDS = {
    "orders": _("orders"),
    "events": _("behaviour events"),
    "identifiers": _("names elsewhere"),
    "tags": _("tags"),
    "consents": _("words on consent"),
}


def preview(*, keep: int, drop: int) -> dict[str, int]:
    """This function will count what would move."""
    held = MemberTag.objects.filter(member_id=keep).values("tag")
    return {
        "orders": Order.objects.filter(member_id=drop).count(),
        "events": BehaviourEvent.objects.filter(member_id=drop).count(),
        "identifiers": Identifier.objects.filter(member_id=drop).count(),
        "tags": MemberTag.objects.filter(member_id=drop).exclude(tag__in=held).count(),
        "consents": len(prevailing(keep=keep, drop=drop)),
    }


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will make one of two: what only the dropped one had fills what the kept one lacks."""
    return {
        "profile": _fill_profile(keep, drop),
        "orders": move_rows(Order.objects.filter(member_id=drop), keep),
        "events": move_rows(BehaviourEvent.objects.filter(member_id=drop), keep),
        "tags": _unite_tags(keep, drop),
        "identifiers": _unite_identifiers(keep, drop),
        "consents": _settle_consents(keep, drop, now),
        "merges": move_rows(MergeRecord.objects.filter(member_id=drop), keep),
    }


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    for model, ids in ((Order, moved["orders"]), (BehaviourEvent, moved["events"]), (MergeRecord, moved["merges"])):
        return_rows(model, ids, keep=keep, drop=drop)
    _part_consents(moved["consents"], keep=keep, drop=drop, merged_at=merged_at, now=now)
    _part_identifiers(moved["identifiers"], keep=keep, drop=drop)
    _part_tags(moved["tags"], keep=keep)
    _empty_profile(moved["profile"], keep)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """This function will find nothing: foreign keys keep rows from hanging on a member who is gone."""
    yield from ()


HANDLER = MemberDataHandler("members", KINDS, preview=preview, merge=merge, undo=undo, left_behind=left_behind)


# --- Rows that simply belong to a member


def move_rows(rows: QuerySet[Any, Any], keep: int) -> list[int]:
    """This function will give rows to `keep`, locked in one order first, and return their ids."""
    ids = list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    for chunk in batches(ids, AT_ONCE):
        rows.model._default_manager.filter(pk__in=chunk).update(member_id=keep)
    return ids


def return_rows(model: type[Model], ids: Sequence[int], *, keep: int, drop: int) -> None:
    """This function will give back the rows that are still `keep`'s."""
    for chunk in batches(sorted(ids), AT_ONCE):
        model._default_manager.filter(pk__in=chunk, member_id=keep).update(member_id=drop)


# --- Profile


def profile_gained(*, keep: int, drop: int) -> Document:
    """This function will tell the columns of `keep` that `drop` fills, with their new values."""
    kept, dropped = _profile(keep), _profile(drop)
    gained: Document = {}
    made_up = set(kept["made_up_fields"])
    for name, columns in FILLED:
        if any(_is_known(kept[column]) and kept[column] != dropped[column] for column in columns):
            continue
        if name == "birth_date" and _is_known(kept["birth_key"]) and kept["birth_calendar"] != dropped["birth_calendar"]:
            continue  # the same numbers by another calendar are another day
        new = {column: dropped[column] for column in columns if _is_known(dropped[column]) and not _is_known(kept[column])}
        if name == "referrer" and dropped["referrer"] == kept["external_id"]:
            continue  # one of the two had brought the other
        if new:
            gained |= new
            made_up |= {name} & set(dropped["made_up_fields"])
    more = {name: value for name, value in dropped["attributes"].items() if name not in kept["attributes"]}
    if more:
        gained["attributes"] = {**kept["attributes"], **more}
        made_up |= {f"attributes.{name}" for name in more} & set(dropped["made_up_fields"])
    if made_up != set(kept["made_up_fields"]):
        gained["made_up_fields"] = sorted(made_up)
    return gained


def _is_known(value: object) -> bool:
    return value is not None and value != ""


def _profile(member_id: int) -> Document:
    return rows_as_json(Member.objects.filter(pk=member_id))[0]


def _fill_profile(keep: int, drop: int) -> Document:
    """A member dropped already, whose late rows are moved, has no profile any more."""
    if not Member.objects.filter(pk=drop).exists():
        return {"before": {}, "after": {}}
    after = profile_gained(keep=keep, drop=drop)
    before = _profile(keep)
    _write_profile(keep, after)
    return {"before": {column: before[column] for column in after}, "after": after}


def _empty_profile(filled: Document, keep: int) -> None:
    """What was changed since the merge stays. Of attributes, each for itself."""
    now_there, before, after = _profile(keep), filled["before"], dict(filled["after"])
    restored = {column: before[column] for column, value in after.items() if now_there[column] == value}
    if "attributes" in after and "attributes" not in restored:
        gained = {name: value for name, value in after["attributes"].items() if name not in before["attributes"]}
        current = now_there["attributes"]
        restored["attributes"] = {
            name: value for name, value in current.items() if name not in gained or gained[name] != value
        }
    if "birth_year" not in restored and "birth_key" in restored and now_there["birth_year"] is not None:
        del restored["birth_key"]  # a year that was told since needs its day
    if "birth_key" not in restored or "birth_calendar" not in after:
        restored.pop("birth_calendar", None)  # a calendar goes with its day
    elif "birth_calendar" not in restored:
        restored["birth_calendar"] = ""
    _write_profile(keep, restored)


def _write_profile(member_id: int, columns: Document) -> None:
    if columns:
        read = {name: Member._meta.get_field(name).to_python(value) for name, value in columns.items()}  # type: ignore[union-attr]
        Member.objects.filter(pk=member_id).update(**read)


# --- Tags and identifiers


def _unite_tags(keep: int, drop: int) -> Document:
    mine = MemberTag.objects.filter(member_id=drop)
    rows = rows_as_json(mine.order_by("pk"))
    held = set(MemberTag.objects.filter(member_id=keep).values_list("tag", flat=True))
    gained = sorted({row["tag"] for row in rows} - held)
    mine.delete()
    insert_rows(MemberTag, ["member", "tag"], [(keep, tag) for tag in gained])
    return {"rows": rows, "gained": gained}


def _part_tags(tags: Document, *, keep: int) -> None:
    MemberTag.objects.filter(member_id=keep, tag__in=tags["gained"]).delete()
    insert_json(MemberTag, tags["rows"])


def _unite_identifiers(keep: int, drop: int) -> Document:
    """The dropped id becomes one more name, unless somebody is called so already."""
    mine = Identifier.objects.filter(member_id=drop)
    rows = rows_as_json(mine.order_by("pk"))
    mine.update(member_id=keep)
    names = Member.objects.filter(pk=drop).values_list("external_id", flat=True)
    marker = [(MERGED_SOURCE, MERGED_KIND, name, keep) for name in names]
    made = insert_rows(Identifier, [*IDENTIFIER_KEY, "member"], marker, conflict=IDENTIFIER_KEY, returning=["pk"])
    return {"rows": rows, "markers": [pk for (pk,) in made]}


def _part_identifiers(identifiers: Document, *, keep: int, drop: int) -> None:
    """What the kept member holds goes back, under whatever row; what nobody holds is written again; another's stays his."""
    rows = identifiers["rows"]
    names = [tuple(row[name] for name in IDENTIFIER_KEY) for row in rows]
    held = find_rows(Identifier, IDENTIFIER_KEY, names, returning=["pk", "member"])
    return_rows(Identifier, [pk for pk, _holder in held], keep=keep, drop=drop)
    insert_json(Identifier, rows)
    Identifier.objects.filter(pk__in=identifiers["markers"], member_id=keep).delete()


# --- Consent


Topic = tuple[str, str]


def _words(member_id: int) -> dict[Topic, Document]:
    rows = rows_as_json(Consent.objects.filter(member_id=member_id).order_by("pk"))
    return {_topic(row): row for row in rows}


def _topic(word: Document) -> Topic:
    return word["channel"], word["purpose"]


def _standing(word: Document) -> Standing:
    """A word as it was kept; one kept before there were dates of its own has none."""
    changed_at = datetime.fromisoformat(word["changed_at"])
    said_at, suppressed_at = _instant(word.get("said_at")), _instant(word.get("suppressed_at"))
    return Standing(word["granted"], word["proof"], changed_at, said_at, suppressed_at)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def prevailing(*, keep: int, drop: int) -> list[Document]:
    """This function will return what the kept member's words become where the dropped one's change them: later ones, at the
    same instant a refusal, and every refusal for good that no consent was said after."""
    mine = _words(keep)
    changed = []
    for key, word in sorted(_words(drop).items()):
        kept = _standing(mine[key]) if key in mine else None
        settled = strictest(kept=kept, dropped=_standing(word))
        if settled != kept:
            changed.append({**word, **dict(zip(WORD, settled, strict=True))})
    return changed


def _settle_consents(keep: int, drop: int, now: datetime) -> Document:
    theirs, before = _words(drop), _words(keep)
    settled = {_topic(word): Standing(*(word[name] for name in WORD)) for word in prevailing(keep=keep, drop=drop)}
    Consent.objects.filter(member_id=drop).delete()
    _say(keep, settled)
    requests = ConsentRequest.objects.filter(member_id=drop)
    pending = requests.filter(state=RequestState.PENDING)
    pending.update(state=RequestState.REPLACED, settled_at=now, next_at=None)
    return {
        "rows": list(theirs.values()),
        "won": [word for key, word in _words(keep).items() if key in settled],
        "before": [before[key] for key in settled if key in before],
        "records": move_rows(ConsentRecord.objects.filter(member_id=drop), keep),
        "requests": move_rows(requests, keep),
    }


def _part_consents(consents: Document, *, keep: int, drop: int, merged_at: datetime, now: datetime) -> None:
    """Each gets back the own last word. A refusal said while they were one holds for both: a withdrawal is never lost."""
    return_rows(ConsentRecord, consents.get("records", []), keep=keep, drop=drop)
    return_rows(ConsentRequest, consents.get("requests", []), keep=keep, drop=drop)
    current = _words(keep)
    before = {_topic(word): _standing(word) for word in consents["before"]}
    restored: dict[Topic, Standing | None] = {}
    for won in consents["won"]:
        key = _topic(won)
        there = current.get(key)
        if there is not None and _standing(there) == _standing(won):
            restored[key] = before.get(key)
    _say(keep, {key: word for key, word in restored.items() if word is not None})
    gone = [current[key]["id"] for key, word in restored.items() if word is None]
    Consent.objects.filter(pk__in=gone).delete()
    theirs = {_topic(word): _standing(word) for word in consents["rows"]}
    refused = {
        key: word
        for key, word in ((_topic(each), _standing(each)) for each in current.values())
        if not word.granted and word.changed_at > merged_at and key not in restored
    }
    insert_json(Consent, consents["rows"])
    _say(drop, {key: strictest(kept=theirs.get(key), dropped=word) for key, word in refused.items()})
    origin = Origin(ConsentSource.UNDO, "the two were parted")
    note_history({(drop, *key): word for key, word in refused.items()}, origin=origin, now=now)


def _say(member_id: int, words: Mapping[Topic, Standing]) -> None:
    write_standing({(member_id, *key): word for key, word in words.items()})
