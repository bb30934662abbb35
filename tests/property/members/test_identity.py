"""Any two members, whatever they did: merged they are one who did it all, parted again they are who they were."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from core.registry import checks
from core.sql import rows_as_json
from members.models import Consent, Identifier, Member, MemberTag
from members.services.identity import merge_members, undo_merge
from retention.models import MemberFacts
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, SMS, make_running, make_template
from tests.db.members.identity.given import everything, wrong
from tests.factories import NOW, make_event, make_member, make_order

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
LATER = NOW + timedelta(hours=1)

texts = st.sampled_from(["", "a", "b"])
orders = st.lists(
    st.fixed_dictionaries(
        {
            "days": st.integers(0, 400),
            "total_minor": st.integers(0, 1000),
            "status": st.sampled_from(["paid", "completed", "cancelled"]),
        }
    ),
    max_size=6,
)
profiles = st.fixed_dictionaries(
    {
        "name": texts,
        "city": texts,
        "province": texts,
        "gender": st.sampled_from(["", "female", "male"]),
        "phone": st.sampled_from(["", "+8613800000001", "+8613800000002"]),
        "attributes": st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)),
        "birth": st.sampled_from([(None, None), (None, 229), (1996, 229), (1990, 101)]),
    }
)
people = st.fixed_dictionaries(
    {
        "profile": profiles,
        "orders": orders,
        "tags": st.sets(st.sampled_from(["vip", "tea", "new"])),
        "consents": st.dictionaries(st.sampled_from(["sms", "email"]), st.tuples(st.booleans(), st.integers(0, 2))),
        "events": st.integers(0, 2),
        "nicks": st.integers(0, 2),
    }
)


def settle(drawn: dict[str, Any], external_id: str) -> Member:
    """This function will save a member with all that was drawn."""
    profile = dict(drawn["profile"])
    profile["birth_year"], profile["birth_key"] = profile.pop("birth")
    member = make_member(external_id, **profile)
    order_from(drawn, member)
    MemberTag.objects.bulk_create(MemberTag(member=member, tag=tag) for tag in sorted(drawn["tags"]))
    for channel, (granted, days) in sorted(drawn["consents"].items()):
        at = NOW - timedelta(days=days)
        Consent.objects.create(member=member, channel=channel, granted=granted, proof="a form", changed_at=at)
    for _number in range(drawn["events"]):
        make_event(member, "visit")
    for number in range(drawn["nicks"]):
        Identifier.objects.create(member=member, source="tmall", kind="nick", value=f"{external_id}{number}")
    return member


def order_from(drawn: dict[str, Any], member: Member) -> None:
    for each in drawn["orders"]:
        at = NOW - timedelta(days=each["days"])
        make_order(member, placed_at=at, total_minor=each["total_minor"], status=each["status"])


@settings(max_examples=25, **SLOW)
@given(mine=people, theirs=people, stage=st.integers(0, 2), before=st.booleans())
def test_merging_and_undoing_changes_nothing(mine: dict[str, Any], theirs: dict[str, Any], stage: int, before: bool) -> None:
    """Whatever campaigns had come to, and whether or not a refresh went between."""
    with transaction.atomic():
        keep, drop = settle(mine, "k"), settle(theirs, "d")
        make_template()
        create_segment(slug="s", name="s", rule={"field": "order_count", "operator": ">=", "value": 2}, now=NOW)
        refresh(as_of=NOW)
        if stage:
            make_running(steps=[COUPON, SMS], control_share=0.5)
            plan_campaigns(now=NOW)
        if stage > 1:
            step_enrolments(now=NOW)
        old = everything()
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        assert wrong_without_refreshing() == []
        undo_merge(merge_id=record.pk, now=LATER)
        assert everything() == old
        if before:
            record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
            refresh(as_of=NOW)
            undo_merge(merge_id=record.pk, now=LATER)
            refresh(as_of=NOW)
            assert counted(everything()["MemberFacts"]) == counted(old["MemberFacts"])
        assert wrong() == []
        transaction.set_rollback(True)


def counted(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """This function will leave out when a refresh last took something in: a merge and its undoing are such things."""
    return [{name: value for name, value in row.items() if name != "changed_at"} for row in facts]


def wrong_without_refreshing() -> list[str]:
    return [sentence for check in checks if not check.code.startswith("retention.") for sentence in check.rows()]


@settings(max_examples=25, **SLOW)
@given(mine=people, theirs=people)
def test_a_merged_member_has_the_facts_of_one_who_had_all_orders(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    with transaction.atomic():
        keep, drop, both = settle(mine, "k"), settle(theirs, "d"), make_member("both")
        order_from(mine, both)
        order_from(theirs, both)
        for _number in range(mine["events"] + theirs["events"]):
            make_event(both, "visit")
        refresh(as_of=NOW)
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        refresh(as_of=NOW)
        merged, one = (counted(rows_as_json(MemberFacts.objects.filter(pk=member.pk))) for member in (keep, both))
        assert [{**merged[0], "member_id": 0}] == [{**one[0], "member_id": 0}]
        transaction.set_rollback(True)
