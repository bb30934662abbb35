from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.errors import InvalidInput
from members.models import Channel, Consent, Member
from retention.models import MemberFacts
from retention.selectors import estimate as module
from retention.selectors.estimate import Estimate, count_exactly, count_soon, estimate, inside
from retention.services.refresh import refresh
from tests.factories import BUYERS, NOW, make_member, make_order

pytestmark = pytest.mark.django_db

LATELY: Any = {"did": "order", "operator": ">=", "times": 1, "within_days": 30}
MEMBERS = 300


@pytest.fixture
def crowd() -> None:
    """Three hundred members; every third ordered, every sixth within thirty days."""
    members = [make_member(f"m{number}") for number in range(MEMBERS)]
    for number in range(0, MEMBERS, 3):
        make_order(members[number], placed_at=NOW - timedelta(days=5 if number % 6 == 0 else 60))
    refresh(as_of=NOW)


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """No patience to count behaviour; a third of the members are the first sample, and there is time for no second."""
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "FIRST_MEMBERS", MEMBERS // 3)
    monkeypatch.setattr(module, "SPENT", 0)
    monkeypatch.setattr(module, "PATIENCE_WITH_BEHAVIOUR", 0)


@pytest.mark.usefixtures("crowd")
class TestEstimating:
    @pytest.mark.parametrize(("rule", "count"), [(BUYERS, 100), (LATELY, 50)])
    def test_is_the_count_where_time_is_enough_for_everybody(
        self, rule: Any, count: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FIRST_MEMBERS", 30)
        assert estimate(rule=rule, seconds=60) == Estimate(count, count, count, count / MEMBERS)

    @pytest.mark.usefixtures("_large")
    @pytest.mark.parametrize(("rule", "count"), [(BUYERS, 100), (LATELY, 50), ({"everyone": True}, MEMBERS)])
    def test_holds_the_count_in_its_range(self, rule: Any, count: int) -> None:
        found = estimate(rule=rule, seconds=60)
        assert found is not None
        assert found.low <= count <= found.high
        assert found.low <= found.count <= found.high
        assert 20 < found.high - found.low < 80 or count == MEMBERS

    @pytest.mark.usefixtures("_large")
    def test_never_says_fewer_than_it_saw(self) -> None:
        """Of everyone a third was seen: nobody can be outside."""
        found = estimate(rule={"everyone": True}, seconds=60)
        assert found is not None
        seen = MemberFacts.objects.filter(member__random_bucket__lt=3334).count()
        assert (found.count, found.high) == (MEMBERS, MEMBERS)
        assert found.low >= seen

    @pytest.mark.parametrize("hits", [0, 1, 5_000])
    def test_is_no_count_while_somebody_was_not_asked(self, hits: int) -> None:
        found = module._estimate(hits, 5_000, 5_001)
        assert not found.exact
        assert hits <= found.low <= found.count <= found.high <= hits + 1

    def test_says_nothing_when_not_even_the_first_sample_is_done_in_time(self) -> None:
        assert estimate(rule=BUYERS, seconds=-1) is None

    def test_refuses_a_bad_rule(self) -> None:
        with pytest.raises(InvalidInput):
            estimate(rule={"field": "nothing"}, seconds=60)


@pytest.mark.usefixtures("crowd")
class TestCountingSoon:
    @pytest.mark.parametrize("rule", [BUYERS, LATELY])
    def test_is_exact_in_a_small_shop(self, rule: Any) -> None:
        assert count_soon(rule=rule, seconds=60) == count_exactly(rule=rule)

    @pytest.mark.usefixtures("_large")
    def test_is_exact_for_stored_fields_in_a_large_one(self) -> None:
        assert count_soon(rule=BUYERS, seconds=60) == Estimate(100, 100, 100, 1 / 3)

    @pytest.mark.usefixtures("_large")
    @pytest.mark.parametrize("rule", [LATELY, {"combinator": "and", "rules": [BUYERS, LATELY]}])
    def test_is_an_estimate_where_behaviour_is_read(self, rule: Any) -> None:
        found = count_soon(rule=rule, seconds=60)
        assert found is not None
        assert not found.exact


class TestBeforeTheFirstRefresh:
    def test_nobody_is_counted(self) -> None:
        make_member()
        assert estimate(rule={"everyone": True}, seconds=60) == Estimate(0, 0, 0, 0.0)


@pytest.mark.usefixtures("crowd")
class TestInside:
    def test_counts_stages_and_who_can_be_reached(self) -> None:
        member = Member.objects.get(external_id="m0")
        Member.objects.filter(pk=member.pk).update(email="a@example.com")
        Consent.objects.create(
            member=member, channel=Channel.EMAIL, purpose="marketing", granted=True, proof="form", changed_at=NOW
        )
        found = inside(rule=BUYERS)
        assert (found.exact, found.looked_at, sum(found.stages.values())) == (True, 100, 100)
        assert found.reachable == {"sms": 0, "email": 1}
        assert len(found.sample) == 10

    @pytest.mark.usefixtures("_large")
    def test_looks_at_some_of_very_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "FEW_BUCKETS", 5_000)
        monkeypatch.setattr(module, "LEAST_INSIDE", 10)
        found = inside(rule=BUYERS)
        assert not found.exact
        assert 25 < found.looked_at < 75

    @pytest.mark.usefixtures("_large")
    def test_looks_at_everybody_where_they_are_few(self) -> None:
        assert (inside(rule=BUYERS).exact, inside(rule=BUYERS).looked_at) == (True, 100)
