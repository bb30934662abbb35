"""Models and what they say of a member, over REST."""

from __future__ import annotations

import pytest
from django.utils import timezone

from core.models import Scope
from members.models import Order
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests.db.retention.test_models import a_shop, make_orders
from tests.factories import NOW, make_member
from tests.rest import Caller, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Caller:
    make_orders(a_shop(), cents=lambda name: 500 + 37 * (int(name[1:]) % 40))
    make_member("nobody")
    refresh(as_of=NOW)
    fit_models(as_of=NOW, now=NOW)
    return caller()


class TestModels:
    def test_carry_parameters_units_and_their_test(self, client: Caller) -> None:
        found = {each["kind"]: each for each in client.all("models/")}
        assert set(found["bg_nbd"]["parameters"]) == {"r", "alpha", "a", "b"}
        assert (found["bg_nbd"]["time_unit"], found["churn"]["time_unit"]) == ("week", "day")
        assert found["bg_nbd"]["log_likelihood"] < 0
        assert {"auc", "recency_auc", "brier", "calibration", "window", "challengers"} <= set(found["churn"]["metrics"])

    def test_that_were_refused_are_not_among_them(self, client: Caller) -> None:
        Order.objects.exclude(member__external_id="s0").delete()
        refresh(as_of=NOW, full=True)
        assert {fit.kind for fit in fit_models(as_of=NOW, now=NOW) if fit.refusal} >= {"churn", "bg_nbd"}
        assert {each["kind"] for each in client.all("models/")} >= {"churn", "bg_nbd"}
        assert all(each["parameters"] for each in client.all("models/?history=1"))


class TestAMember:
    def test_carries_the_scores_and_whether_churn_is_a_percentage(self, client: Caller) -> None:
        scores = client.get("members/s0/").json()["scores"]
        assert 0 < scores["churn_probability"] < 1
        assert scores["churn_calibrated"] in {True, False}
        assert scores["churn_rank"] == client.get("members/s0/churn/").json()["rank"]
        assert 0 <= scores["p_alive"] <= 1
        assert scores["value_layer"] in {"high", "middle", "low"}
        assert {type(scores["expected_orders_90d"]), type(scores["clv_365d_minor"])} == {float, int}

    def test_tells_which_facts_raise_the_risk(self, client: Caller) -> None:
        told = client.get("members/s0/churn/").json()
        scores = client.get("members/s0/").json()["scores"]
        assert told["churn_probability"] == pytest.approx(scores["churn_probability"])
        assert (told["rank"] in {"low", "middle", "high"}, told["horizon_days"], len(told["factors"])) == (True, 90, 5)
        assert all(factor["sentence"] for factor in told["factors"])

    def test_without_orders_has_no_risk(self, client: Caller) -> None:
        assert client.get("members/nobody/churn/").json() == {
            "churn_probability": None,
            "churn_calibrated": None,
            "rank": None,
            "horizon_days": None,
            "factors": [],
        }
        assert client.get("members/nobody/").json()["scores"]["churn_calibrated"] is None

    def test_is_not_told_of_to_who_may_not_read_members_nor_when_unknown(self, client: Caller) -> None:
        assert client.get("members/stranger/churn/").status_code == 404
        assert caller(Scope.SEGMENTS_READ).get("members/s0/churn/").status_code == 403

    def test_can_be_asked_for_by_a_rule(self, client: Caller) -> None:
        rule = {"field": "churn_probability", "operator": ">=", "value": 0.0}
        shown = client.post("segments/preview/", {"rule": rule, "as_of": timezone.now().isoformat()}).json()
        assert shown["count"] == 200
