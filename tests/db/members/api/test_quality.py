from __future__ import annotations

import pytest

from core.services.jobs import run_jobs
from members.services.quality import ask_for_look
from tests.campaign_factories import consent
from tests.factories import NOW, make_member, make_order
from tests.rest import Caller, caller, given_key

pytestmark = pytest.mark.django_db

ADDRESS = "reports/data-quality/"


class TestDataQuality:
    def test_is_null_before_anybody_looked(self) -> None:
        answer = caller().get(ADDRESS)
        assert (answer.status_code, answer.json()) == (200, {"as_of": None, "totals": {}, "reach": [], "measures": []})

    def test_tells_what_the_last_look_found(self) -> None:
        member = make_member(phone="+8613812345678")
        consent(member, "sms")
        make_order(member)
        ask_for_look(now=NOW)
        run_jobs(now=NOW)
        told = caller().get(ADDRESS).json()
        assert told["as_of"].startswith("2026-06-15T12:00:00")
        assert told["totals"] == {"members": 1, "orders": 1, "products": 0, "events": 0}
        none = {"unasked": 0, "unsubscribed": 0, "no_address": 0}
        assert told["reach"] == [
            {"channel": "sms", "reachable": 1, **none, "nothing": 0},
            {"channel": "email", "reachable": 0, **none, "nothing": 1},
        ]
        found = {(each["subject"], each["field"], each["kind"]): each["count"] for each in told["measures"]}
        assert (found["members", "email", "missing"], found["orders", "lines", "missing"]) == (1, 1)
        assert found["members", "phone", "duplicate"] == 0

    def test_needs_the_scope_of_reports(self) -> None:
        assert Caller(given_key("members:read")[1]).get(ADDRESS).status_code == 403
