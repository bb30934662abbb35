"""Dispatch: what was decided leaves the building, once.

A message is claimed in one transaction, handed over outside any, and recorded in another. A process that dies in between
leaves a row that says so: where the provider honours keys it is handed over again under the same key, elsewhere a person
decides (UNKNOWN).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from campaigns.channels import Channel, ChannelError, Message, Receipt, channels
from campaigns.conf import (
    CLAIMED_AT_ONCE,
    CLAIMED_AT_ONCE_WITHOUT_KEYS,
    FIRST_WAIT,
    LONGEST_DISPATCH_SECONDS,
    MOST_ATTEMPTS,
    SENDING_THREADS,
    STUCK_AFTER,
)
from campaigns.guardrails import obstacle
from campaigns.holdout import bucket
from campaigns.models import Campaign, CampaignStatus, Delivery, DeliveryState, Reason
from campaigns.selectors.batches import people
from campaigns.services.clicks import tracked_body
from campaigns.services.telling import told_of
from core.errors import DomainError, NotFound
from core.locks import LockSpace, share_for_transaction
from core.queue import enqueue_on_commit
from core.sql import update_rows
from members.models import Channel as ChannelCode
from members.models import EventKind
from members.services.links import unsubscribe_url
from members.services.own_events import write_own_events
from members.services.preferences import address_failed

logger = logging.getLogger(__name__)

LONGEST_ERROR = 1_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A message this process has taken to hand over."""

    id: int
    attempts: int
    message: Message


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a claim: the row's new state."""

    state: DeliveryState
    reason: str = ""
    error: str = ""
    provider_id: str = ""
    next_at: datetime | None = None


def dispatch_messages(*, now: datetime) -> Mapping[str, int]:
    """This function will hand over what is queued, for at most a few minutes; the rest is the next pass's.

    1. Settle what processes that died were handing over.
    2. Channel by channel, in turns: claim a few, hand them over side by side, record each answer as it comes. A channel with
       more than a pass can send does not keep the others waiting.
    """
    started = monotonic()
    counts: Counter[str] = Counter(settle_stuck(now=now))
    with ThreadPoolExecutor(max_workers=SENDING_THREADS, thread_name_prefix="dispatch") as pool:
        queues = {channel: _claims(channel, now=now, started=started, counts=counts) for channel in channels}
        while queues:
            for channel, queue in list(queues.items()):
                claims = next(queue, None)
                if claims is None:
                    del queues[channel]
                else:
                    counts.update(_hand_over(pool, channel, claims, now))
    return dict(counts)


# --- claiming


def _claims(channel: Channel, *, now: datetime, started: float, counts: Counter[str]) -> Iterator[list[Claim]]:
    most = CLAIMED_AT_ONCE if channel.honours_keys else CLAIMED_AT_ONCE_WITHOUT_KEYS
    while (elapsed := monotonic() - started) < LONGEST_DISPATCH_SECONDS:
        looked_at, claims, kept_back = claim(channel=channel, now=now, at=now + timedelta(seconds=elapsed), most=most)
        counts.update({DeliveryState.SUPPRESSED.value: kept_back} if kept_back else {})
        if not looked_at:
            return
        yield claims


def claim(*, channel: Channel, now: datetime, at: datetime, most: int) -> tuple[int, list[Claim], int]:
    """This function will take up to `most` queued messages of a channel: how many it looked at, those taken, how many it
    suppressed. `at` is the instant on the claim, by which a dead process is told from a slow one.

    1. Take queued rows of campaigns that are not paused; two dispatchers take different ones.
    2. Share their campaigns' status: whoever pauses one now waits, or is seen.
    3. Look once more at consent, address and campaign; what may no longer go is suppressed with the reason.
    4. The rest is SENDING before anything leaves, guarded by its being queued.
    """
    with transaction.atomic():
        rows = _take_queued(channel.code, now, most)
        statuses = _statuses({row.campaign_id for row in rows})
        known = people({row.member_id for row in rows})
        able: list[Claim] = []
        kept_back: dict[str, list[int]] = {}
        for row in rows:
            status = statuses.get(row.campaign_id)
            person = known.get(row.member_id)
            if status == CampaignStatus.PAUSED:
                continue
            if status != CampaignStatus.RUNNING:
                kept_back.setdefault(Reason.CAMPAIGN_FINISHED, []).append(row.pk)
            elif person is None:
                kept_back.setdefault(Reason.MEMBER_GONE, []).append(row.pk)
            elif reason := obstacle(person, channel.code, row.purpose):
                kept_back.setdefault(reason, []).append(row.pk)
            else:
                # A first attempt goes to where the member is reached now; a repeated one must be the very same message.
                to = row.address if row.attempts else person.address(channel.address_field)
                able.append(_claim(row, to))
        _suppress(kept_back, now)
        _take(rows, able, at)
        return len(rows), able, sum(map(len, kept_back.values()))


