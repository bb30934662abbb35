from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Delivery
from campaigns.services.running import run_campaigns
from tests.db.admin.conftest import World, staff, text_of
from tests.factories import NOW

LIST = "admin:campaigns_delivery_changelist"


@pytest.fixture
def unknown(world: World) -> Delivery:
    """A message of which nobody knows whether it arrived."""
    message = Delivery.objects.order_by("pk").first()
    assert message is not None
    Delivery.objects.filter(pk=message.pk).update(state="unknown", reason="no_answer")
    return message


def page(message: Delivery, verb: str) -> str:
    return reverse(f"admin:campaigns_delivery_{verb}", args=[message.pk])


def state(message: Delivery) -> str:
    message.refresh_from_db()
    return message.state


class TestUnknown:
    def test_are_named_above_the_list_and_on_today(self, admin: Client, unknown: Delivery) -> None:
        said = "Of 1 message nobody knows whether it arrived"
        assert said in text_of(admin.get(reverse(LIST)))
        assert said in text_of(admin.get(reverse("admin:index")))

    def test_are_marked_as_sent_by_a_person(self, admin: Client, unknown: Delivery) -> None:
        asked = text_of(admin.get(page(unknown, "sent")))
        assert ("It was sent" in asked, state(unknown)) == (True, "unknown")
        admin.post(page(unknown, "sent"))
        assert state(unknown) == "sent"

    def test_are_sent_again_by_a_person(self, admin: Client, unknown: Delivery) -> None:
        admin.post(page(unknown, "again"))
        assert state(unknown) == "queued"
        run_campaigns(now=NOW)
        assert state(unknown) == "sent"

    def test_are_settled_once(self, admin: Client, unknown: Delivery) -> None:
        admin.post(page(unknown, "sent"))
        shown = text_of(admin.post(page(unknown, "again"), follow=True))
        assert (state(unknown), "somebody has settled it" in shown) == ("sent", True)

    def test_are_not_settled_by_who_may_only_look(self, unknown: Delivery) -> None:
        looker = staff("campaigns.view_delivery")
        shown = text_of(looker.get(page(unknown, "change")))
        assert page(unknown, "sent") not in shown
        assert (looker.post(page(unknown, "again")).status_code, state(unknown)) == (403, "unknown")


class TestList:
    def test_hides_addresses(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(reverse(LIST)))
        assert [member.phone for member in world.members if member.phone in shown] == []

    def test_is_searched_by_member(self, admin: Client, world: World) -> None:
        rows = admin.get(reverse(LIST), {"q": world.members[1].external_id}).context["cl"].result_list
        assert [row.member_id for row in rows] == [world.members[1].pk]
