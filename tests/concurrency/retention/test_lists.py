"""Several at once on PostgreSQL: a list is what one upload after the other makes it; nobody relies on what is deleted."""

from __future__ import annotations

import pytest

from campaigns.models import Campaign
from campaigns.services.lifecycle import NotReady, activate
from core.errors import DomainError, InvalidInput
from members.models import AttributeDefinition, Member
from members.services.attributes import AttributeInUse, delete_attribute
from retention.models import ListUpload, Segment, StaticMember, UploadedId
from retention.services.refresh import refresh
from retention.services.segments import InUse, create_segment, delete_segment
from retention.services.static_lists import create_list, give_ids
from tests.campaign_factories import EVERYONE, make_draft
from tests.concurrency.racing import race
from tests.factories import NOW, make_member

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def on(segment: Segment) -> set[str]:
    ids = StaticMember.objects.filter(segment=segment).values("member_id")
    return set(Member.objects.filter(pk__in=ids).values_list("external_id", flat=True))


class TestOneList:
    def test_is_the_whole_of_one_upload_never_a_mixture(self) -> None:
        names = [make_member(f"m{number}").external_id for number in range(40)]
        segment, _none = create_list(slug="s", name="S", now=NOW)
        parts = [names[start::4] for start in range(4)]
        uploads = race(
            [lambda part=part: give_ids(segment=segment, how="replace", values=part, now=NOW) for part in parts], threads=4
        )
        assert all(isinstance(each, ListUpload) for each in uploads), uploads
        assert on(segment) in [set(part) for part in parts]
        assert sum(each.added - each.removed for each in uploads) == 10

    def test_loses_nobody_of_many_additions_beside_a_refresh(self) -> None:
        names = [make_member(f"m{number}").external_id for number in range(40)]
        segment, _none = create_list(slug="s", name="S", now=NOW)
        refresh(as_of=NOW)
        adding = [lambda name=name: give_ids(segment=segment, how="add", values=[name], now=NOW) for name in names]
        results = race([*adding, *[lambda: refresh(as_of=NOW)] * 4], threads=8)
        assert not [each for each in results if isinstance(each, Exception)]
        refresh(as_of=NOW)
        assert (on(segment), Segment.objects.get().member_count) == (set(names), 40)

    def test_is_changed_or_deleted_and_leaves_nothing_behind(self) -> None:
        make_member("ann")
        for number in range(6):
            segment, _none = create_list(slug=f"s{number}", name="S", now=NOW)
            results = race(
                [
                    lambda segment=segment: give_ids(segment=segment, how="add", values=["ann", "nobody"], now=NOW),
                    lambda segment=segment: delete_segment(segment=segment),
                ],
                threads=2,
            )
            assert all(not isinstance(each, Exception) or isinstance(each, DomainError) for each in results), results
        assert [rows.objects.count() for rows in (Segment, StaticMember, ListUpload, UploadedId)] == [0, 0, 0, 0]


class TestASegmentThatACampaignNames:
    def test_is_deleted_or_started_with_never_both(self) -> None:
        outcomes = set()
        for number in range(8):
            segment = create_segment(slug=f"s{number}", name="S", rule=EVERYONE, now=NOW)
            draft = make_draft(audience={"in_segment": segment.slug})
            started, deleted = race(
                [
                    lambda draft=draft: activate(campaign_id=draft.pk, now=NOW),
                    lambda segment=segment: delete_segment(segment=segment),
                ],
                threads=2,
            )
            outcomes.add((type(started), type(deleted)))
        assert outcomes <= {(Campaign, InUse), (NotReady, type(None))}


class TestAnAttributeThatARuleReads:
    def test_is_forgotten_or_read_never_both(self) -> None:
        outcomes = set()
        for number in range(8):
            attribute = AttributeDefinition.objects.create(name=f"a{number}", type="number", created_at=NOW)
            rule = {"field": f"attributes.a{number}", "operator": ">=", "value": 1}
            made, forgotten = race(
                [
                    lambda rule=rule, slug=f"s{number}": create_segment(slug=slug, name="S", rule=rule, now=NOW),
                    lambda attribute=attribute: delete_attribute(attribute=attribute),
                ],
                threads=2,
            )
            outcomes.add((type(made), type(forgotten)))
        assert outcomes <= {(Segment, AttributeInUse), (InvalidInput, type(None))}