def _take_queued(channel_code: str, now: datetime, most: int) -> list[Delivery]:
    paused = Campaign.objects.filter(status=CampaignStatus.PAUSED).values_list("pk", flat=True)
    queued = Delivery.objects.filter(channel=channel_code, state=DeliveryState.QUEUED, next_at__lte=now)
    found = queued.exclude(campaign_id__in=list(paused)).order_by("next_at", "pk")
    return list(found.select_for_update(skip_locked=True)[:most])


def _statuses(campaign_ids: set[int]) -> dict[int, str]:
    for campaign_id in sorted(campaign_ids):  # in one order, though no two that share wait for each other
        share_for_transaction(LockSpace.CAMPAIGN_STATUS, campaign_id)
    return dict(Campaign.objects.filter(pk__in=campaign_ids).values_list("pk", "status"))


def _claim(row: Delivery, to: str) -> Claim:
    url = unsubscribe_url(member_id=row.member_id, channel=row.channel, purpose=row.purpose, now=row.queued_at)
    body = tracked_body(row) if row.tracked else row.body
    message = Message(key=row.idempotency_key, to=to, subject=row.subject, body=body, unsubscribe_url=url)
    return Claim(id=row.pk, attempts=row.attempts + 1, message=message)


def _suppress(kept_back: Mapping[str, list[int]], now: datetime) -> None:
    for reason, ids in kept_back.items():
        queued = Delivery.objects.filter(pk__in=ids, state=DeliveryState.QUEUED)
        queued.update(state=DeliveryState.SUPPRESSED, reason=reason, next_at=None, done_at=now)


def _take(rows: Sequence[Delivery], able: Sequence[Claim], at: datetime) -> None:
    before = {row.pk: row.address for row in rows}
    moved = [(each.id, each.message.to) for each in able if each.message.to != before[each.id]]
    update_rows(Delivery, "pk", ["address"], moved)
    queued = Delivery.objects.filter(pk__in=[each.id for each in able], state=DeliveryState.QUEUED)
    taken = queued.update(state=DeliveryState.SENDING, sending_at=at, next_at=None, attempts=F("attempts") + 1)
    if taken != len(able):
        raise RuntimeError(f"{len(able) - taken} messages were claimed by somebody else; this claim is rolled back")


# --- handing over


def _hand_over(pool: ThreadPoolExecutor, channel: Channel, claims: Sequence[Claim], now: datetime) -> Counter[str]:
    """Hand-overs run side by side; answers are recorded as they come, so that a crash leaves few without one."""
    counts: Counter[str] = Counter()
    under_way = {pool.submit(channel.send, message=each.message): each for each in claims}
    try:
        while under_way:
            answered, _rest = wait(under_way, return_when=FIRST_COMPLETED)
            answers = [(under_way.pop(future), future) for future in answered]
            _note_dead_addresses(channel, answers, now)
            endings = [(each, _ending(channel, each, future, now)) for each, future in answers]
            _record(endings, now)
            counts.update(ending.state.value for _each, ending in endings)
    except BaseException:
        # What has not begun must not leave any more: nobody would record it.
        for future in under_way:
            future.cancel()
        raise
    return counts


def _note_dead_addresses(channel: Channel, answers: Sequence[tuple[Claim, Future[Receipt]]], now: datetime) -> None:
    """Where nothing will ever arrive nothing is sent again, whoever has the address."""
    for each, answer in answers:
        error = answer.exception()
        if isinstance(error, ChannelError) and error.no_such_address:
            address_failed(channel=channel.code, address=each.message.to, complaint=False, said_at=None, now=now)


def _ending(channel: Channel, each: Claim, answer: Future[Receipt], now: datetime) -> Ending:
    error = answer.exception()
    if error is None:
        return Ending(DeliveryState.SENT, provider_id=_clean(answer.result().provider_id, 200))
    if not isinstance(error, ChannelError):
        # A defect of ours somewhere in the hand-over: nobody knows how far it came.
        logger.error("delivery.broke delivery__id=%s", each.id, exc_info=error)
        error = ChannelError(f"{type(error).__name__}: {error}", handed_over=True)
    text = _clean(str(error), LONGEST_ERROR)
    if error.permanent:
        return Ending(DeliveryState.FAILED, Reason.PROVIDER_REFUSED, text)
    if error.handed_over and (not channel.honours_keys or each.attempts >= MOST_ATTEMPTS):
        return Ending(DeliveryState.UNKNOWN, Reason.NO_ANSWER, text)
    if each.attempts >= MOST_ATTEMPTS:
        return Ending(DeliveryState.FAILED, Reason.GAVE_UP, text)
    return Ending(DeliveryState.QUEUED, error=text, next_at=now + _wait(each))


