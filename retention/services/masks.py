"""All segments in one scan: each member's answers as bits, compared with the stored ones; only what differs is written.

A mask holds 63 segments; more segments are more words of the same scan. Everything here is a statement over all members
concerned, and runs inside the refresh's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import BigIntegerField, Case, Count, Q, QuerySet, Value, When

from core.scratch import execute, know_size, scratch_table
from retention.models import MemberFacts, MemberMask, Membership, Transition
from retention.models.segments import BITS_PER_WORD
from retention.scored import Scored

Changes = tuple[int, int]
"""How many entered a segment, and how many left it."""

EVERY_BIT = 2**BITS_PER_WORD - 1
MASKS = MemberMask._meta.db_table
MEMBERSHIPS = Membership._meta.db_table
BIGINT = BigIntegerField()
TRANSITIONS = Transition._meta.db_table


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment's answer stands in the masks."""

    segment_id: int
    word: int
    bit: int

    @property
    def flag(self) -> int:
        return 1 << self.bit


@contextmanager
def answer_tables() -> Iterator[None]:
    """This function will keep the two temporary tables: masks that change, and the memberships that change with them."""
    with (
        scratch_table("mask_change", "member_id bigint, word integer, old_mask bigint, new_mask bigint"),
        scratch_table("membership_change", "segment_id bigint, member_id bigint, entered boolean"),
    ):
        yield


def find_changes(rows: QuerySet[Scored], conditions: Mapping[Place, Q]) -> int:
    """This function will scan `rows` once, keep the masks of those whose answers differ, and return how many there are.

    Bits of segments that are not asked stay as they are.
    """
    flags = {
        f"answer_{place.segment_id}": Case(When(condition, then=Value(place.flag)), default=Value(0), output_field=BIGINT)
        for place, condition in conditions.items()
    }
    select, params = rows.annotate(**flags).values_list("member_id", *flags).query.sql_with_params()
    by_word = {
        word: [each for each in conditions if each.word == word] for word in sorted({each.word for each in conditions})
    }
    # Added up here and not in the select: one flat sum, since nesting is what SQLite's parser has little room for.
    sums = {word: " + ".join(f"scan.answer_{each.segment_id}" for each in places) for word, places in by_word.items()}
    answer = "CASE words.word " + " ".join(f"WHEN {word} THEN {flat}" for word, flat in sums.items()) + " END"
    words = " UNION ALL ".join(
        f"SELECT {word} AS word, {sum(each.flag for each in places)} AS asked" for word, places in by_word.items()
    )
    found = execute(
        "INSERT INTO mask_change (member_id, word, old_mask, new_mask)"
        f" SELECT member_id, word, old_mask, (old_mask & ({EVERY_BIT} - asked)) | answer FROM ("
        f"SELECT scan.member_id, words.word, words.asked, COALESCE(stored.mask, 0) AS old_mask, {answer} AS answer"
        f" FROM ({select}) AS scan CROSS JOIN ({words}) AS words"
        f" LEFT JOIN {MASKS} AS stored ON stored.member_id = scan.member_id AND stored.word = words.word"
        ") AS compared WHERE (old_mask & asked) <> answer",
        params,
    )
    know_size("mask_change")
    return found


def take_answers(answers: str, places: Mapping[int, Place]) -> None:
    """This function will put what was found out beforehand, by build, in place of a scan: the masks that it changes.

    It is compared with where members stand now; who is no member any more is left out.
    """
    listed = _listed("build_id", places.items())
    execute(
        "INSERT INTO mask_change (member_id, word, old_mask, new_mask)"
        f" SELECT member_id, word, old_mask, (old_mask & ({EVERY_BIT} - asked)) | answer FROM ("
        "SELECT told.member_id, told.word, told.asked, told.answer, COALESCE(stored.mask, 0) AS old_mask FROM ("
        "SELECT given.member_id, place.word, CAST(SUM(place.flag) AS bigint) AS asked,"
        " CAST(SUM(CASE WHEN given.entered THEN place.flag ELSE 0 END) AS bigint) AS answer"
        f" FROM {answers} AS given JOIN ({listed}) AS place ON place.build_id = given.build_id"
        f" JOIN {MemberFacts._meta.db_table} AS facts ON facts.member_id = given.member_id"
        " GROUP BY given.member_id, place.word"
        f") AS told LEFT JOIN {MASKS} AS stored ON stored.member_id = told.member_id AND stored.word = told.word"
        ") AS compared WHERE (old_mask & asked) <> answer"
    )
    know_size("mask_change")


