from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from core.errors import InvalidInput
from core.models import Job
from core.services.jobs import cancel_job, run_jobs
from members.models import DirtyMark, Identifier, Member
from members.services.identity import merge_members
from retention.models import (
    ListUpload,
    Membership,
    Segment,
    SegmentBuild,
    StaticMember,
    Transition,
    UploadedId,
    UploadPiece,
)
from retention.selectors import matching
from retention.services import builds, filling, static_lists
from retention.services.list_files import ids_in, ids_typed
from retention.services.refresh import refresh
from retention.services.segments import create_segment, delete_segment
from retention.services.static_lists import (
    NotAList,
    apply_upload,
    create_list,
    freeze,
    give_file,
    give_ids,
    unknown_ids,
)
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def people() -> dict[str, Member]:
    return {name: make_member(name) for name in ("ann", "bob", "cid", "dan")}


@pytest.fixture
def listed(people: dict[str, Member]) -> Segment:
    """A list with ann and bob, counted."""
    segment, _upload = create_list(slug="vip", name="VIP", members=["ann", "bob"], now=NOW)
    refresh(as_of=NOW)
    return segment


def on(segment: Segment) -> set[str]:
    ids = StaticMember.objects.filter(segment=segment).values("member_id")
    return set(Member.objects.filter(pk__in=ids).values_list("external_id", flat=True))


def counted(upload: ListUpload) -> tuple[int, ...]:
    return (upload.given, upload.known, upload.unknown, upload.added, upload.removed)


def give(segment: Segment, text: str, how: str = "add", name: str = "ids.csv") -> ListUpload:
    upload = give_file(segment=segment, how=how, pieces=[text.encode()], file_name=name, now=NOW, by="boss")
    run_jobs(now=NOW)
    upload.refresh_from_db()
    return upload


