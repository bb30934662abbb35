"""Behaviour events: one, or many at once. They are written once and never changed."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.views import ApiView
from core.models import Scope
from members.api.bulk import MOST_ITEMS, BulkOut, item_of, items_of, taken_in
from members.ingest.load import ingest_events
from members.models import REPORTED_KINDS


@extend_schema_serializer(component_name="EventItem")
class EventIn(serializers.Serializer[Any]):
    """Something a member did. The same id again is the same event: it is accepted and changes nothing."""

    id = serializers.CharField(max_length=200, help_text=_("the sender's own id of the event"))
    member = serializers.CharField(help_text=_("the member's external id; an unknown one is created"))
    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in REPORTED_KINDS])
    at = serializers.DateTimeField()
    session_id = serializers.CharField(required=False, allow_null=True, max_length=100)
    page = serializers.CharField(required=False, allow_null=True, max_length=2000)
    dwell_seconds = serializers.FloatField(required=False, allow_null=True, min_value=0)
    product = serializers.CharField(required=False, allow_null=True, max_length=200)
    category = serializers.CharField(required=False, allow_null=True, max_length=200)
    keyword = serializers.CharField(required=False, allow_null=True, max_length=200)
    rating = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=5)
    topic = serializers.CharField(required=False, allow_null=True, max_length=100)
    response_seconds = serializers.FloatField(required=False, allow_null=True, min_value=0)
    value = serializers.FloatField(required=False, allow_null=True)
    properties = serializers.DictField(
        required=False, allow_null=True, help_text=_("at most 50 names with text, a number, true or false")
    )


@extend_schema_serializer(component_name="EventsBulk")
class EventsBulkIn(serializers.Serializer[Any]):
    items = serializers.ListField(child=EventIn(), max_length=MOST_ITEMS)


class EventAnswer(serializers.Serializer[Any]):
    """The event's id, and whether it is new. Events are not read back: what they add up to stands in a member's facts."""

    id = serializers.CharField()
    created = serializers.BooleanField()


class EventPost(ApiView):
    """One behaviour event in."""

    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(operation_id="events_post", request=EventIn, responses={200: EventAnswer, 201: EventAnswer})
    def post(self, request: Request) -> Response:
        """Written once: an event whose id is known is answered 200 and changes nothing, whatever it says now."""
        item = item_of(request)
        created = taken_in(ingest_events([item], now=timezone.now()))
        return Response({"id": str(item["id"]).strip(), "created": created}, status=201 if created else 200)


class EventsBulk(ApiView):
    """Up to 1,000 behaviour events in one call."""

    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(operation_id="events_bulk", request=EventsBulkIn, responses={200: BulkOut})
    def post(self, request: Request) -> Response:
        result = ingest_events(items_of(request), now=timezone.now())
        return Response(result.as_json())
