from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.coupons.redeem import redeem
from campaigns.models import Coupon, Delivery, Enrolment, Redemption
from campaigns.services.lifecycle import finish
from campaigns.services.planning import plan_campaigns
from campaigns.services.running import run_campaigns
from core.errors import NotFound
from members.ingest import ingest_members, ingest_orders
from members.models import Consent, Identifier, Member, MemberTag, MergeRecord, Order
from members.services.identity import MergeRefused, undo_merge
from retention.models import Transition
from retention.services.refresh import refresh
from retention.services.segments import create_segment, delete_segment
from tests.campaign_factories import COUPON, SMS, consent, know_everybody, make_reachable, make_running, make_template
from tests.db.members.identity.given import LATER, everything, merge, order, wrong
from tests.factories import NOW, make_event, make_member, make_order

pytestmark = pytest.mark.django_db


class TestUndoing:
    def test_gives_back_everything(self) -> None:
        keep, drop = make_reachable("k", name="Anna", phone=""), make_reachable("d", name="Anne", city="上海")
        for member in (keep, drop):
            make_order(member), make_event(member, "visit"), MemberTag.objects.create(member=member, tag="tea")
        MemberTag.objects.create(member=drop, tag="vip")
        Identifier.objects.create(member=drop, source="tmall", kind="nick", value="anna88")
        consent(drop, "sms", granted=False)
        make_template()
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        know_everybody()
        make_running(steps=[COUPON, SMS])
        run_campaigns(now=NOW)
        make_running(steps=[COUPON, SMS])
        plan_campaigns(now=NOW)
        before = everything()
        record = merge(keep, drop)
        assert everything() != before
        undo_merge(merge_id=record.pk, now=LATER, by="boss")
        assert everything() == before
        record.refresh_from_db()
        assert (record.undone_at, record.undone_by, record.dropped, record.moved) == (LATER, "boss", {}, [])
        assert wrong() == []

    def test_leaves_what_was_changed_since(self) -> None:
        keep, drop = make_member("k"), make_member("d", phone="+8613800000001", city="上海", attributes={"a": 1, "b": 2})
        ingest_orders([order("o1", "d"), order("o2", "d")], now=NOW)
        record = merge(keep, drop)
        ingest_members([{"external_id": "k", "phone": "13900139000", "attributes": {"a": 5}}], now=LATER, proof="a file")
        ingest_orders([order("o2", "third"), order("o3", "d")], now=LATER)
        undo_merge(merge_id=record.pk, now=LATER)
        keep.refresh_from_db()
        assert (keep.phone, keep.city, keep.attributes) == ("+8613900139000", "", {"a": 5})
        owners = dict(Order.objects.values_list("external_id", "member__external_id"))
        assert owners == {"o1": "d", "o2": "third", "o3": "k"}
        assert ingest_orders([order("o3", "d")], now=LATER).changed == 1  # sent again, an order finds its member

    def test_holds_both_to_a_refusal_said_while_they_were_one(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        record = merge(keep, drop)
        ingest_members([{"external_id": "k", "consents": {"sms": False}}], now=LATER, proof="a reply")
        undo_merge(merge_id=record.pk, now=LATER + timedelta(hours=1))
        words = Consent.objects.values_list("member__external_id", "channel", "granted")
        assert set(words) == {("k", "sms", False), ("d", "sms", False), ("k", "email", True), ("d", "email", True)}

    def test_takes_with_an_enrolment_what_came_of_it(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        make_template()
        know_everybody()
        make_running(steps=[COUPON, SMS], audience={"field": "external_id", "operator": "=", "value": "d"})
        plan_campaigns(now=NOW)
        record = merge(keep, drop)
        run_campaigns(now=NOW)
        coupon = Coupon.objects.get()
        redeem(code=coupon.code, order="o9", member="k", amount_minor=5_000, now=LATER)
        undo_merge(merge_id=record.pk, now=LATER)
        owners = [model.objects.get().member_id for model in (Enrolment, Delivery, Coupon, Redemption)]
        assert owners == [drop.pk] * 4
        assert wrong() == []

    def test_does_not_wake_what_waited_in_a_campaign_that_is_over(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        record = merge(keep, drop)
        finish(campaign_id=campaign.pk, now=LATER)
        undo_merge(merge_id=record.pk, now=LATER)
        assert Enrolment.objects.get(member_id=drop.pk).reason == "campaign_finished"
        assert wrong() == []

    def test_makes_nobody_enter_a_segment_again(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        gone = create_segment(slug="gone", name="Gone", rule={"everyone": True}, now=NOW)
        create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW)
        record = merge(keep, drop)
        delete_segment(segment=gone)
        undo_merge(merge_id=record.pk, now=LATER)
        before = Transition.objects.count()
        refresh(as_of=LATER)
        assert Transition.objects.count() == before
        assert wrong() == []

    def test_is_refused_twice(self) -> None:
        record = merge(make_member("k"), make_member("d"))
        undo_merge(merge_id=record.pk, now=LATER)
        with pytest.raises(MergeRefused) as refused:
            undo_merge(merge_id=record.pk, now=LATER)
        assert refused.value.code == "already_undone"

    def test_goes_backwards(self) -> None:
        keep, first, second, last = (make_member(name) for name in ("k", "first", "second", "last"))
        before = everything()
        one, two, three = merge(keep, first), merge(keep, second), merge(last, keep)
        assert _refusal(one) == _refusal(two) == "kept_was_merged"
        undo_merge(merge_id=three.pk, now=LATER)
        assert _refusal(one) == "later_merge"
        undo_merge(merge_id=two.pk, now=LATER)
        undo_merge(merge_id=one.pk, now=LATER)
        assert everything() == before

    def test_of_a_merge_that_never_was_is_refused(self) -> None:
        with pytest.raises(NotFound):
            undo_merge(merge_id=10**9, now=NOW)

    def test_lets_the_two_be_merged_again_the_other_way_round(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        undo_merge(merge_id=merge(keep, drop).pk, now=LATER)
        merge(drop, keep)
        assert [member.external_id for member in Member.objects.all()] == ["d"]
        assert wrong() == []


def _refusal(record: MergeRecord) -> str:
    with pytest.raises(MergeRefused) as refused:
        undo_merge(merge_id=record.pk, now=LATER)
    return refused.value.code