def write_changes(places: Sequence[Place], *, silent: Collection[int], at: datetime, run_id: int) -> dict[int, Changes]:
    """This function will write the changed masks, memberships and transitions, in (segment, member) order.

    Segments in `silent` get members but no transitions. Returns (entered, left) by segment id.
    """
    execute(
        f"INSERT INTO {MASKS} (member_id, word, mask) SELECT member_id, word, new_mask FROM mask_change WHERE true"
        " ON CONFLICT (member_id, word) DO UPDATE SET mask = EXCLUDED.mask"
    )
    expand(places)
    moment = connection.ops.adapt_datetimefield_value(at)
    execute(
        f"INSERT INTO {MEMBERSHIPS} (segment_id, member_id, entered_at) SELECT segment_id, member_id, %s"
        " FROM membership_change WHERE entered ORDER BY segment_id, member_id"
        " ON CONFLICT (segment_id, member_id) DO NOTHING",
        [moment],
    )
    execute(
        f"DELETE FROM {MEMBERSHIPS} WHERE (segment_id, member_id) IN"
        " (SELECT segment_id, member_id FROM membership_change WHERE NOT entered)"
    )
    heard = f"WHERE segment_id NOT IN ({', '.join(map(str, sorted(silent)))})" if silent else ""
    execute(
        f"INSERT INTO {TRANSITIONS} (segment_id, member_id, entered, at, run_id)"
        f" SELECT segment_id, member_id, entered, %s, %s FROM membership_change {heard}"
        " ORDER BY segment_id, member_id",
        [moment, run_id],
    )
    return _counted()


def expand(places: Sequence[Place]) -> None:
    """This function will make one row in membership_change of each (segment, member) whose bit differs."""
    execute(
        "INSERT INTO membership_change (segment_id, member_id, entered)"
        " SELECT place.id, mask_change.member_id, (new_mask & flag) <> 0"
        f" FROM mask_change JOIN ({_by_segment(places)}) AS place ON place.word = mask_change.word"
        " WHERE (old_mask & flag) <> (new_mask & flag)"
    )
    know_size("membership_change")


def _by_segment(places: Sequence[Place]) -> str:
    return _listed("id", ((each.segment_id, each) for each in places))


def _listed(key: str, places: Iterable[tuple[int, Place]]) -> str:
    """Places as rows, however many: SQLite joins at most 500 selects by UNION ALL, but any number of values."""
    rows = ", ".join(f"({number}, {each.word}, {each.flag})" for number, each in places)
    return f"SELECT column1 AS {key}, column2 AS word, column3 AS flag FROM (VALUES {rows}) AS listed"


def _counted() -> dict[int, Changes]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT segment_id, SUM(CASE WHEN entered THEN 1 ELSE 0 END), SUM(CASE WHEN entered THEN 0 ELSE 1 END)"
            " FROM membership_change GROUP BY segment_id"
        )
        return {segment_id: (int(entered), int(left)) for segment_id, entered, left in cursor.fetchall()}


def mend(places: Sequence[Place]) -> dict[int, int]:
    """This function will make masks those of the memberships again and forget members who are gone, for a full pass.

    Memberships are what people saw and campaigns heard of: what a scan finds otherwise becomes a transition. Between full
    passes nothing is mended in silence; `verify` names what differs. Returns the number of members by segment id.
    """
    for rows in (MASKS, MEMBERSHIPS):
        execute(
            f"DELETE FROM {rows} WHERE NOT EXISTS"
            f" (SELECT 1 FROM {MemberFacts._meta.db_table} AS facts WHERE facts.member_id = {rows}.member_id)"
        )
    inside = f"{MEMBERSHIPS} AS inside JOIN ({_by_segment(places)}) AS place ON place.id = inside.segment_id"
    execute(
        f"UPDATE {MASKS} SET mask = 0 WHERE mask <> 0 AND NOT EXISTS"
        f" (SELECT 1 FROM {inside} WHERE inside.member_id = {MASKS}.member_id AND place.word = {MASKS}.word)"
    )
    execute(
        f"INSERT INTO {MASKS} (member_id, word, mask) SELECT member_id, word, mask FROM ("
        f"SELECT member_id, word, CAST(SUM(flag) AS bigint) AS mask FROM {inside} GROUP BY member_id, word"
        f" EXCEPT SELECT member_id, word, mask FROM {MASKS}) AS differing WHERE true"
        " ON CONFLICT (member_id, word) DO UPDATE SET mask = EXCLUDED.mask"
    )
    return dict(Membership.objects.values_list("segment_id").annotate(Count("id")))


def clear_place(*, word: int, bit: int) -> None:
    """This function will clear one bit of everybody's masks."""
    flag = 1 << bit
    execute(f"UPDATE {MASKS} SET mask = mask & {EVERY_BIT - flag} WHERE word = {word} AND (mask & {flag}) <> 0")
