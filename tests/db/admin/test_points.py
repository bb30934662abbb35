"""Points in admin: on the member's page, corrected, listed, and what they are worth."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from members.models import LedgerEntry, Member, PointsPolicy
from members.services.points.awarding import award_points
from members.services.points.standing import points_standing
from tests.db.admin.conftest import staff, text_of
from tests.factories import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(db: None) -> Member:
    member = make_member("m", name="王芳")
    award_points(member_id=member.pk, points=1_200, reference="a", now=timezone.now(), reason="order 7")
    return member


def adjust(client: Client, member: Member, **form: object) -> object:
    data = {"points": "100", "reason": "late parcel", "token": str(uuid4())} | form
    return client.post(reverse("admin:members_ledgerentry_adjust", args=[member.pk]), data)


def available(member: Member) -> int:
    return points_standing(member_id=member.pk, now=timezone.now()).available


class TestTheMemberPage:
    def test_says_what_there_is_and_until_when(self, admin: Client, member: Member) -> None:
        page = text_of(admin.get(reverse("admin:members_member_change", args=[member.pk])))
        assert "1,200 points" in page
        assert "1,200 can be used until" in page
        assert "order 7" in page

    def test_shows_no_points_to_whom_they_do_not_concern(self, member: Member) -> None:
        page = text_of(staff("members.view_member").get(reverse("admin:members_member_change", args=[member.pk])))
        assert "1,200 points" not in page


class TestAnAdjustment:
    def test_gives_points_with_the_reason(self, admin: Client, member: Member) -> None:
        adjust(admin, member)
        assert available(member) == 1_300
        entry = LedgerEntry.objects.latest("pk")
        assert (entry.reason, entry.by) == ("late parcel", "boss")

    def test_takes_points(self, admin: Client, member: Member) -> None:
        adjust(admin, member, points="-200")
        assert available(member) == 1_000

    def test_sent_twice_is_one(self, admin: Client, member: Member) -> None:
        token = str(uuid4())
        for _ in range(2):
            adjust(admin, member, token=token)
        assert available(member) == 1_300

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"points": "-1201"}, "Only 1,200 points are available"),
            ({"points": "0"}, "At least one point."),
            ({"reason": " "}, "This field is required."),
        ],
    )
    def test_that_cannot_be_says_why(self, admin: Client, member: Member, form: dict[str, str], said: str) -> None:
        assert said in text_of(adjust(admin, member, **form))
        assert available(member) == 1_200

    def test_needs_its_own_permission(self, member: Member) -> None:
        client = staff("members.view_member", "members.view_ledgerentry")
        assert adjust(client, member).status_code == 403  # type: ignore[attr-defined]
        assert available(member) == 1_200


class TestTheLedger:
    def test_lists_entries_with_their_members(self, admin: Client, member: Member) -> None:
        page = text_of(admin.get(reverse("admin:members_ledgerentry_changelist")))
        assert "王芳" in page
        assert "+1,200" in page

    def test_lists_those_of_one_member(self, admin: Client, member: Member) -> None:
        award_points(member_id=make_member("o").pk, points=7, reference="a", now=timezone.now())
        rows = admin.get(reverse("admin:members_ledgerentry_changelist"), {"member_id": member.pk}).context["cl"].result_list
        assert [entry.points for entry in rows] == [1_200]

    def test_says_what_the_points_are_worth(self, admin: Client, member: Member) -> None:
        PointsPolicy.objects.create(point_value_minor=2)
        page = text_of(admin.get(reverse("admin:members_ledgerentry_liability")))
        assert "Members hold 1,200 points, worth ¥24." in page

    def test_says_so_where_there_are_none(self, admin: Client) -> None:
        assert "No member holds points." in text_of(admin.get(reverse("admin:members_ledgerentry_liability")))
        assert "Points are earned through campaigns" in text_of(admin.get(reverse("admin:members_ledgerentry_changelist")))

    def test_has_a_policy_to_edit(self, admin: Client) -> None:
        assert admin.get(reverse("admin:members_pointspolicy_changelist"), follow=True).status_code == 200
