"""The night's proof on a sample, and what the first page says about counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from members.models import DirtyMark, Member
from retention.models import (
    MemberFacts,
    MemberMask,
    Membership,
    RefreshRun,
    SampleProof,
    Segment,
    SegmentBuild,
    SegmentVersion,
    Upkeep,
)
from retention.models.failures import failure
from retention.selectors.builds import builds_under_way
from retention.selectors.notices import notices
from retention.services import builds
from retention.services.proofs import prove_sample
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.factories import BUYERS, NOW, make_member, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def members() -> list[Member]:
    """Six members, three of them in the segment of buyers."""
    made = [make_member(f"m{number}") for number in range(6)]
    for member in made[::2]:
        make_order(member, total_minor=500)
    create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
    refresh(as_of=NOW)
    return made


def codes() -> list[str]:
    return [notice.code for notice in notices(now=NOW)]


class TestTheProof:
    def test_finds_nothing_where_all_is_right(self, members: list[Member]) -> None:
        assert prove_sample(now=NOW) == {"proved": 6, "differing": 0}
        proof = SampleProof.objects.get()
        assert (proof.members, proof.findings, proof.as_of) == (6, [], NOW)
        assert codes() == []

    def test_of_nobody_is_no_proof(self, members: list[Member]) -> None:
        Upkeep.objects.create(proved_members=0)
        assert prove_sample(now=NOW) == {}
        assert SampleProof.objects.count() == 0

    def test_before_anybody_was_counted_counts_first(self) -> None:
        make_order(make_member())
        assert prove_sample(now=NOW) == {"proved": 1, "differing": 0}

    def test_names_members_and_columns_and_puts_them_right(self, members: list[Member]) -> None:
        MemberFacts.objects.filter(member=members[0]).update(order_count=7)
        assert prove_sample(now=NOW) == {"proved": 6, "differing": 1}
        proof = SampleProof.objects.get()
        assert proof.findings == [{"kind": "facts", "member": "m0", "columns": [["order_count", 7, 1]]}]
        assert proof.repaired_at == NOW
        assert MemberFacts.objects.get(member=members[0]).order_count == 1
        assert RefreshRun.objects.latest("pk").kind == "full"

    def test_names_segments_whose_masks_are_wrong(self, members: list[Member]) -> None:
        MemberMask.objects.filter(member_id=members[0].pk).update(mask=0)
        Membership.objects.filter(member_id=members[2].pk).delete()
        prove_sample(now=NOW)
        proof = SampleProof.objects.get()
        assert proof.findings == [
            {"kind": "segment", "segment": "buyers", "name": "Buyers", "count": 2, "members": ["m0", "m2"]}
        ]
        assert proof.repaired_at == NOW
        assert Membership.objects.count() == Segment.objects.get().member_count == 3

    def test_leaves_out_who_is_marked_since(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        MemberFacts.objects.filter(member=members[0]).update(order_count=7)
        monkeypatch.setattr("retention.services.proofs.refresh_due", lambda **_given: {})
        DirtyMark.objects.create(member_id=members[0].pk)
        assert prove_sample(now=NOW) == {"proved": 5, "differing": 0}

    def test_draws_as_many_as_are_asked_for(self, members: list[Member]) -> None:
        Upkeep.objects.create(proved_members=4)
        assert prove_sample(now=NOW)["proved"] == 4

    def test_reads_the_sample_alone(self, members: list[Member]) -> None:
        Upkeep.objects.create(proved_members=2)
        with CaptureQueriesContext(connection) as captured:
            prove_sample(now=NOW)
        reads = [query["sql"] for query in captured if '"members_order"' in query["sql"] and "GROUP BY" in query["sql"]]
        assert reads
        assert all("due_member" in sql for sql in reads)


class TestNotices:
    def test_tell_of_a_segment_that_fails_in_the_readers_language(self, members: list[Member]) -> None:
        SegmentVersion.objects.update(rule={"field": "gone", "operator": "=", "value": 1})
        refresh(as_of=NOW + timedelta(days=1))
        (notice,) = notices(now=NOW)
        assert (notice.code, notice.page, notice.urgent) == ("segment_failed", "retention_segment", True)
        assert notice.sentence.startswith("The segment “Buyers” cannot be counted: field: ")
        with translation.override("zh-hans"):
            assert notices(now=NOW)[0].sentence != notice.sentence

    def test_tell_of_a_segment_that_grew_old(self, members: list[Member]) -> None:
        assert notices(now=NOW + timedelta(days=7)) == []
        (notice,) = notices(now=NOW + timedelta(days=9))
        assert notice.sentence == "The segment “Buyers” was last counted 9 days ago. Campaigns that name it are paused."

    def test_do_not_tell_of_a_list_that_grew_old(self) -> None:
        Segment.objects.create(slug="list", name="List", static=True, word=0, bit=0, created_at=NOW)
        assert notices(now=NOW + timedelta(days=99)) == []

    def test_tell_what_the_proof_found_until_one_finds_nothing(self, members: list[Member]) -> None:
        MemberFacts.objects.filter(member=members[0]).update(order_count=7)
        prove_sample(now=NOW)
        (notice,) = notices(now=NOW)
        assert (notice.code, notice.urgent) == ("proof_differs", False)
        prove_sample(now=NOW)
        assert codes() == []

    def test_tell_of_a_proof_that_nothing_mended(self, members: list[Member]) -> None:
        SampleProof.objects.create(proved_at=NOW, as_of=NOW, members=6, findings=[{"kind": "facts"}])
        (notice,) = notices(now=NOW)
        assert notice.urgent

    def test_tell_of_a_segment_that_is_filled_for_long(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(builds, "FEW", 2)
        create_segment(slug="quiet", name="Quiet", rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW, build_seconds=0)
        assert notices(now=NOW + timedelta(minutes=59)) == []
        (notice,) = notices(now=NOW + timedelta(minutes=61))
        assert (notice.code, notice.urgent) == ("segment_slow", False)


class TestTheProgress:
    def test_of_a_segment_that_is_filled_says_how_far_it_is(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(builds, "FEW", 2)
        segment = create_segment(slug="quiet", name="Quiet", rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW, build_seconds=0)
        SegmentBuild.objects.update(scanned=3)
        progress = builds_under_way([segment.pk])[segment.pk]
        assert (progress.version, progress.running, progress.share) == (1, False, 0.5)
        refresh(as_of=NOW)
        assert builds_under_way([segment.pk]) == {}


class TestAFailure:
    @pytest.mark.parametrize(
        ("kept", "said"),
        [
            (None, ""),
            (failure("died", times=3), "The work on it broke off 3 times."),
            (failure("from_a_later_release"), "Its rule could not be counted ()."),
        ],
    )
    def test_is_said_by_its_code(self, kept: Any, said: str) -> None:
        assert Segment(failure=kept).error == said
