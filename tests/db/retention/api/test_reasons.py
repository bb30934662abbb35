from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from members.models import Refund
from retention.services.reasons import use_defaults
from retention.services.refresh import refresh
from tests.factories import NOW, make_event, make_member, make_order
from tests.rest import caller, paths_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(db: None) -> None:
    """Two who left, one of them for the price; somebody who is there."""
    use_defaults(now=NOW)
    for name, days in (("gone", 170), ("dear", 170), ("here", 2)):
        member = make_member(name)
        make_order(member, placed_at=NOW - timedelta(days=days + 10))
        order = make_order(member, placed_at=NOW - timedelta(days=days))
        if name != "gone":
            Refund.objects.create(order=order, position=1, amount_minor=1, reason="price", refunded_at=order.placed_at)
    refresh(as_of=NOW)


def told(name: str) -> Any:
    return caller().get(f"members/{name}/churn-reason/").json()


def test_a_reason_comes_with_the_conditions_that_tell_it() -> None:
    condition = {
        "sentence": "was given money back for price at least once in the last 365 days",
        "value": 1,
        "value_text": "1 time",
        "threshold": 1,
    }
    known = {"member": "dear", "reason": "price", "label": "price", "source": "rule", "answered_on": None}
    assert told("dear") == {**known, "conditions": [condition]}
    assert caller().get("members/dear/").json()["scores"]["churn_reason"] == "price"


def test_a_survey_names_its_day() -> None:
    member = make_event(make_member("asked"), "survey", topic="service", occurred_at=NOW - timedelta(days=3)).member
    for days in (170, 180):
        make_order(member, placed_at=NOW - timedelta(days=days))
    refresh(as_of=NOW)
    found = told("asked")
    assert (found["reason"], found["source"], found["answered_on"], found["conditions"]) == (
        "service",
        "survey",
        "2026-06-12",
        [],
    )


def test_who_does_not_leave_has_none() -> None:
    nothing = {"reason": None, "label": None, "source": None, "answered_on": None, "conditions": []}
    assert told("here") == {"member": "here", **nothing}
    assert caller().get("members/nobody/churn-reason/").status_code == 404


def test_members_are_narrowed_by_stage_and_by_reason() -> None:
    def listed(**query: str) -> list[str]:
        return [each["external_id"] for each in caller().get(f"members/?{urlencode(query)}").json()["results"]]

    assert listed(stage="lost") == ["gone", "dear"]
    assert listed(churn_reason="price") == ["dear"]
    assert listed(stage="lost", churn_reason="natural") == ["gone"]
    for name in ("stage", "churn_reason"):
        refused = caller().get(f"members/?{name}=nothing")
        assert (refused.status_code, paths_of(refused)) == (422, [name])