class TestGivingIds:
    def test_counts_duplicates_once_and_keeps_what_means_nobody(self, listed: Segment) -> None:
        upload = give_ids(segment=listed, how="add", values=["cid", "cid", " bob ", "zed", "zed", ""], now=LATER, by="key")
        assert (on(listed), counted(upload)) == ({"ann", "bob", "cid"}, (6, 2, 1, 1, 0))
        assert list(unknown_ids(upload).values_list("value", "problem")) == [("zed", "unknown")]

    def test_takes_off(self, listed: Segment) -> None:
        upload = give_ids(segment=listed, how="remove", values=["ann", "cid"], now=LATER)
        assert (on(listed), counted(upload)) == ({"bob"}, (2, 2, 0, 0, 1))

    def test_replaces(self, listed: Segment) -> None:
        upload = give_ids(segment=listed, how="replace", values=["bob", "cid", "dan"], now=LATER)
        assert (on(listed), counted(upload)) == ({"bob", "cid", "dan"}, (3, 3, 0, 2, 1))

    def test_finds_names_elsewhere_and_merged_ids(self, listed: Segment, people: dict[str, Member]) -> None:
        Identifier.objects.create(member=people["cid"], source="tmall", kind="nick", value="c***d")
        for name in ("ann", "dan"):
            Identifier.objects.create(member=people[name], source=name, kind="nick", value="shared")
        merge_members(keep=people["dan"].pk, drop=people["ann"].pk, now=NOW)
        upload = give_ids(segment=listed, how="replace", values=["c***d", "ann", "shared"], now=LATER)
        assert (on(listed), counted(upload)[1:3]) == ({"cid", "dan"}, (3, 0))

    def test_does_not_guess_whom_a_shared_name_means(self, listed: Segment, people: dict[str, Member]) -> None:
        for name in ("cid", "dan"):
            Identifier.objects.create(member=people[name], source=name, kind="nick", value="shared")
        upload = give_ids(segment=listed, how="add", values=["shared"], now=LATER)
        assert on(listed) == {"ann", "bob"}
        assert list(unknown_ids(upload).values_list("value", "problem")) == [("shared", "ambiguous")]

    def test_names_ids_that_cannot_be_stored(self, listed: Segment) -> None:
        make_member("x" * 200)
        upload = give_ids(segment=listed, how="add", values=["x" * 201, "an\0n", "a\ud800"], now=LATER)
        assert on(listed) == {"ann", "bob"}
        assert set(unknown_ids(upload).values_list("problem", flat=True)) == {"unusable"}

    def test_refuses_more_than_a_call_may_hold_and_changes_nothing(
        self, listed: Segment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(static_lists, "MOST_AT_ONCE", 2)
        with pytest.raises(InvalidInput, match="At most 2 ids"):
            give_ids(segment=listed, how="add", values=["cid", "dan", "ann"], now=LATER)
        assert (on(listed), ListUpload.objects.count()) == ({"ann", "bob"}, 1)

    def test_is_refused_for_a_segment_with_a_rule(self, people: dict[str, Member]) -> None:
        ruled = create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        with pytest.raises(NotAList):
            give_ids(segment=ruled, how="add", values=["ann"], now=NOW)

    def test_applies_once(self, listed: Segment) -> None:
        upload = give_ids(segment=listed, how="remove", values=["ann"], now=LATER)
        give_ids(segment=listed, how="add", values=["ann"], now=LATER)
        again = apply_upload(upload, now=LATER)
        assert (on(listed), again.removed) == ({"ann", "bob"}, 1)

    def test_keeps_the_unknown_ids_of_the_last_upload_alone(self, listed: Segment) -> None:
        first = give_ids(segment=listed, how="add", values=["who"], now=LATER)
        last = give_ids(segment=listed, how="add", values=["whom"], now=LATER)
        assert ([*unknown_ids(first)], [each.value for each in unknown_ids(last)]) == ([], ["whom"])


class TestTheNextRefresh:
    def test_asks_those_who_came_or_went_and_nobody_else(self, listed: Segment, people: dict[str, Member]) -> None:
        give_ids(segment=listed, how="replace", values=["bob", "cid"], now=LATER)
        assert set(DirtyMark.objects.values_list("member_id", flat=True)) == {people["ann"].pk, people["cid"].pk}
        report = refresh(as_of=LATER)
        assert (report.kind, report.counts["due"]) == ("changes", 2)
        assert set(Membership.objects.values_list("member_id", flat=True)) == {people["bob"].pk, people["cid"].pk}
        moves = Transition.objects.order_by("entered").values_list("member_id", "entered")
        assert list(moves) == [(people["ann"].pk, False), (people["cid"].pk, True)]

    def test_asks_the_rules_that_mention_the_list_too(self, listed: Segment, people: dict[str, Member]) -> None:
        rule = {"combinator": "and", "not": True, "rules": [{"in_segment": "vip"}]}
        others = create_segment(slug="others", name="Others", rule=rule, now=NOW)
        refresh(as_of=NOW)
        give_ids(segment=listed, how="add", values=["cid"], now=LATER)
        refresh(as_of=LATER)
        inside = Membership.objects.filter(segment=others).values_list("member_id", flat=True)
        assert set(inside) == {people["dan"].pk}

    def test_fills_a_new_list_without_transitions(self, people: dict[str, Member]) -> None:
        refresh(as_of=NOW)
        create_list(slug="vip", name="VIP", members=["ann"], now=NOW)
        refresh(as_of=LATER)
        assert (Segment.objects.get().member_count, Transition.objects.count()) == (1, 0)

    def test_changes_a_list_that_is_being_counted_for_the_first_time(
        self, people: dict[str, Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever counts it has asked ann already."""
        monkeypatch.setattr(builds, "FEW", 1)
        refresh(as_of=NOW)
        segment, _none = create_list(slug="vip", name="VIP", members=["dan"], now=NOW)
        refresh(as_of=NOW, build_seconds=0)
        worker = filling._Worker(NOW)
        SegmentBuild.objects.update(chunk=2)
        worker.step(worker.claim())
        worker.let_go()
        assert (SegmentBuild.objects.get().scanned, Segment.objects.get().as_of) == (2, None)
        give_ids(segment=segment, how="add", values=["ann"], now=LATER)
        refresh(as_of=LATER)
        assert set(Membership.objects.values_list("member_id", flat=True)) == {people["ann"].pk, people["dan"].pk}


class TestAFile:
    def test_is_read_beside_the_list_and_then_becomes_it(self, listed: Segment) -> None:
        upload = give_file(
            segment=listed, how="replace", pieces=[b"external_id\ncid\nd", b"an\nnobody\n"], file_name="f.csv", now=NOW
        )
        assert on(listed) == {"ann", "bob"}
        run_jobs(now=NOW)
        job, upload = Job.objects.get(), ListUpload.objects.get(pk=upload.pk)
        assert (job.state, job.result["unknown"], upload.job_id) == ("done", 1, job.pk)
        assert (on(listed), counted(upload)) == ({"cid", "dan"}, (3, 2, 1, 2, 2))
        assert (UploadPiece.objects.count(), [each.value for each in UploadedId.objects.all()]) == (0, ["nobody"])

    def test_that_cannot_be_read_changes_nothing_and_says_why(self, listed: Segment) -> None:
        upload = give(listed, "name,city\nann,Wuhan\n")
        job = Job.objects.get()
        assert (job.state, job.error) == (
            "failed", "The file has several columns. Give one column of ids, or call the right one “external_id”.",
        )  # fmt: skip
        assert (on(listed), upload.applied_at, UploadPiece.objects.count()) == ({"ann", "bob"}, None, 0)

    def test_of_a_stopped_job_changes_nothing(self, listed: Segment) -> None:
        upload = give_file(segment=listed, how="add", pieces=[b"cid\n"], file_name="f.txt", now=NOW)
        assert upload.job_id is not None
        cancel_job(job_id=upload.job_id, now=NOW)
        run_jobs(now=NOW)
        assert on(listed) == {"ann", "bob"}

    def test_is_begun_again_after_a_death_half_way(self, listed: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(static_lists, "STAGED_AT_ONCE", 1)
        give_file(segment=listed, how="add", pieces=[b"cid\ndan\nzed\n"], file_name="f.txt", now=NOW)
        real, calls = static_lists._stage, []

        def dying(upload: ListUpload, values: Iterable[str]) -> None:
            calls.append(values)
            if len(calls) == 2:
                raise KeyboardInterrupt
            real(upload, values)

        monkeypatch.setattr(static_lists, "_stage", dying)
        with pytest.raises(KeyboardInterrupt):
            run_jobs(now=NOW)
        assert (on(listed), UploadedId.objects.count()) == ({"ann", "bob"}, 1)
        run_jobs(now=NOW + timedelta(hours=1))
        assert (on(listed), Job.objects.get().result["given"]) == ({"ann", "bob", "cid", "dan"}, 3)

    def test_that_is_empty_or_too_large_is_refused_at_once(self, listed: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(static_lists, "LARGEST_FILE", 10)
        for pieces in ([], [b"x" * 11]):
            with pytest.raises(InvalidInput):
                give_file(segment=listed, how="add", pieces=pieces, file_name="f", now=NOW)
        assert (ListUpload.objects.count(), UploadPiece.objects.count(), Job.objects.count()) == (1, 0, 0)

    def test_goes_with_its_list(self, listed: Segment) -> None:
        upload = give_file(segment=listed, how="add", pieces=[b"cid\n"], file_name="f.txt", now=NOW)
        delete_segment(segment=listed)
        run_jobs(now=NOW)
        assert (Job.objects.get().state, ListUpload.objects.filter(pk=upload.pk).exists()) == ("failed", False)
        assert not StaticMember.objects.exists()


class TestFreezing:
    def test_makes_a_list_of_who_is_in_the_segment_now(self, listed: Segment, people: dict[str, Member]) -> None:
        frozen = freeze(segment=listed, slug="then", name="Then", now=LATER, by="boss")
        give_ids(segment=listed, how="replace", values=["cid"], now=LATER)
        refresh(as_of=LATER)
        assert (on(frozen), on(listed)) == ({"ann", "bob"}, {"cid"})
        assert set(matching(rule={"in_segment": "then"}).values_list("member_id", flat=True)) == {
            people["ann"].pk, people["bob"].pk,
        }  # fmt: skip

    def test_of_a_large_segment_is_a_job(self, listed: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(static_lists, "TAKEN_OVER_AT_ONCE", 1)
        frozen = freeze(segment=Segment.objects.get(), slug="then", name="Then", now=LATER)
        assert on(frozen) == set()
        run_jobs(now=LATER)
        assert (on(frozen), Job.objects.get().result["added"]) == ({"ann", "bob"}, 2)


class TestIdsOfAFile:
    def read(self, tmp_path: Path, data: bytes) -> list[str]:
        path = tmp_path / "file"
        path.write_bytes(data)
        return list(ids_in(path))

    @pytest.mark.parametrize(
        ("data", "ids"),
        [
            (b"a\r\n b \n\nc", ["a", "b", "c"]),
            (b"\xef\xbb\xbfexternal_id\na\n", ["a"]),
            ("会员编号\n张三\n".encode("gb18030"), ["张三"]),
            ("id\nа\n".encode("utf-16"), ["а"]),
            (b'city,member_id\nWuhan,"a,b"\nBeijing\nXi,c\n', ["a,b", "c"]),
            (b"name;External_ID\nx;1001\n", ["1001"]),
            (b"id\n10\x0001\n1002\n", ["10\x0001", "1002"]),
        ],
    )
    def test_are_read_in_any_usual_form(self, tmp_path: Path, data: bytes, ids: list[str]) -> None:
        assert self.read(tmp_path, data) == ids

    def test_of_a_workbook_are_its_first_sheet(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        for row in (["会员号"], [1001], ["tb-2"], [None], [3.0]):
            book.active.append(row)
        kept = io.BytesIO()
        book.save(kept)
        assert self.read(tmp_path, kept.getvalue()) == ["1001", "tb-2", "3"]
        with pytest.raises(InvalidInput, match="damaged"):
            self.read(tmp_path, kept.getvalue()[:-200])

    @pytest.mark.parametrize(
        "data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"a,b\n1,2\n", b'"' + b"x" * 1_100_000, b'"m1"\n"m2']
    )
    def test_of_what_is_no_list_are_refused(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(InvalidInput):
            self.read(tmp_path, data)

    def test_that_were_pasted_stand_in_lines_or_between_commas(self) -> None:
        assert ids_typed("external_id\na, b\tc，d\n\n e \n") == ["a", "b", "c", "d", "e"]
        assert ids_typed("") == []


def test_a_list_of_a_name_that_is_taken_is_not_made(listed: Any) -> None:
    with pytest.raises(InvalidInput):
        create_list(slug="vip", name="Again", members=["cid"], now=NOW)
    assert (Segment.objects.count(), ListUpload.objects.count()) == (1, 1)
