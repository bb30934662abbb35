"""What one member did, orders and behaviour events in one line."""

from __future__ import annotations

from typing import Any

from django.db.models import DateTimeField, Field, IntegerField
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import InstantField, KnownText
from core.api.pages import Cursor, CursorPages, Order
from core.api.views import ApiView
from core.conf import shop_currency
from core.models import Scope
from members.api.lookup import found_member
from members.models import BehaviourEvent, EventKind, OrderStatus
from members.models import Order as ShopOrder
from members.selectors.happenings import ORDERED, Moment, timeline

KINDS = [(ORDERED, _("order")), *EventKind.choices]


class TimelineQuery(serializers.Serializer[Any]):
    """What a member's timeline can be asked."""

    kind = serializers.ChoiceField(KINDS, required=False)


class TimelineOrderOut(serializers.Serializer[Any]):
    """An order in short; the whole of it is at `orders/{shop}/{external_id}/`."""

    shop = serializers.CharField(source="shop.slug")
    external_id = serializers.CharField()
    status = serializers.ChoiceField(OrderStatus.choices)
    total_minor = serializers.IntegerField()
    revenue_minor = serializers.IntegerField()
    currency = serializers.SerializerMethodField()

    def get_currency(self, order: ShopOrder) -> str:
        return shop_currency()


class TimelineEventOut(serializers.Serializer[Any]):
    """An event as it was sent; what was not told is null."""

    id = serializers.CharField(source="external_id")
    session_id = KnownText()
    page = KnownText()
    dwell_seconds = serializers.FloatField(allow_null=True)
    product = serializers.SerializerMethodField()
    category = KnownText()
    keyword = KnownText()
    rating = serializers.IntegerField(allow_null=True)
    topic = KnownText()
    response_seconds = serializers.FloatField(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    properties = serializers.DictField()

    def get_product(self, event: BehaviourEvent) -> str | None:
        return event.product.code if event.product else None


class MomentOut(serializers.Serializer[Any]):
    """An order or an event; the other of the two is null."""

    at = InstantField()
    kind = serializers.SerializerMethodField(help_text=_("“order”, or the kind of the event"))
    order = TimelineOrderOut(allow_null=True)
    event = TimelineEventOut(allow_null=True)

    def get_kind(self, moment: Moment) -> str:
        return moment.event.kind if moment.event else ORDERED


class TimelinePages(CursorPages):
    """Pages of two tables in one order: (instant, rank, id)."""

    def fields(self, queryset: Any, order: Order) -> list[Field[Any, Any]]:
        return [DateTimeField(), IntegerField(), IntegerField()]

    def rows(self, queryset: Any, order: Order, cursor: Cursor | None, *, most: int) -> list[Any]:
        if cursor is None:
            return queryset(most=most)[0]
        at, rank, pk = cursor.values
        moments, _more = queryset(most=most, **{"after" if cursor.backwards else "before": (at, rank, pk)})
        return moments[::-1] if cursor.backwards else moments


class MemberTimeline(ApiView):
    """What a member did, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    query_in = TimelineQuery
    pagination_class = TimelinePages

    @extend_schema(operation_id="members_timeline", responses=MomentOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        """Orders by when they were placed and events by when they happened, also what we sent and issued."""
        member, kind = found_member(external_id), self.query().get("kind", "")
        return self.page(
            lambda **place: timeline(member.pk, kind=kind, **place), order=("-at", "-rank", "-pk"), render=MomentOut
        )
