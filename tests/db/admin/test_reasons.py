"""The list of churn reasons on screen, and who would move by other lifecycle bands."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from members.models import Refund
from retention.models import ChurnReason, LifecycleBands
from retention.services.reasons import DEFAULTS, use_defaults
from retention.services.refresh import refresh
from tests.db.admin.conftest import staff, text_of
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _reasons(db: None) -> None:
    """The list that a new shop has, whatever tests before this one emptied."""
    use_defaults(now=NOW)
    ChurnReason.objects.update(changed_at=None, changed_by="")


PAGE = "admin:retention_churnreason_changelist"
FETCHED = {"X-Requested-With": "fetch"}


def make_leaving(**refund: str) -> int:
    """This function will save a member whose last order was half a year ago."""
    member = make_member()
    order = make_order(member, placed_at=NOW - timedelta(days=170))
    make_order(member, placed_at=NOW - timedelta(days=180))
    if refund:
        Refund.objects.create(order=order, position=1, amount_minor=1, refunded_at=NOW - timedelta(days=160), **refund)
    return member.pk


def order_of_reasons() -> list[str]:
    return list(ChurnReason.objects.order_by("position").values_list("reason", flat=True))


class TestTheReasons:
    def test_are_counted_beside_the_page(self, admin: Client) -> None:
        make_leaving(reason="price")
        make_leaving(reason="price")
        make_leaving()
        refresh(as_of=NOW)
        page = text_of(admin.get(reverse(PAGE)))
        assert ("Why do we lose members?" in page, "Counting…" in page) == (True, True)
        part = text_of(admin.get(reverse(PAGE), headers=FETCHED))
        assert "3 members are at risk, dormant or lost. The reason known of most: price (2)." in part
        assert "was given money back for price at least once in the last 365 days" in part
        listed = admin.get(reverse("admin:members_member_changelist"), {"reason": "price"})
        assert len(listed.context["cl"].result_list) == 2

    def test_lead_to_a_segment_where_a_list_would_ask_everybody(
        self, admin: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_leaving(reason="price")
        refresh(as_of=NOW)
        members = reverse("admin:members_member_changelist")
        filters = "churn reason"
        assert filters in text_of(admin.get(members))
        monkeypatch.setattr("retention.selectors.overview.LISTED_BY_REASON", 0)
        assert filters not in text_of(admin.get(members))
        page = admin.get(reverse(PAGE), headers=FETCHED).content.decode()
        assert f'href="{reverse("admin:retention_segment_add")}?rule=' in page
        assert f"{members}?reason=" not in page

    def test_change_places_and_are_passed_over(self, admin: Client) -> None:
        before = order_of_reasons()
        second = ChurnReason.objects.get(reason=before[1])
        address = reverse("admin:retention_churnreason_place", args=[second.pk])
        admin.get(address, {"what": "up"})
        assert order_of_reasons() == before
        admin.post(address, {"what": "up"})
        assert order_of_reasons() == [before[1], before[0], *before[2:]]
        admin.post(address, {"what": "off"})
        assert not ChurnReason.objects.get(pk=second.pk).active

    def test_take_another_rule_and_refuse_a_circle_at_its_condition(self, admin: Client) -> None:
        line = ChurnReason.objects.get(reason="price")
        address = reverse("admin:retention_churnreason_change", args=[line.pk])
        circle = {"combinator": "and", "rules": [{"field": "churn_reason", "operator": "=", "value": "price"}]}
        refused = admin.post(address, {"rule": json.dumps(circle)})
        assert "cannot read it" in text_of(refused)
        line.refresh_from_db()
        assert line.rule == DEFAULTS["price"]
        good = {"combinator": "and", "rules": [{"field": "coupon_share", "operator": ">", "value": 0.5}]}
        assert admin.post(address, {"rule": json.dumps(good)}).status_code == 302
        line.refresh_from_db()
        assert (line.rule, line.changed_by) == (good, "boss")

    def test_go_back_to_the_defaults_after_asking(self, admin: Client) -> None:
        ChurnReason.objects.filter(reason="price").update(rule={"everyone": True}, changed_at=NOW)
        address = reverse("admin:retention_churnreason_defaults")
        assert "1 rule of yours is lost" in text_of(admin.get(address))
        admin.post(address)
        assert {line.reason: line.rule for line in ChurnReason.objects.all()} == DEFAULTS

    def test_are_shown_and_not_changed_to_who_may_look_alone(self) -> None:
        reader, line = staff("retention.view_churnreason"), ChurnReason.objects.get(reason="price")
        assert "Change the rule" not in text_of(reader.get(reverse(PAGE)))
        assert reader.post(reverse("admin:retention_churnreason_place", args=[line.pk]), {"what": "off"}).status_code == 403
        assert reader.post(reverse("admin:retention_churnreason_defaults")).status_code != 302
        assert ChurnReason.objects.get(pk=line.pk).active

    def test_stand_on_the_member_s_page_with_what_tells_them(self, admin: Client) -> None:
        by_rule, asked = make_leaving(reason="price"), make_leaving()
        refresh(as_of=NOW)
        shown = text_of(admin.get(reverse("admin:members_member_change", args=[by_rule])))
        assert ("Why they leave" in shown, "was given money back for price" in shown) == (True, True)
        assert "was given money back for price" not in text_of(
            admin.get(reverse("admin:members_member_change", args=[asked]))
        )


class TestOtherBands:
    def answer(self, client: Client, **changes: object) -> str:
        bands = {"new_days": 30, "at_risk_ratio": 2, "dormant_ratio": 4, "lost_ratio": 8, "reactivated_days": 30}
        return text_of(client.get(reverse("admin:retention_lifecyclebands_moves"), {**bands, **changes}))

    def test_say_who_would_move_before_they_are_saved(self, admin: Client) -> None:
        make_leaving()
        refresh(as_of=NOW)
        assert "Nobody would change their stage." in self.answer(admin)
        moved = self.answer(admin, lost_ratio=1_000)
        assert "1 member would change their stage (100%)." in moved
        assert LifecycleBands.objects.filter(lost_ratio=1_000).count() == 0

    def test_that_do_not_ascend_say_so(self, admin: Client) -> None:
        assert "Each band begins past the one before" in self.answer(admin, dormant_ratio=1)
        assert "rk-error" in self.answer(admin, dormant_ratio="x")

    def test_are_counted_for_who_may_look(self, clerk: Client) -> None:
        assert clerk.get(reverse("admin:retention_lifecyclebands_moves")).status_code == 403
