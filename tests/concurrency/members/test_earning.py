"""Eight at once who reckon what was earned: nothing is given twice, and no limit is passed."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from campaigns.models import Reward, RewardUse
from campaigns.services.rewards import redeem_reward, save_reward
from core.errors import DomainError
from members.ingest.load import ingest_events
from members.models import EarnedEvent, Order
from members.services.earning.marks import mark_orders
from members.services.earning.working import earn
from members.services.points.awarding import award_points
from tests.concurrency.racing import race
from tests.earning import grown, has, make_rule, write_order
from tests.factories import NOW, make_member

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def events(kind: str, names: list[str]) -> list[dict[str, Any]]:
    return [{"id": name, "member": "m", "kind": kind, "at": NOW.isoformat()} for name in names]


class TestEightAtOnce:
    def test_give_for_an_order_once(self) -> None:
        make_member("m")
        make_rule()
        make_rule(name="growth", currency="growth")
        write_order()
        order_id = Order.objects.get().pk

        def reckon() -> None:
            mark_orders([order_id])
            earn(now=NOW)

        outcomes = race([reckon] * 16, threads=8)
        assert [each for each in outcomes if isinstance(each, Exception)] == []
        earn(now=NOW)
        assert (has(), grown()) == ((100, 0), 100)

    def test_pass_no_limit(self) -> None:
        make_member("m")
        make_rule(occasion="share", amount=1, daily_limit=3)

        def share(number: int) -> None:
            ingest_events(events("share", [f"e{number}"]), now=NOW)
            earn(now=NOW)

        outcomes = race([partial(share, number) for number in range(16)], threads=8)
        assert [each for each in outcomes if isinstance(each, Exception)] == []
        earn(now=NOW)
        assert (has(), EarnedEvent.objects.count()) == ((3, 0), 3)

    def test_have_no_more_rewards_than_there_are(self) -> None:
        terms = {"slug": "five", "name": "5 off", "kind": "money_off", "points": 10, "amount_minor": 500, "stock": 3}
        save_reward(slug=None, terms=terms, now=NOW)
        members = [make_member() for _ in range(4)]
        for member in members:
            award_points(member_id=member.pk, points=20, reference="a", now=NOW)
        calls = [
            partial(redeem_reward, slug="five", member_id=member.pk, reference=f"r{number}", now=NOW)
            for number in range(4)
            for member in members
        ]
        outcomes = race(calls, threads=8)
        unexpected = [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, DomainError)]
        assert unexpected == []
        assert (Reward.objects.get().redeemed, RewardUse.objects.count()) == (3, 3)
