"""Members of an import that is undone: what they are called and allow, their profiles, and those whom it made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Model

from core.batching import batches
from core.registry import member_ties
from core.sql import find_rows, insert_rows, update_rows
from members.models import (
    Consent,
    ConsentRecord,
    ConsentSource,
    DirtyMark,
    Identifier,
    Member,
    MemberTag,
    MemberTier,
    Purpose,
    TierChange,
)
from members.services.consents import WORD, Origin, Standing, note_history, standing_words, write_standing
from members.services.journal import ATTRIBUTE, MEMBER_ADDED, MEMBER_MARKED, Journal, member_mark, plain, same
from members.services.undoing_values import AT_ONCE, DERIVED, Undone, Values, delete_rows, read_back, row_back, with_days

MEMBER_COLUMNS = (*MEMBER_MARKED, *MEMBER_ADDED, "registered_day")
TOGETHER = ("birth_key", "birth_year", "birth_calendar")


# --- What members are called and allow


def give_back_names(journal: Journal) -> None:
    """This function will take away the identifiers that members gained, and give back those they lost."""
    Identifier.objects.filter(pk__in=journal.names_gained).delete()
    known = _existing(row[-1] for row in journal.names_lost)
    lost = [row for row in journal.names_lost if row[-1] in known]
    insert_rows(Identifier, ["pk", "source", "kind", "value", "member"], lost, conflict=[])


def give_back_tags(journal: Journal) -> None:
    """This function will take away the tags that members gained, and give back those they lost."""
    gained = find_rows(MemberTag, ["member", "tag"], journal.tags_gained, returning=["pk"])
    MemberTag.objects.filter(pk__in=[pk for (pk,) in gained]).delete()
    known = _existing(pk for pk, _tag in journal.tags_lost)
    lost = [(pk, tag) for pk, tag in journal.tags_lost if pk in known]
    insert_rows(MemberTag, ["member", "tag"], lost, conflict=["member", "tag"])


def give_back_words(journal: Journal, *, now: datetime) -> None:
    """This function will give back what was said about being written to. A word that was said again since stays."""
    said = standing_words({each["member"] for each in journal.consents})
    known = _existing(each["member"] for each in journal.consents)
    given_back: dict[tuple[int, str, str], Standing | None] = {}
    for entry in journal.consents:
        key = (entry["member"], entry["channel"], entry.get("purpose", Purpose.MARKETING.value))
        there = said.get(key)
        # An entry kept before words had dates of their own tells the first three of WORD.
        if there is not None and [*map(plain, there)][: len(entry["after"])] == entry["after"]:
            before = entry["before"]
            given_back[key] = Standing(*row_back(Consent, WORD[: len(before)], before)) if before else None
    write_standing({key: word for key, word in given_back.items() if word is not None})
    gone = [key for key, word in given_back.items() if word is None]
    lost = find_rows(Consent, ["member", "channel", "purpose"], gone, returning=["pk"])
    Consent.objects.filter(pk__in=[pk for (pk,) in lost]).delete()
    note_history(
        {key: word for key, word in given_back.items() if key[0] in known},
        origin=Origin(ConsentSource.UNDO, "the import was undone"),
        now=now,
    )


def _existing(ids: Iterable[int]) -> set[int]:
    return set(Member.objects.filter(pk__in=set(ids)).values_list("pk", flat=True))


# --- Profiles


def _profiles(ids: Iterable[int]) -> dict[int, Values]:
    rows = Member.objects.filter(pk__in=sorted(ids)).order_by("pk").values_list("pk", *MEMBER_COLUMNS)
    return {pk: dict(zip(MEMBER_COLUMNS, values, strict=True)) for pk, *values in rows}


def _write_profiles(rows: Mapping[int, Values]) -> None:
    told = [(pk, *(values[name] for name in MEMBER_COLUMNS)) for pk, values in rows.items()]
    update_rows(Member, "pk", MEMBER_COLUMNS, told)


def restore_members(journal: Journal, undone: Undone) -> None:
    """This function will restore profiles column by column: what the import wrote and nobody wrote over since."""
    told = dict(journal.changed_members)
    rows: dict[int, Values] = {}
    for pk, values in _profiles(told).items():
        columns = told[pk]
        mine = {name for name, (_before, after) in columns.items() if name not in DERIVED and _stands(values, name, after)}
        if not mine.issuperset(name for name in TOGETHER if name in columns):
            mine -= {*TOGETHER}
        if len(mine) < sum(name not in DERIVED for name in columns):
            undone.kept["changed_members"] += 1
        if mine:
            rows[pk] = _restored(values, {name: columns[name][0] for name in mine})
    _write_profiles(rows)
    undone.restored["members"] += len(rows)


def _stands(values: Values, name: str, after: Any) -> bool:
    if name.startswith(ATTRIBUTE):
        return same(values["attributes"].get(name.removeprefix(ATTRIBUTE)), after)
    return bool(plain(values[name]) == after)


def _restored(values: Values, before: Mapping[str, Any]) -> Values:
    attributes = dict(values["attributes"])
    for name, value in before.items():
        if name.startswith(ATTRIBUTE):
            attributes.pop(name.removeprefix(ATTRIBUTE), None)
            if value is not None:
                attributes[name.removeprefix(ATTRIBUTE)] = value
    columns = {name: value for name, value in before.items() if not name.startswith(ATTRIBUTE)}
    return with_days({**values, **read_back(Member, columns), "attributes": attributes}, "registered_at")


def remove_members(journal: Journal, undone: Undone) -> None:
    """This function will remove the members whom the import made and of whom nothing is left; one that others know too only
    loses its profile."""
    marks = dict(journal.members)
    profiles = _profiles({*marks, *journal.shells})
    mine = {pk for pk in marks if pk in profiles and member_mark(profiles[pk]) == marks[pk]}
    undone.kept["changed_members"] += sum(pk in profiles and pk not in mine for pk in marks)
    blank = {pk for pk in journal.shells if pk in profiles and _is_blank(profiles[pk])}
    undone.kept["changed_members"] += sum(pk in profiles and pk not in blank for pk in journal.shells)
    candidates = mine | blank
    held = _holding(candidates)
    _write_profiles({pk: _blank(profiles[pk]) for pk in sorted(mine & held)})
    undone.kept["held_members"] += len(held)
    undone.removed["members"] += _delete_members(sorted(candidates - held))


def _blank(values: Values) -> Values:
    return {name: Member._meta.get_field(name).get_default() for name in values}  # type: ignore[union-attr]


def _is_blank(values: Values) -> bool:
    return all(value in ("", None) or value == {} for value in values.values())


def _holding(ids: set[int]) -> set[int]:
    """Who still holds something: rows of this app, whatever hangs there by a foreign key, what other apps gave."""
    held: set[int] = set()
    for chunk in batches(sorted(ids), AT_ONCE):
        for model in _models_of_members():
            rows = model._default_manager.filter(member_id__in=chunk)
            held |= set(rows.order_by().values_list("member_id", flat=True).distinct())
        for ties in member_ties:
            held |= ties.holding(chunk)
    return held


WORKED_OUT = {DirtyMark, MemberTier, TierChange}
"""What hangs on a member because it was worked out from the rest: it keeps nobody."""


def _models_of_members() -> list[type[Model]]:
    """The history of consents alone keeps nobody: its last words do, and undoing an import gives those back."""
    mine = apps.get_app_config("members").get_models()
    columns = (
        (model, {each.attname for each in model._meta.concrete_fields})
        for model in mine
        if model not in {*WORKED_OUT, ConsentRecord}
    )
    return [model for model, names in columns if "member_id" in names and model._meta.managed]


def _delete_members(ids: Sequence[int]) -> int:
    for chunk in batches(ids, AT_ONCE):
        for ties in member_ties:
            ties.clear(chunk)
    delete_rows(ConsentRecord, "member_id", ids)
    delete_rows(Member, "id", ids)
    return len(ids)
