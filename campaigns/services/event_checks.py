"""What `verify` proves of the events that the product writes: each message sent or clicked and each use of a coupon is told
once while its member is known, and nothing is told that was not done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import BigIntegerField, Case, Exists, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Concat, Length, Substr
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Delivery, DeliveryState, Redemption
from core.registry import Check
from members.models import BehaviourEvent, EventKind, Member
from members.services.forgetting import events_policy
from members.services.own_events import own_id

MOST_NAMED = 20


def messages_are_told() -> Iterator[str]:
    """This function will name messages that were sent and no event says so, and events of messages that were not sent."""
    sent = Delivery.objects.filter(state=DeliveryState.SENT)
    yield from _untold(sent, EventKind.MESSAGE_SENT, _("message %(pk)s was sent, and no event says so"))
    yield from _untrue(sent, EventKind.MESSAGE_SENT, _("event %(event)s tells of a message that was not sent"))


def clicks_are_told() -> Iterator[str]:
    """This function will name messages that were clicked and no event says so, and events of messages that nobody clicked.

    Opening is known by the first click alone, so the same messages are told of twice.
    """
    clicked = Delivery.objects.filter(clicked_at__isnull=False)
    for kind in (EventKind.MESSAGE_CLICKED, EventKind.MESSAGE_OPENED):
        yield from _untold(clicked, kind, _("message %(pk)s was clicked, and no event says so"))
        yield from _untrue(clicked, kind, _("event %(event)s tells of a message that nobody clicked"))


def uses_are_told() -> Iterator[str]:
    """This function will name uses of coupons that hold and no event says so, and events of uses that do not hold."""
    held = Redemption.objects.filter(rolled_back_at__isnull=True, member_id__isnull=False)
    yield from _untold(held, EventKind.COUPON_REDEEMED, _("use %(pk)s of a coupon holds, and no event says so"))
    yield from _untrue(held, EventKind.COUPON_REDEEMED, _("event %(event)s tells of a use of a coupon that does not hold"))


def _untold(rows: QuerySet[Any, Any], kind: EventKind, sentence: str) -> Iterator[str]:
    """Of who was erased nothing is told. Where events are forgotten in time, the latest of a member never is."""
    events = BehaviourEvent.objects.filter(kind=kind)
    told = Q(Exists(events.filter(external_id=OuterRef("told_as"))))
    if events_policy().own_days is not None:
        told |= Q(Exists(events.filter(member=OuterRef("member_id"))))
    known = Exists(Member.objects.filter(pk=OuterRef("member_id")))
    named = Concat(Value(_prefix(kind)), Cast("pk", TextField()), output_field=TextField())
    untold = rows.annotate(told_as=named).filter(known, ~told)
    for pk in untold.order_by("pk").values_list("pk", flat=True)[:MOST_NAMED]:
        yield sentence % {"pk": pk}


def _untrue(rows: QuerySet[Any, Any], kind: EventKind, sentence: str) -> Iterator[str]:
    """The number is read out of the event's name, so that each looks into an index."""
    prefix = _prefix(kind)
    number = Cast(Substr("external_id", Length(Value(prefix)) + 1), BigIntegerField())
    own = BehaviourEvent.objects.filter(kind=kind, external_id__startswith=prefix)
    numbered = own.annotate(number=Case(When(external_id__startswith=prefix, then=number), default=None))
    untrue = numbered.filter(~Exists(rows.filter(pk=OuterRef("number"))))
    for name in untrue.order_by("pk").values_list("external_id", flat=True)[:MOST_NAMED]:
        yield sentence % {"event": name}


def _prefix(kind: EventKind) -> str:
    return own_id(kind, 0).removesuffix("0")


CHECKS = (
    Check("campaigns.messages_told", gettext_lazy("the members' events tell of each message sent"), messages_are_told),
    Check("campaigns.clicks_told", gettext_lazy("the members' events tell of each message clicked"), clicks_are_told),
    Check("campaigns.uses_told", gettext_lazy("the members' events tell of each use of a coupon"), uses_are_told),
)
