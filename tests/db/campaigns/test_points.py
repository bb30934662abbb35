"""A campaign that gives points: with the decision, once, and proved."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Enrolment, EnrolmentStatus
from campaigns.services.running import run_campaigns
from core.errors import InvalidInput
from core.registry import checks
from members.models import LedgerEntry
from members.services.points.standing import points_standing
from tests.campaign_factories import know_everybody, make_reachable, make_running, make_template
from tests.factories import NOW

pytestmark = pytest.mark.django_db

POINTS = {"kind": "grant_points", "points": 50}


def wrong() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


def run(steps: list[dict[str, Any]], members: int = 3) -> list[int]:
    people = [make_reachable().pk for _ in range(members)]
    know_everybody()
    make_running(steps=steps, control_share=0, audience={"everyone": True})
    run_campaigns(now=NOW)
    return people


class TestAStepThatGivesPoints:
    def test_gives_them_to_everybody_fired_once(self) -> None:
        people = run([POINTS])
        run_campaigns(now=NOW)
        assert set(Enrolment.objects.values_list("status", flat=True)) == {EnrolmentStatus.FIRED}
        assert [points_standing(member_id=each, now=NOW).available for each in people] == [50, 50, 50]
        assert LedgerEntry.objects.count() == 3
        assert wrong() == []

    def test_stands_beside_a_coupon_and_another_of_its_kind(self) -> None:
        make_template(total_limit=2)
        people = run([{"kind": "issue_coupon", "template": "back"}, POINTS, {**POINTS, "points": 7}])
        given = sorted(points_standing(member_id=each, now=NOW).available for each in people)
        assert given == [0, 57, 57]
        assert wrong() == []

    @pytest.mark.parametrize("points", [0, -1, 1_000_001])
    def test_of_an_amount_that_cannot_be_meant_is_refused(self, points: int) -> None:
        with pytest.raises(InvalidInput) as refused:
            make_running(steps=[{**POINTS, "points": points}])
        assert [(each.path, each.code) for each in refused.value.problems] == [("steps[0].points", "out_of_range")]

    def test_is_missed_when_its_entry_is_gone(self) -> None:
        run([POINTS], members=1)
        LedgerEntry.objects.update(reference="somebody's")
        assert any("gave no points" in sentence for sentence in wrong())
