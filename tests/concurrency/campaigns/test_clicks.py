"""Clicks at once: one is told, and nobody waits for somebody who waits."""

from __future__ import annotations

from functools import partial

import pytest

from campaigns.models import Delivery
from campaigns.services import event_checks
from campaigns.services.clicks import click_url, follow
from members.models import BehaviourEvent
from members.services.erasure import erase_member
from members.services.identity import merge_members
from members.services.links import LinkExpired
from tests.concurrency.racing import race
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db(transaction=True)

TARGET = "https://shop.example/"


def make_message(number: int = 1) -> Delivery:
    """A message that needs no campaign: what is told of it names none."""
    columns = {"campaign_id": 0, "enrolment_id": number, "step": 0, "member_id": make_member().pk, "channel": "sms"}
    return Delivery.objects.create(
        **columns, body=TARGET, state="sent", idempotency_key=str(number), queued_at=NOW, done_at=NOW, tracked=True
    )


def click(message: Delivery) -> partial[str]:
    return partial(follow, token=click_url(message.pk, 0).split("/")[-2], now=NOW, counts=True)


def told() -> list[tuple[str, int]]:
    return list(BehaviourEvent.objects.order_by("kind").values_list("kind", "member_id"))


class TestClicksAtOnce:
    def test_are_told_once(self) -> None:
        message = make_message()
        assert set(race([click(message)] * 20)) == {TARGET}
        assert told() == [("message_clicked", message.member_id), ("message_opened", message.member_id)]
        assert list(event_checks.clicks_are_told()) == []

    def test_and_a_merge_are_told_of_who_is_left(self) -> None:
        messages = [make_message(number) for number in range(8)]
        keep = make_member()
        merges = [partial(merge_members, keep=keep.pk, drop=each.member_id, now=NOW) for each in messages]
        answers = race([call for pair in zip(merges, map(click, messages), strict=True) for call in pair], threads=4)
        assert [each for each in answers if isinstance(each, Exception)] == []
        assert {member for _kind, member in told()} == {keep.pk}
        assert Delivery.objects.filter(clicked_at__isnull=False).count() * 2 == len(told())
        assert list(event_checks.clicks_are_told()) == []

    def test_and_an_erasure_leave_nothing_that_tells_of_anybody(self) -> None:
        """A click before it is counted on under a number that stands for nobody; a click after it is none."""
        messages = [make_message(number) for number in range(8)]
        erasures = [partial(erase_member, member_id=each.member_id, now=NOW) for each in messages]
        answers = race([call for pair in zip(erasures, map(click, messages), strict=True) for call in pair], threads=4)
        assert [each for each in answers if isinstance(each, Exception) and not isinstance(each, LinkExpired)] == []
        clicked = list(Delivery.objects.filter(clicked_at__isnull=False).order_by("pk").values_list("member_id", flat=True))
        assert sorted(told()) == [(kind, pk) for kind in ("message_clicked", "message_opened") for pk in clicked]
        assert [each for each in BehaviourEvent.objects.values_list("properties", flat=True) if each] == []
        assert list(event_checks.clicks_are_told()) == []
