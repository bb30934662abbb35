"""Firing a campaign: a decision, a coupon with an unguessable code and a message each; then sending what was decided.

The peers do what most Django code does for the same rows: `get_or_create` a member, and `bulk_create` of a thousand, both
guarded by the same constraint so that nobody is let in twice.
"""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from time import sleep
from typing import Any

from tools.bench.database import AS_OF, SCALES, Scale, run_sql, settle, shop
from tools.bench.figures import note, seconds_of
from tools.bench.jobs import MOST_MIB, run_command

NOW = AS_OF + timedelta(hours=1)
SCALE = {**SCALES, "full": Scale(100_000, 1_000_000)}
PEERS = {"tiny": 50, "small": 1_000, "full": 2_000}
BULK = {"tiny": 100, "small": 5_000, "full": 20_000}
SENT = {"tiny": 100, "small": 2_000, "full": 10_000}
ROUNDS = 3

FIRED_A_SECOND = 8_000
TIMES_GET_OR_CREATE = 40
TIMES_BULK = 4
SENT_A_SECOND = 500
PROVIDER_SECONDS = 0.005


def run(size: str) -> list[str]:
    """This function will fire campaigns in every way and name the targets that were missed."""
    with shop(SCALE[size]):
        _reach_everybody()
        missed = [*_fire(size), *_send(size)]
    with shop(SCALES[size]):
        return [*missed, *_memory(size)]


# --- Firing


def _fire(size: str) -> Iterator[str]:
    rates = [_fired(number) for number in range(ROUNDS)]
    rate = round(statistics.median(rates))
    again = seconds_of(lambda: _fire_again(ROUNDS - 1))
    slow = _rate(_get_or_create, PEERS[size])
    bulk = _rate(_bulk_create, BULK[size])
    note("firing", "get_or_create (peer)", size=size, per_second=slow)
    note("firing", "guarded bulk_create (peer)", size=size, per_second=bulk)
    times = {"times_get_or_create": round(rate / slow, 1), "times_bulk_create": round(rate / bulk, 1)}
    note("firing", "planned and stepped, by us", size=size, per_second=rate, **times)
    note("firing", "the same audience again", size=size, seconds=round(again, 2), rows=0)
    if rate < FIRED_A_SECOND:
        yield f"firing: {rate:,} members a second (at least {FIRED_A_SECOND:,})"
    if rate < TIMES_GET_OR_CREATE * slow:
        yield f"firing: {rate / slow:.0f} times get_or_create (at least {TIMES_GET_OR_CREATE})"
    if rate < TIMES_BULK * bulk:
        yield f"firing: {rate / bulk:.1f} times bulk_create (at least {TIMES_BULK})"


def _fired(number: int) -> float:
    """Members a second from who is due to coupon and message; nothing leaves yet."""
    from campaigns.models import Coupon, Delivery
    from campaigns.services.planning import plan_campaigns
    from campaigns.services.stepping import step_enrolments

    campaign = make_campaign(f"fire-{number}", message=True)
    before = Coupon.objects.count(), Delivery.objects.count()
    seconds = seconds_of(lambda: (plan_campaigns(now=NOW), step_enrolments(now=NOW)))
    fired = campaign.enrolments.filter(status="fired").count()
    if (Coupon.objects.count() - before[0], Delivery.objects.count() - before[1]) != (fired, fired) or not fired:
        raise RuntimeError("a member has no coupon or no message")
    return fired / seconds


def _fire_again(number: int) -> None:
    """As if the plan had never been noted: everybody is asked again, and nobody is let in."""
    from campaigns.models import Campaign, Enrolment
    from campaigns.services.planning import plan_campaigns
    from campaigns.services.stepping import step_enrolments

    before = Enrolment.objects.count()
    Campaign.objects.filter(slug=f"fire-{number}").update(planned_day=None)
    plan_campaigns(now=NOW)
    step_enrolments(now=NOW)
    if Enrolment.objects.count() != before:
        raise RuntimeError("somebody was let in twice")


def make_campaign(slug: str, *, message: bool) -> Any:
    """This function will start a campaign to everybody: a coupon of its own, and a message that shows the code."""
    from campaigns.services.lifecycle import activate, create_campaign
    from campaigns.services.templates import create_template

    create_template(
        document={"slug": slug, "name": "Come back", "benefit": {"kind": "fixed", "amount_minor": 500}, "valid_days": 14},
        now=NOW,
    )
    words = "Dear {{ member.name | default: 'friend' }}, we miss you. {{ coupon.name }}: {{ coupon.code }}"
    steps: list[dict[str, Any]] = [{"kind": "issue_coupon", "template": slug}]
    steps += [{"kind": "send_message", "channel": "sms", "body": words}] if message else []
    document = {
        "slug": slug,
        "name": slug,
        "trigger": {"kind": "manual"},
        "audience": {"everyone": True},
        "steps": steps,
        "control_share": 0,
    }
    return activate(campaign_id=create_campaign(document=document, now=NOW).pk, now=NOW)


def _reach_everybody() -> None:
    run_sql(
        "INSERT INTO members_consent (member_id, channel, purpose, granted, proof, changed_at)"
        " SELECT id, 'sms', 'marketing', true, 'benchmark', now() FROM members_member"
        " ON CONFLICT (member_id, channel, purpose) DO NOTHING"
    )
    settle()


