from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CouponTemplate
from core.models import ApiKey, AuditRecord
from core.services.audit import MASK, Actor, audited
from members.models import Erasure, Member, PointsAccount
from members.services.points.awarding import award_points
from retention.models import LifecycleBands, Segment
from tests.campaign_factories import document, make_reachable, make_template
from tests.factories import NOW, make_member
from tests.rest import caller

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, str]]:
    """This function will read the trail: who, did what, to which kind of thing."""
    return list(AuditRecord.objects.order_by("pk").values_list("actor", "verb", "kind"))


def _change_and_fail(member: Member) -> None:
    with audited(actor=Actor("clerk"), model=Member, pk=member.pk, now=NOW):
        Member.objects.filter(pk=member.pk).update(name="x")
        raise ZeroDivisionError


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("clerk"))
    return client


class TestTrail:
    def test_says_who_changed_what_from_what_to_what(self) -> None:
        key = ApiKey.objects.create(name="old", prefix="rk_", hashed="x", scopes=[], created_at=NOW)
        with audited(actor=Actor("clerk"), model=ApiKey, pk=key.pk, now=NOW):
            ApiKey.objects.filter(pk=key.pk).update(name="new", hashed="y")
        record = AuditRecord.objects.get()
        assert (record.actor, record.verb, record.kind, record.object_id) == ("clerk", "changed", "core.apikey", key.pk)
        assert record.changes == {"name": ["old", "new"]}
        assert record.at == NOW

    def test_tells_nothing_where_nothing_changed_or_nothing_was_done(self) -> None:
        member = make_member()
        with audited(actor=Actor("clerk"), model=Member, pk=member.pk, now=NOW):
            pass
        with pytest.raises(ZeroDivisionError):
            _change_and_fail(member)
        assert told() == []
        assert Member.objects.get().name == ""

    def test_masks_whatever_is_personal(self) -> None:
        member = make_member(name="Wang", phone="+8613800138000")
        with audited(actor=Actor("clerk"), model=Member, pk=member.pk, now=NOW):
            Member.objects.filter(pk=member.pk).update(name="Li", phone="", birth_key=506, city="Hangzhou")
        record = AuditRecord.objects.get()
        assert record.changes == {
            "name": [MASK, MASK],
            "phone": [MASK, None],
            "birth_key": [None, MASK],
            "city": [None, MASK],
        }
        assert record.about == ""


class TestRest:
    def test_tells_of_members_points_segments_campaigns_and_coupons(self) -> None:
        api = caller()
        assert api.put("members/m-1/", {"name": "Wang", "consents": {"sms": True}}).status_code == 201
        assert api.patch("members/m-1/", {"tags": ["vip"]}).status_code == 200
        award = {"points": 5, "reference": "r-1", "reason": "because"}
        assert api.post("members/m-1/points/award/", award).status_code == 201
        assert api.post("members/m-1/points/award/", award).status_code == 200
        rule = {"field": "order_count", "operator": ">=", "value": 1}
        assert api.post("segments/", {"slug": "s-1", "name": "S", "rule": rule}).status_code == 201
        assert api.delete("segments/s-1/").status_code == 204
        template = {"slug": "t-1", "name": "T", "origin": "own", "benefit": {"kind": "fixed", "amount_minor": 100}}
        assert api.post("coupon-templates/", template).status_code == 201
        assert api.post("coupon-templates/t-1/issue/", {"member": "m-1"}).status_code == 201
        assert api.post("campaigns/", document(slug="c-1")).status_code == 201
        assert api.post("campaigns/c-1/activate/").status_code == 200
        assert api.post("members/bulk/", {"items": [{"external_id": "m-2"}]}).status_code == 200
        assert told() == [
            ("shop system", verb, kind)
            for verb, kind in (
                ("added", "members.member"),
                ("changed", "members.member"),
                ("added", "members.pointsaccount"),
                ("added", "retention.segment"),
                ("removed", "retention.segment"),
                ("added", "campaigns.coupontemplate"),
                ("added", "campaigns.coupon"),
                ("added", "campaigns.campaign"),
                ("changed", "campaigns.campaign"),
                ("did", "members.member"),
            )
        ]
        records = {(each.verb, each.kind): each for each in AuditRecord.objects.all()}
        assert records["added", "members.member"].changes["consents.sms.marketing"] == [None, True]
        assert records["changed", "members.member"].changes == {"tags": [None, MASK]}
        assert records["changed", "campaigns.campaign"].changes["status"] == ["draft", "running"]
        assert records["did", "members.member"].counts == {"accepted": 1}
        assert Segment.objects.count() == 0
        assert (CouponTemplate.objects.count(), Campaign.objects.count(), PointsAccount.objects.count()) == (1, 1, 1)

    def test_tells_nothing_of_what_was_refused(self) -> None:
        api = caller()
        assert api.post("members/nobody/points/award/", {"points": 5, "reference": "r"}).status_code == 404
        assert api.put("members/m-1/", {"phone": "no number"}).status_code == 422
        assert told() == []

    def test_tells_who_exported_and_erased_whom_without_saying_who_that_was(self) -> None:
        member = make_reachable("m-1", name="Wang")
        api = caller("privacy")
        assert api.get("members/m-1/export/?format=json").status_code == 200
        assert api.delete("members/m-1/").status_code == 200
        assert told() == [("shop system", "did", "members.member"), ("shop system", "removed", "members.member")]
        values = {value for record in AuditRecord.objects.all() for pair in record.changes.values() for value in pair}
        assert values == {MASK, None, True}
        assert set(AuditRecord.objects.values_list("object_id", flat=True)) == {member.pk}