def _wait(each: Claim) -> timedelta:
    """Longer each time, and a little different for each message, so that a provider that comes back is not overrun."""
    spread = 0.8 + 0.4 * bucket(key=each.message.key, salt=str(each.attempts))
    return FIRST_WAIT * 4 ** (each.attempts - 1) * spread


def _record(endings: Sequence[tuple[Claim, Ending]], now: datetime) -> None:
    rows = [
        (
            each.id,
            ending.state.value,
            str(ending.reason),
            ending.error,
            ending.provider_id,
            ending.next_at,
            None if ending.state is DeliveryState.QUEUED else now,
        )
        for each, ending in endings
    ]
    columns = ["state", "reason", "error", "provider_id", "next_at", "done_at"]
    with transaction.atomic():
        update_rows(Delivery, "pk", columns, rows, guard={"state": DeliveryState.SENDING.value})
        _note_sent([each.id for each, ending in endings if ending.state is DeliveryState.SENT], now)


def _note_sent(delivery_ids: Sequence[int], at: datetime) -> None:
    """This function will have the members' events say that they were written to, where the messages are sent."""
    if not delivery_ids:
        return
    sent = Delivery.objects.filter(pk__in=list(delivery_ids), state=DeliveryState.SENT)
    write_own_events(EventKind.MESSAGE_SENT, told_of(sent), at=at)


def _clean(text: str, most: int) -> str:
    """What a provider says is kept as far as the database can."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]


# --- what was left half done


def settle_stuck(*, now: datetime) -> dict[str, int]:
    """This function will settle messages whose process died between claim and record.

    Where the provider honours keys they are queued again under the same key; where it does not, or after too many attempts,
    they are UNKNOWN: counted as sent by nobody, sent again by nobody but a person.
    """
    stuck = Delivery.objects.filter(state=DeliveryState.SENDING, sending_at__lte=now - STUCK_AFTER)
    honouring = [channel.code for channel in channels if channel.honours_keys]
    again = stuck.filter(channel__in=honouring, attempts__lt=MOST_ATTEMPTS)
    queued = again.update(state=DeliveryState.QUEUED, next_at=now, sending_at=None)
    unknown = stuck.update(state=DeliveryState.UNKNOWN, reason=Reason.NO_ANSWER, done_at=now)
    counts = {"queued_again": queued, "unknown": unknown, "failed": _fail_without_channel(now)}
    return {name: count for name, count in counts.items() if count}


def _fail_without_channel(now: datetime) -> int:
    gone = set(ChannelCode.values) - {channel.code for channel in channels}
    if not gone:
        return 0
    queued = Delivery.objects.filter(state=DeliveryState.QUEUED, channel__in=gone)
    return queued.update(state=DeliveryState.FAILED, reason=Reason.UNKNOWN_CHANNEL, next_at=None, done_at=now)


class NotUnknown(DomainError):
    """Somebody has settled this message already."""

    code = "delivery_not_unknown"


def mark_sent(*, delivery_id: int, now: datetime, by: str) -> None:
    """This function will note that a person found out that an unknown message arrived."""
    with transaction.atomic():
        _settle_unknown(delivery_id, by, "marked_sent", state=DeliveryState.SENT, reason="", done_at=now)
        _note_sent([delivery_id], now)


def send_again(*, delivery_id: int, now: datetime, by: str) -> None:
    """This function will queue an unknown message once more, because a person says it did not arrive."""
    with transaction.atomic():
        _settle_unknown(
            delivery_id,
            by,
            "sent_again",
            state=DeliveryState.QUEUED,
            reason="",
            next_at=now,
            done_at=None,
            sending_at=None,
            attempts=0,
        )
        enqueue_on_commit("campaigns.dispatch")


def _settle_unknown(delivery_id: int, by: str, what: str, **changes: object) -> None:
    unknown = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.UNKNOWN)
    if unknown.update(**changes) != 1:
        if not Delivery.objects.filter(pk=delivery_id).exists():
            raise NotFound(_("There is no such message."))
        raise NotUnknown(_("This message is no longer unknown: somebody has settled it."))
    logger.info("delivery.%s delivery__id=%s by=%s", what, delivery_id, by or "-")
