from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from campaigns.coupons.issue import issue_one
from campaigns.coupons.redeem import redeem
from campaigns.holdout import held_out
from campaigns.models import Coupon, Delivery, Enrolment, MemberRedemptions, Redemption
from campaigns.reports.results import balance, campaign_report
from campaigns.services.planning import plan_campaigns
from campaigns.services.running import run_campaigns
from campaigns.services.stepping import step_enrolments
from core.errors import NotFound
from core.sql import rows_as_json
from members.ingest import ingest_events, ingest_members, ingest_orders
from members.models import BehaviourEvent, Consent, DirtyMark, Identifier, Member, MemberTag, MergeRecord, Order
from members.selectors import member_ids_called, member_named, members_found, order_listing
from members.services import identity
from members.services.identity import MergeRefused, merge_members, preview_merge, settle_merges, undo_merge
from retention.models import MemberFacts, MemberMask, Membership, Segment, StaticMember, Transition
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, SMS, consent, know_everybody, make_reachable, make_running, make_template
from tests.db.members.identity.given import LATER, everything, merge, order, wrong
from tests.factories import NOW, make_event, make_member, make_order

pytestmark = pytest.mark.django_db


class TestMerging:
    def test_moves_orders_and_events_and_deletes_the_dropped_member(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        make_order(keep), make_order(drop), make_event(drop, "view")
        merge(keep, drop)
        assert set(Order.objects.values_list("member_id", flat=True)) == {keep.pk}
        assert BehaviourEvent.objects.get().member_id == keep.pk
        assert [member.external_id for member in Member.objects.all()] == ["k"]
        assert wrong() == []

    def test_marks_the_kept_member(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        DirtyMark.objects.all().delete()
        merge(keep, drop)
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [keep.pk]

    def test_keeps_what_the_kept_profile_says_and_fills_what_it_does_not(self) -> None:
        keep = make_member("k", name="Anna", birth_key=229, province="浙江", attributes={"size": "M"})
        drop = make_member(
            "d", name="Anne", phone="+8613800000001", birth_key=229, birth_year=1996, city="上海", province="上海",
            gender="female", registered_at=NOW, attributes={"size": "L", "shoe": 38}, made_up_fields=["gender", "phone"],
        )  # fmt: skip
        merge(keep, drop)
        kept = Member.objects.get()
        assert (kept.name, kept.phone, kept.birth_date_text, kept.gender) == (
            "Anna",
            "+8613800000001",
            "1996-02-29",
            "female",
        )
        assert (kept.city, kept.province) == ("", "浙江")  # a city of another province would be no place
        assert (kept.registered_at, kept.registered_day) == (drop.registered_at, drop.registered_day)
        assert (kept.attributes, kept.made_up_fields) == ({"size": "M", "shoe": 38}, ["gender", "phone"])

    def test_unites_tags_and_names_elsewhere(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        for member, tag in ((keep, "vip"), (drop, "vip"), (drop, "tea")):
            MemberTag.objects.create(member=member, tag=tag)
        Identifier.objects.create(member=drop, source="tmall", kind="nick", value="anna88")
        merge(keep, drop)
        assert set(MemberTag.objects.values_list("member_id", "tag")) == {(keep.pk, "vip"), (keep.pk, "tea")}
        assert set(Identifier.objects.values_list("member_id", "source", "kind", "value")) == {
            (keep.pk, "tmall", "nick", "anna88"),
            (keep.pk, "rekindle", "merged_external_id", "d"),
        }
        assert [member.pk for member in members_found("d")] == [keep.pk]

    @pytest.mark.parametrize(
        ("mine", "theirs", "word"),
        [
            ((True, 0), (False, 1), False),
            ((False, 1), (True, 0), False),
            ((True, 1), (False, 0), True),
            ((False, 0), (True, 1), True),
            ((True, 0), (False, 0), False),
            ((False, 0), (True, 0), False),
            (None, (True, 0), True),
            (None, (False, 0), False),
            ((True, 0), None, True),
        ],
    )
    def test_takes_the_last_word_on_consent_and_of_two_at_once_the_refusal(self, mine: Any, theirs: Any, word: bool) -> None:
        keep, drop = make_member("k"), make_member("d")
        for member, said in ((keep, mine), (drop, theirs)):
            if said is not None:
                at = NOW - timedelta(days=2 - said[1])
                Consent.objects.create(
                    member=member, channel="sms", granted=said[0], proof=member.external_id, changed_at=at
                )
        merge(keep, drop)
        assert list(Consent.objects.values_list("member_id", "granted")) == [(keep.pk, word)]

    def test_gives_the_kept_member_the_facts_of_one_who_had_all_orders(self) -> None:
        keep, drop, both = make_member("k"), make_member("d"), make_member("both")
        for days, owner in ((400, keep), (90, drop), (80, drop), (20, keep), (3, drop)):
            for member in (owner, both):
                make_order(member, placed_at=NOW - timedelta(days=days), total_minor=1000 + days)
        refresh(as_of=NOW)
        merge(keep, drop)
        refresh(as_of=NOW)
        mine, theirs = (rows_as_json(MemberFacts.objects.filter(pk=member.pk))[0] for member in (keep, both))
        own = {"member_id": 0, "changed_at": ""}
        assert {**mine, **own} == {**theirs, **own}
        assert wrong() == []

    def test_takes_the_dropped_member_out_of_segments_without_a_transition(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        make_order(drop)
        everyone = create_segment(slug="all", name="All", rule={"everyone": True}, now=NOW)
        buyers = {"field": "order_count", "operator": ">=", "value": 1}
        create_segment(slug="buyers", name="Buyers", rule=buyers, now=NOW)
        refresh(as_of=NOW)
        before = Transition.objects.count()
        merge(keep, drop)
        assert Transition.objects.count() == before
        assert not MemberMask.objects.filter(member_id=drop.pk).exists()
        assert Segment.objects.get(pk=everyone.pk).member_count == 1
        assert wrong() == []
        assert set(Membership.objects.values_list("segment__slug", "member_id")) == {("all", keep.pk), ("buyers", keep.pk)}

    def test_joins_fixed_lists(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        shared, own = (Segment.objects.create(slug=slug, name=slug, static=True, word=0, bit=bit, created_at=NOW)
                       for bit, slug in enumerate(("shared", "own")))  # fmt: skip
        for segment, member in ((shared, keep), (shared, drop), (own, drop)):
            StaticMember.objects.create(segment=segment, member_id=member.pk)
        merge(keep, drop)
        assert set(StaticMember.objects.values_list("segment__slug", "member_id")) == {("shared", keep.pk), ("own", keep.pk)}


class TestRefusals:
    def test_a_member_is_not_merged_with_itself(self) -> None:
        member = make_member()
        with pytest.raises(MergeRefused) as refused:
            merge(member, member)
        assert refused.value.code == "same_member"

    @pytest.mark.parametrize("side", ["keep", "drop"])
    def test_who_was_merged_is_not_merged_again(self, side: str) -> None:
        keep, drop, third = make_member("k"), make_member("d"), make_member("t")
        merge(keep, drop)
        with pytest.raises(MergeRefused) as refused:
            merge(**{"keep": third, "drop": third, side: drop})
        assert refused.value.code == "already_merged"
        assert (Member.objects.count(), MergeRecord.objects.count()) == (2, 1)

    def test_nobody_is_merged_with_somebody_who_never_was(self) -> None:
        with pytest.raises(NotFound):
            merge_members(keep=make_member().pk, drop=10**9, now=NOW)

    def test_what_a_handler_forgot_is_refused_by_the_database_not_deleted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(identity, "member_data", [])
        keep, drop = make_member("k"), make_member("d")
        make_order(drop)
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"), transaction.atomic():
            _merge_and_look(keep, drop)


def _merge_and_look(keep: Member, drop: Member) -> None:
    """The database looks at foreign keys when a transaction ends; here it is asked to look at once."""
    merge(keep, drop)
    connection.check_constraints()


class TestAMergedId:
    @pytest.fixture
    def kept(self) -> Member:
        keep, drop = make_member("k", name="Anna"), make_member("d")
        ingest_orders([order("o1", "d")], now=NOW)
        merge(keep, drop)
        return keep

    def test_takes_orders_and_events_to_the_kept_member(self, kept: Member) -> None:
        again = ingest_orders([order("o1", "d"), order("o2", "d"), order("o3", "k"), order("o4", "new")], now=NOW)
        assert (again.accepted, again.created, again.changed) == (4, 3, 0)
        ingest_events([{"id": "e1", "member": "d", "kind": "view", "at": "2026-06-01T10:00:00+08:00"}], now=NOW)
        assert set(Member.objects.values_list("external_id", flat=True)) == {"k", "new"}
        assert set(Order.objects.filter(member=kept).values_list("external_id", flat=True)) == {"o1", "o2", "o3"}
        assert BehaviourEvent.objects.get().member_id == kept.pk

    def test_adds_to_the_profile_and_replaces_nothing(self, kept: Member) -> None:
        MemberTag.objects.create(member=kept, tag="vip")
        item = {
            "external_id": "d", "name": "Anne", "phone": "13800138000", "birth_date": "1990-01-02", "tags": ["tea"],
            "attributes": {"size": "M"}, "identifiers": [{"source": "s", "kind": "nick", "value": "a"}],
        }  # fmt: skip
        first, second = (ingest_members([item], now=NOW, proof="a file") for _time in range(2))
        assert (first.created, first.changed, second.created, second.changed) == (0, 1, 0, 0)
        kept.refresh_from_db()
        assert (kept.name, kept.phone, kept.birth_date_text) == ("Anna", "+8613800138000", "1990-01-02")
        assert set(kept.tags.values_list("tag", flat=True)) == {"vip", "tea"}
        assert set(kept.identifiers.values_list("value", flat=True)) == {"d", "a"}
        assert Member.objects.count() == 1

    @pytest.mark.parametrize(
        ("known", "stated", "word"),
        [(False, True, False), (True, False, False), (None, True, True), (None, False, False)],
    )
    def test_brings_every_refusal_and_a_consent_only_where_no_word_is_known(
        self, kept: Member, known: bool | None, stated: bool, word: bool
    ) -> None:
        if known is not None:
            consent(kept, "sms", granted=known)
        ingest_members([{"external_id": "d", "consents": {"sms": stated}}], now=NOW, proof="a file")
        assert Consent.objects.get().granted is word

    def test_may_stand_beside_the_kept_one_in_a_call(self, kept: Member) -> None:
        items = [{"external_id": "d", "name": "Anne", "tags": ["d"]}, {"external_id": "k", "name": "Annie", "tags": ["k"]}]
        assert ingest_members(items, now=NOW, proof="a file").accepted == 2
        kept.refresh_from_db()
        assert (kept.name, set(kept.tags.values_list("tag", flat=True))) == ("Annie", {"d", "k"})

    def test_is_answered_with_the_kept_member(self, kept: Member) -> None:
        assert member_named("d") == kept
        assert member_ids_called(["d", "k", "nobody"]) == {"d": kept.pk, "k": kept.pk}
        assert [each.external_id for each in order_listing(member="d")] == ["o1"]

    def test_is_found_through_two_merges(self, kept: Member) -> None:
        last = make_member("last")
        merge(last, kept)
        ingest_orders([order("o5", "d"), order("o6", "k")], now=NOW)
        assert set(Order.objects.values_list("member_id", flat=True)) == {last.pk}
        assert wrong() == []

    def test_redeems_what_the_member_holds(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        make_template("gift")
        code = issue_one(template_slug="gift", member_id=drop.pk, now=NOW).code
        merge(keep, drop)
        receipt = redeem(code=code, order="o9", member="d", amount_minor=5_000, now=NOW)
        again = redeem(code=code, order="o9", member="k", amount_minor=5_000, now=NOW)
        assert (receipt.discount_minor, again.redeemed_at) == (2_000, receipt.redeemed_at)
        assert Redemption.objects.get().member_id == keep.pk
        assert not Member.objects.filter(external_id="d").exists()


class TestCampaigns:
    def test_move_with_their_messages_and_coupons(self) -> None:
        keep, drop = make_member("k"), make_reachable("d")
        make_template()
        know_everybody()
        campaign = make_running(steps=[COUPON, SMS], audience={"field": "external_id", "operator": "=", "value": "d"})
        run_campaigns(now=NOW)
        merge(keep, drop)
        assert Enrolment.objects.get().member_id == Delivery.objects.get().member_id == keep.pk
        assert Coupon.objects.get().member_id == keep.pk
        assert balance(campaign=campaign).due == 1
        assert wrong() == []

    def test_that_both_were_due_in_keep_both_records_and_send_once(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        merge(keep, drop)
        step_enrolments(now=NOW)
        rows = Enrolment.objects.order_by("pk").values_list("member_id", "status", "reason")
        assert set(rows) == {(keep.pk, "fired", ""), (drop.pk, "suppressed", "merged")}
        assert [delivery.member_id for delivery in Delivery.objects.all()] == [keep.pk]
        assert balance(campaign=campaign).as_json()["suppressed"] == {"merged": 1}
        assert balance(campaign=campaign).due == 2
        assert wrong() == []

    def test_do_not_send_what_was_queued_for_both_twice(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        know_everybody()
        make_running()
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)
        record = merge(keep, drop)
        assert set(Delivery.objects.values_list("state", "reason")) == {("queued", ""), ("suppressed", "merged")}
        assert wrong() == []
        undo_merge(merge_id=record.pk, now=LATER)
        assert set(Delivery.objects.values_list("state", flat=True)) == {"queued"}

    def test_do_not_let_in_again_who_was_in_under_the_other_id(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        know_everybody()
        make_running(audience={"field": "external_id", "operator": "=", "value": "d"}, trigger={"kind": "manual"})
        everyone = make_running()
        Enrolment.objects.all().delete()
        plan_campaigns(now=NOW)
        Enrolment.objects.filter(campaign=everyone, member_id=keep.pk).delete()
        merge(keep, drop)
        assert plan_campaigns(now=LATER) == {"due": 0}
        assert Enrolment.objects.filter(campaign=everyone).count() == 1

    def test_decide_who_waits_by_the_kept_member_s_place(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        know_everybody()
        campaign = make_running(control_share=0.5, audience={"field": "external_id", "operator": "=", "value": "d"})
        plan_campaigns(now=NOW)
        salts = {arm: next(salt for salt in map(str, range(999)) if _arms(salt) == arm) for arm in ("ct", "tc")}
        for places, arm in (("ct", "control"), ("tc", "treated")):
            type(campaign).objects.filter(pk=campaign.pk).update(salt=salts[places])
            other = "treated" if arm == "control" else "control"
            Enrolment.objects.update(arm=other)
            record = merge(keep, drop)
            assert Enrolment.objects.get().arm == arm
            undo_merge(merge_id=record.pk, now=LATER)
            assert list(Enrolment.objects.values_list("arm", "member_id")) == [(other, drop.pk)]

    def test_count_an_order_in_the_arm_whose_window_it_fell_into(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        know_everybody()
        campaign = make_running(control_share=0.5, attribution_days=10)
        version = campaign.version_id
        for member, arm, status, days in ((keep, "control", "held_out", 60), (drop, "treated", "suppressed", 20)):
            Enrolment.objects.create(
                campaign=campaign, version_id=version, member_id=member.pk, occurrence=f"run:{days}", arm=arm, status=status,
                reason="" if arm == "control" else "no_consent", due_at=NOW - timedelta(days=days), decided_at=NOW,
            )  # fmt: skip
        for days in (55, 15):
            make_order(keep if days == 55 else drop, placed_at=NOW - timedelta(days=days), total_minor=days)
        merge(keep, drop)
        report = campaign_report(campaign=campaign)
        assert (report.treated.revenue_minor, report.control.revenue_minor) == (15, 55)

    def test_add_up_a_member_s_uses_of_a_public_code(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        make_template("open", code="OPEN", per_member_limit=3)
        make_template("other", code="OTHER")
        for number, (code, member) in enumerate((("OPEN", "k"), ("OPEN", "d"), ("OPEN", "d"), ("OTHER", "d"))):
            redeem(code=code, order=f"o{number}", member=member, amount_minor=5_000, now=NOW)
        before = everything()
        record = merge(keep, drop)
        assert set(MemberRedemptions.objects.values_list("member_id", "used")) == {(keep.pk, 3), (keep.pk, 1)}
        assert wrong() == []
        undo_merge(merge_id=record.pk, now=LATER)
        assert everything() == before
        assert wrong() == []


def _arms(salt: str) -> str:
    return "".join("c" if held_out(key=key, salt=salt, share=0.5) else "t" for key in ("k", "d"))


class TestWhatArrivesTooLate:
    def test_is_named_by_verify_and_settled(self) -> None:
        keep, drop = make_reachable("k"), make_reachable("d")
        make_template("gift")
        know_everybody()
        campaign = make_running(audience={"field": "external_id", "operator": "=", "value": "d"})
        plan_campaigns(now=NOW)
        Enrolment.objects.all().delete()
        record = merge(keep, drop)
        issue_one(template_slug="gift", member_id=drop.pk, now=NOW)  # its caller had looked before the merge
        Enrolment.objects.create(
            campaign=campaign, version_id=campaign.version_id, member_id=drop.pk, occurrence="late", arm="treated",
            due_at=NOW, next_at=NOW,
        )  # fmt: skip
        assert len(wrong()) == 3
        assert settle_merges(now=LATER) == {"settled": 1}
        assert settle_merges(now=LATER) == {}
        assert Coupon.objects.get().member_id == Enrolment.objects.get().member_id == keep.pk
        assert wrong() == []
        undo_merge(merge_id=record.pk, now=LATER)
        assert Coupon.objects.get().member_id == Enrolment.objects.get().member_id == drop.pk


class TestThePreview:
    def test_counts_what_moves_and_changes_nothing(self) -> None:
        keep, drop = make_member("k"), make_member("d", city="上海")
        make_order(drop), make_order(drop), make_event(drop, "view")
        MemberTag.objects.create(member=drop, tag="tea")
        consent(drop, "sms", granted=False)
        before = everything()
        told = preview_merge(keep=keep.pk, drop=drop.pk)
        assert told.moves == {"orders": 2, "events": 1, "tags": 1, "consents": 1}
        assert (told.profile, told.refused, told.granted) == ({"city": "上海"}, ("sms",), ())
        assert everything() == before
        assert merge(keep, drop).counts == told.moves
