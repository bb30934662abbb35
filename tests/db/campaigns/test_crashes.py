"""The process dies before or after any statement; the next pass finishes the work: nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from campaigns.channels import channels
from campaigns.models import Campaign, CampaignVersion, Coupon, CouponTemplate, Delivery, Enrolment, StepOutcome
from campaigns.services.dispatch import dispatch_messages
from campaigns.services.planning import plan_campaigns
from campaigns.services.running import run_campaigns
from campaigns.services.stepping import step_enrolments
from core.registry import checks
from members.models import OWN_ID_PREFIX, BehaviourEvent
from tests.campaign_factories import (
    COUPON,
    SMS,
    ListChannel,
    know_everybody,
    make_reachable,
    make_running,
    make_template,
    outcomes,
)
from tests.factories import NOW, make_member

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Django closes a server-side cursor on Exception only; what dies here is not one.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LATER = NOW + timedelta(minutes=11)
"""After a dead process's messages count as left behind."""


class Killed(BaseException):
    """As kill -9 would, it passes every `except Exception`."""


@dataclass
class Killer:
    """Dies at the n-th statement: before it runs, or after it (and before its transaction commits)."""

    at: int
    after: bool
    count: int = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        if self.count == self.at and not self.after:
            raise Killed
        result = execute(sql, params, many, context)
        if self.count == self.at and self.after:
            raise Killed
        return result


@contextmanager
def provider(**options: Any) -> Iterator[ListChannel]:
    """SMS through a provider of ours for the length of the block."""
    before = channels._entries
    channel = ListChannel(**options)
    channels._entries = {"sms": channel}
    try:
        yield channel
    finally:
        channels._entries = before


@pytest.fixture
def members(transactional_db: None) -> None:
    for name in ("anna", "boris", "clara", "david", "emma", "fritz"):
        make_reachable(name)
    make_member("gustav", phone="+8613800000001")
    make_template(total_limit=3)
    know_everybody()


def start_over() -> Campaign:
    BehaviourEvent.objects.filter(external_id__startswith=OWN_ID_PREFIX).delete()
    for model in (Delivery, StepOutcome, Coupon, Enrolment):
        model.objects.all().delete()
    Campaign.objects.update(version=None)
    CampaignVersion.objects.all().delete()
    Campaign.objects.all().delete()
    CouponTemplate.objects.update(issued=0)
    campaign = make_running(steps=[COUPON, SMS], control_share=0.3)
    Campaign.objects.update(salt="the same in every run")
    return campaign


def everything(campaign: Campaign, channel: ListChannel) -> dict[str, Any]:
    return {
        "outcomes": outcomes(campaign),
        "steps": StepOutcome.objects.count(),
        "coupons": Coupon.objects.count(),
        "issued": CouponTemplate.objects.get().issued,
        "messages": sorted(Delivery.objects.values_list("address", "state")),
        "handed_over": sorted(to for _key, to in {(message.key, message.to) for message in channel.got}),
    }


def undisturbed() -> tuple[dict[str, Any], int]:
    campaign = start_over()
    counter = Killer(at=0, after=False)
    with provider() as channel, connection.execute_wrapper(counter):
        run_campaigns(now=NOW)
    return everything(campaign, channel), counter.count


def killed(at: int, *, after: bool) -> Campaign:
    """Answers are recorded as they come, so the last statements may be fewer than undisturbed: then nobody dies."""
    campaign = start_over()
    die_while(run_campaigns, at=at, after=after)
    run_campaigns(now=LATER)
    return campaign


def die_while(work: Callable[..., object], *, at: int, after: bool) -> None:
    with connection.execute_wrapper(Killer(at=at, after=after)), suppress(Killed):
        work(now=NOW)
    connection.close()  # a dead process lets go of its connection, and the database undoes what was under way


def contradictions() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


class TestTheProcessDies:
    def test_the_undisturbed_run_has_every_outcome(self, members):
        result, statements = undisturbed()

        assert Counter(status for _member, status, _reason in result["outcomes"]) == {
            "fired": 3, "held_out": 2, "suppressed": 2,
        }  # fmt: skip
        assert {reason for _member, _status, reason in result["outcomes"]} == {"", "no_consent", "coupon_exhausted"}
        assert statements > 30

    @pytest.mark.parametrize("after", [False, True], ids=["before a statement", "after a statement"])
    def test_at_any_statement_and_the_next_pass_leaves_what_one_pass_would_have(self, members, after):
        expected, statements = undisturbed()

        for at in range(1, statements + 1):
            with provider() as channel:
                campaign = killed(at, after=after)
            assert (at, everything(campaign, channel)) == (at, expected)
            assert (at, contradictions()) == (at, [])

    @pytest.mark.parametrize("after", [False, True], ids=["before a statement", "after a statement"])
    def test_while_sending_and_a_provider_that_honours_no_keys_still_gets_nothing_twice(self, members, after):
        lost = set()

        for at in range(1, 12):
            start_over()
            plan_campaigns(now=NOW)
            step_enrolments(now=NOW)
            with provider(honours_keys=False) as channel:
                die_while(dispatch_messages, at=at, after=after)
                claimed = Delivery.objects.filter(state="sending").count()
                for later in (LATER, LATER + timedelta(hours=1)):
                    dispatch_messages(now=later)
            handed_over = Counter(message.to for message in channel.got)
            states = Counter(Delivery.objects.values_list("state", flat=True))
            assert (at, max(handed_over.values(), default=1)) == (at, 1)
            # Of what was claimed and not recorded when the process died nobody knows what became; nothing else is lost.
            assert (at, states) == (at, Counter(sent=3 - claimed, unknown=claimed))
            assert set(Delivery.objects.filter(state="sent").values_list("address", flat=True)) <= set(handed_over)
            assert (at, contradictions()) == (at, [])
            lost.add(claimed)
        assert lost == {0, 3}