class TestScreens:
    def test_tell_of_forms_actions_and_settings(self, admin: Client) -> None:
        member = make_reachable("m-1", name="Wang")
        award_points(member_id=member.pk, points=9, reference="r", now=NOW)
        make_template("back")
        tag = reverse("admin:members_member_tag", args=[member.pk])
        assert admin.post(tag, {"tag": "vip"}).status_code == 302
        adjust = reverse("admin:members_ledgerentry_adjust", args=[member.pk])
        token = str(Erasure().receipt)
        assert admin.post(adjust, {"points": 3, "reason": "sorry", "token": token}).status_code == 302
        issue = reverse("admin:campaigns_coupon_issue", args=[member.pk])
        assert admin.post(issue, {"template": "back"}).status_code == 302
        bands = LifecycleBands.objects.create(pk=1)
        page = reverse("admin:retention_lifecyclebands_change", args=[bands.pk])
        columns = ("new_days", "at_risk_ratio", "dormant_ratio", "lost_ratio", "reactivated_days")
        values = {name: getattr(bands, name) for name in columns} | {"new_days": bands.new_days + 5}
        assert admin.post(page, values).status_code == 302
        assert [(verb, kind) for _actor, verb, kind in told()] == [
            ("changed", "members.member"),
            ("changed", "members.pointsaccount"),
            ("added", "campaigns.coupon"),
            ("changed", "retention.lifecyclebands"),
        ]
        assert {actor for actor, _verb, _kind in told()} == {"clerk"}
        assert AuditRecord.objects.get(kind="members.pointsaccount").changes == {"available": [9, 12]}
        assert list(AuditRecord.objects.last().changes) == ["new_days"]  # type: ignore[union-attr]

    def test_ask_before_erasing_and_show_the_receipt(self, admin: Client) -> None:
        member = make_reachable("m-1", name="Wang Xiaoming")
        page = reverse("admin:members_member_erase", args=[member.pk])
        asked = admin.get(page).content.decode()
        assert "words on consent 2" in asked
        assert Member.objects.filter(pk=member.pk).exists()
        after = admin.post(page, follow=True).content.decode()
        assert not Member.objects.filter(pk=member.pk).exists()
        assert str(Erasure.objects.get().receipt) in after
        assert "Wang Xiaoming" not in after
        led = admin.get(reverse("admin:members_member_change", args=[member.pk]))
        assert led.headers["Location"] == reverse("admin:members_erasure_change", args=[Erasure.objects.get().pk])
        trail = admin.get(reverse("admin:core_auditrecord_changelist")).content.decode()
        assert "Wang Xiaoming" not in trail
        assert "removed" in trail

    def test_keep_export_and_erase_for_who_may(self) -> None:
        member = make_reachable("m-1")
        client = Client()
        client.force_login(User.objects.create_user("reader", is_staff=True))
        for name in ("export", "erase"):
            assert client.post(reverse(f"admin:members_member_{name}", args=[member.pk])).status_code == 403
        assert Member.objects.filter(pk=member.pk).exists()
        assert told() == []

    def test_lead_from_an_object_to_its_history(self, admin: Client) -> None:
        member = make_reachable("m-1")
        admin.post(reverse("admin:members_member_tag", args=[member.pk]), {"tag": "vip"})
        history = admin.get(reverse("admin:members_member_history", args=[member.pk]), follow=True)
        assert "tags: given" in history.content.decode()

    def test_let_nobody_write_the_trail(self, admin: Client) -> None:
        admin.post(reverse("admin:members_member_tag", args=[make_reachable("m-1").pk]), {"tag": "vip"})
        record = AuditRecord.objects.get()
        page = reverse("admin:core_auditrecord_change", args=[record.pk])
        assert admin.get(page).status_code == 200
        assert admin.post(page, {"actor": "somebody else"}).status_code == 403
        assert admin.post(reverse("admin:core_auditrecord_delete", args=[record.pk])).status_code == 403
        assert AuditRecord.objects.get().actor == "clerk"
        assert record.at - NOW > timedelta(0)

    def test_tell_what_a_person_may_do_from_now_on(self, admin: Client) -> None:
        user = User.objects.create_user("ann", is_staff=True)
        page = reverse("admin:auth_user_change", args=[user.pk])
        power = Permission.objects.get(codename="erase_member")
        told_of = {"username": "ann", "is_active": "on", "user_permissions": [power.pk]}
        joined = {"date_joined_0": f"{user.date_joined:%Y-%m-%d}", "date_joined_1": f"{user.date_joined:%H:%M:%S}"}
        assert admin.post(page, told_of | joined).status_code == 302
        changes = AuditRecord.objects.get(kind="auth.user").changes
        assert changes["permissions"] == [None, "erase_member"]
        assert changes["is_staff"] == [True, False]
