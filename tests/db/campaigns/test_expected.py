"""What the rest of the day will bring: whoever is foretold is whom the day's planning then finds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Campaign, Enrolment
from campaigns.services.expected import expected_today
from campaigns.services.planning import plan_campaigns
from campaigns.services.running import run_campaigns
from tests.campaign_factories import EVERYONE, know_everybody, make_reachable, make_running
from tests.factories import NOW

pytestmark = pytest.mark.django_db

NEVER_HELD_OUT = {"control_share": 0}
EVENING = {"kind": "schedule", "every": "day", "at": "18:00"}
"""NOW is noon in the shop."""


def told(*, whole: bool = True) -> list[tuple[int, int | None]]:
    return [(each.waiting, each.coming) for each in expected_today(now=NOW, whole=whole)]


class TestExpected:
    def test_foretells_whom_the_schedule_of_the_evening_will_find(self) -> None:
        for _number in range(3):
            make_reachable()
        know_everybody()
        campaign = make_running(trigger=EVENING, audience=EVERYONE, **NEVER_HELD_OUT)
        assert told() == [(0, 3)]
        assert not Enrolment.objects.exists()
        assert plan_campaigns(now=NOW + timedelta(hours=7)) == {"due": 3}
        assert [(each.waiting, each.coming) for each in expected_today(now=NOW + timedelta(hours=7), whole=True)] == [(3, 0)]
        run_campaigns(now=NOW + timedelta(hours=7))
        assert expected_today(now=NOW + timedelta(hours=7), whole=True) == []
        assert Campaign.objects.get().pk == campaign.pk

    def test_leaves_out_what_is_held_out_on_average(self) -> None:
        for _number in range(10):
            make_reachable()
        know_everybody()
        make_running(trigger=EVENING, audience=EVERYONE, control_share=0.2)
        assert told() == [(0, 8)]

    def test_does_not_ask_everybody_where_there_are_many(self) -> None:
        make_reachable()
        know_everybody()
        make_running(trigger=EVENING, audience=EVERYONE, **NEVER_HELD_OUT)
        assert told(whole=False) == [(0, None)]

    @pytest.mark.parametrize("ends", [timedelta(hours=5), timedelta(hours=7)])
    def test_ends_with_the_campaign(self, ends: timedelta) -> None:
        make_reachable()
        know_everybody()
        make_running(trigger=EVENING, audience=EVERYONE, **NEVER_HELD_OUT)
        Campaign.objects.update(ends_at=NOW + ends)
        assert told() == ([(0, 1)] if ends > timedelta(hours=6) else [])

    def test_is_nothing_of_a_campaign_that_is_paused(self) -> None:
        make_reachable()
        know_everybody()
        make_running(trigger=EVENING, audience=EVERYONE, **NEVER_HELD_OUT)
        Campaign.objects.update(status="paused")
        assert told() == []