# --- The peers


def _rate(way: Callable[[Any, Any, Sequence[tuple[int, str, str]]], None], count: int) -> int:
    """Members a second; a campaign of its own, so that all are new."""
    from campaigns.models import Campaign, CouponTemplate
    from members.models import Member

    campaign = make_campaign(f"peer-{way.__name__.strip('_').replace('_', '-')}", message=True)
    template = CouponTemplate.objects.get(slug=campaign.slug)
    people = list(Member.objects.order_by("pk").values_list("pk", "name", "phone")[:count])
    rate = round(count / seconds_of(lambda: way(campaign, template, people)))
    Campaign.objects.filter(pk=campaign.pk).update(status="finished", planned_day=1)
    return rate


def _get_or_create(campaign: Any, template: Any, people: Sequence[tuple[int, str, str]]) -> None:
    from django.db import transaction

    from campaigns.models import Enrolment

    for member_id, name, phone in people:
        with transaction.atomic():
            enrolment, made = Enrolment.objects.get_or_create(
                campaign=campaign, member_id=member_id, occurrence="manual", defaults=_decision(campaign)
            )
            if made:
                coupon = _coupon(template, member_id, enrolment.pk)
                coupon.save(force_insert=True)
                _delivery(campaign, member_id, enrolment.pk, name, phone, coupon.code).save(force_insert=True)


def _bulk_create(campaign: Any, template: Any, people: Sequence[tuple[int, str, str]]) -> None:
    from django.db import transaction

    from campaigns.models import Coupon, Delivery, Enrolment

    for start in range(0, len(people), 1_000):
        some = people[start : start + 1_000]
        with transaction.atomic():
            Enrolment.objects.bulk_create(
                [
                    Enrolment(campaign=campaign, member_id=each[0], occurrence="manual", **_decision(campaign))
                    for each in some
                ],
                ignore_conflicts=True,
            )
            made = Enrolment.objects.filter(campaign=campaign, member_id__in=[each[0] for each in some])
            ids = dict(made.values_list("member_id", "pk"))
            coupons = {member_id: _coupon(template, member_id, pk) for member_id, pk in ids.items()}
            Coupon.objects.bulk_create(coupons.values())
            Delivery.objects.bulk_create(
                _delivery(campaign, member_id, ids[member_id], name, phone, coupons[member_id].code)
                for member_id, name, phone in some
            )


def _decision(campaign: Any) -> dict[str, Any]:
    return {"version": campaign.version, "arm": "treated", "status": "fired", "due_at": NOW, "decided_at": NOW}


def _coupon(template: Any, member_id: int, enrolment_id: int) -> Any:
    from campaigns.models import Coupon

    code = secrets.token_urlsafe(12)
    return Coupon(template=template, code=code, member_id=member_id, enrolment_id=enrolment_id, step=0, issued_at=NOW)


def _delivery(campaign: Any, member_id: int, enrolment_id: int, name: str, phone: str, code: str) -> Any:
    from campaigns.models import Delivery

    return Delivery(
        campaign_id=campaign.pk,
        enrolment_id=enrolment_id,
        step=1,
        member_id=member_id,
        channel="sms",
        address=phone,
        body=f"Dear {name or 'friend'}, we miss you. Come back: {code}",
        idempotency_key=secrets.token_hex(16),
        queued_at=NOW,
        next_at=NOW,
    )


# --- Sending


def _send(size: str) -> Iterator[str]:
    """Through the outbox of one process, to a provider that takes 5 ms for each message."""
    from campaigns.models import Delivery
    from campaigns.services.dispatch import dispatch_messages

    kept = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[: SENT[size]])
    Delivery.objects.exclude(pk__in=kept).delete()
    settle()
    with _slow_provider():
        seconds = seconds_of(lambda: dispatch_messages(now=NOW))
    sent = Delivery.objects.filter(state="sent").count()
    rate = round(sent / seconds)
    note("firing", "sent to a provider of 5 ms", size=size, per_second=rate, messages=sent)
    if rate < SENT_A_SECOND:
        yield f"firing: {rate} messages sent a second (at least {SENT_A_SECOND})"


@contextmanager
def _slow_provider() -> Iterator[None]:
    from campaigns.channels import Message, Receipt
    from campaigns.channels.sms import Sms

    def send(self: Sms, *, message: Message) -> Receipt:
        sleep(PROVIDER_SECONDS)
        return Receipt(message.key)

    real, Sms.send = Sms.send, send  # type: ignore[method-assign]
    try:
        yield
    finally:
        Sms.send = real  # type: ignore[method-assign]


# --- Memory


def _memory(size: str) -> Iterator[str]:
    """Everybody in the shop, in a process of its own: planning is one transaction, however many are due."""
    from campaigns.models import Enrolment

    make_campaign("everybody", message=False)
    done = run_command("run_campaigns", "--now", NOW.isoformat())
    fired = Enrolment.objects.filter(status="fired").count()
    note(
        "firing",
        "memory of run_campaigns",
        size=size,
        mib=done.peak_mib,
        fired=fired,
        per_second=round(fired / done.seconds),
    )
    if done.peak_mib > MOST_MIB:
        yield f"firing: run_campaigns takes {done.peak_mib} MiB for {fired:,} members (at most {MOST_MIB})"
