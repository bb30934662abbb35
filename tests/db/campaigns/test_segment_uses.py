from __future__ import annotations

from typing import Any

import pytest

from campaigns.services.lifecycle import NotReady, activate, finish, pause
from campaigns.services.segment_uses import campaigns_naming
from retention.models import Segment
from retention.services.segments import InUse, create_segment, delete_segment
from tests.campaign_factories import EVERYONE, make_draft, make_running
from tests.factories import NOW

pytestmark = pytest.mark.django_db

IN_AWAY = {"in_segment": "away"}
ENTERED = {"kind": "segment_entered", "segment": "away"}


@pytest.fixture
def away() -> Segment:
    return create_segment(slug="away", name="Away", rule=EVERYONE, now=NOW)


@pytest.mark.parametrize(
    "naming",
    [{"audience": IN_AWAY}, {"exclusion": {"combinator": "and", "not": True, "rules": [IN_AWAY]}}, {"trigger": ENTERED}],
)
class TestASegmentOfACampaign:
    def test_is_kept_while_the_campaign_is_under_way(self, away: Segment, naming: dict[str, Any]) -> None:
        campaign = make_running(name="Back", **naming)
        pause(campaign_id=campaign.pk, now=NOW)
        with pytest.raises(InUse, match="in use by Back") as error:
            delete_segment(segment=away)
        assert [str(problem.message) for problem in error.value.problems] == ["The campaign “Back” names it."]
        assert Segment.objects.get() == away

    def test_goes_when_the_campaign_is_over(self, away: Segment, naming: dict[str, Any]) -> None:
        finish(campaign_id=make_running(**naming).pk, now=NOW)
        delete_segment(segment=away)
        assert not Segment.objects.exists()

    def test_goes_under_a_draft_which_then_cannot_start(self, away: Segment, naming: dict[str, Any]) -> None:
        draft = make_draft(**naming)
        assert [(use.name, use.holds) for use in campaigns_naming("away")] == [(draft.name, False)]
        delete_segment(segment=away)
        with pytest.raises(NotReady):
            activate(campaign_id=draft.pk, now=NOW)


def test_a_campaign_that_names_another_segment_holds_nothing(away: Segment) -> None:
    create_segment(slug="other", name="Other", rule=EVERYONE, now=NOW)
    make_running(audience={"in_segment": "other"})
    assert campaigns_naming("away") == []
