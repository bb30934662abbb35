"""Campaigns that wait for a tier: when it changed, and before it drops; each occasion once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Campaign, Enrolment
from campaigns.services.documents import read_document
from campaigns.services.lifecycle import activate, create_campaign
from campaigns.services.planning import plan_campaigns
from core.errors import InvalidInput
from members.models import Member, TierChange
from members.services.tiers.drafts import draft_in_force
from retention.services.refresh import refresh
from retention.services.tier_changes import apply_scheme
from tests.campaign_factories import document
from tests.factories import NOW, make_member, make_order
from tests.tiers import four_tiers, put_in_force

pytestmark = pytest.mark.django_db


def _started(**trigger: Any) -> Campaign:
    campaign = create_campaign(document=document(trigger=trigger, control_share=0), now=NOW)
    activate(campaign_id=campaign.pk, now=NOW)
    return campaign


def _due(campaign: Campaign) -> list[tuple[int, str]]:
    rows = Enrolment.objects.filter(campaign=campaign).order_by("pk")
    return list(rows.values_list("member_id", "occurrence"))


def _spends(member: Member, amount: int, *, days: int = 0) -> None:
    at = NOW + timedelta(days=days)
    make_order(member, placed_at=at, total_minor=amount)
    refresh(as_of=at)
    plan_campaigns(now=at)


class TestATierThatChanged:
    def test_fires_once_for_each_change_that_came_after_the_start(self) -> None:
        put_in_force()
        early, late = make_member(), make_member()
        make_order(early, total_minor=1_000)
        refresh(as_of=NOW)
        up, down = _started(kind="tier_changed", direction="upgraded"), _started(kind="tier_changed", direction="downgraded")
        gold = _started(kind="tier_changed", tier="gold")
        plan_campaigns(now=NOW)
        _spends(late, 1_000)
        _spends(late, 4_000, days=1)
        plan_campaigns(now=NOW + timedelta(days=1))
        changes = list(TierChange.objects.filter(member_id=late.pk).order_by("pk").values_list("pk", flat=True))
        assert _due(up) == [(late.pk, f"tier:{pk}") for pk in changes]
        assert _due(gold) == [(late.pk, f"tier:{changes[1]}")]
        assert _due(down) == []

    def test_does_not_fire_for_a_first_tier_nor_for_a_changed_scheme(self) -> None:
        put_in_force()
        refresh(as_of=NOW)
        campaign = _started(kind="tier_changed")
        member = make_member()
        _spends(member, 1_000)
        draft = draft_in_force()
        assert draft is not None
        higher = four_tiers(("ordinary", 0), ("silver", 2_000), ("gold", 5_000), ("diamond", 10_000))
        apply_scheme(draft=higher, moves_down=True, now=NOW)
        plan_campaigns(now=NOW)
        assert list(TierChange.objects.values_list("cause", flat=True)) == ["joined", "scheme"]
        assert _due(campaign) == []

    def test_of_a_tier_there_is_none_is_refused(self) -> None:
        put_in_force()
        with pytest.raises(InvalidInput) as refused:
            read_document(document(trigger={"kind": "tier_changed", "tier": "platinum"}))
        assert [(each.path, each.code) for each in refused.value.problems] == [("trigger.tier", "unknown_tier")]


class TestATierThatWillDrop:
    def test_fires_once_for_each_drop_day_from_so_many_days_before(self) -> None:
        put_in_force(review_days=40, window_days=10)
        refresh(as_of=NOW)
        campaign = _started(kind="tier_dropping", days_before=30)
        member = make_member()
        _spends(member, 5_000)
        for day in (9, 10, 10, 11):
            refresh(as_of=NOW + timedelta(days=day))
            plan_campaigns(now=NOW + timedelta(days=day))
            assert _due(campaign) == ([] if day < 10 else [(member.pk, "tier_drop:2026-07-25")])
        for day in (40, 50):
            refresh(as_of=NOW + timedelta(days=day))
            plan_campaigns(now=NOW + timedelta(days=day))
        assert _due(campaign)[1:] == [(member.pk, "tier_drop:2026-09-03")]
