"""Behaviour events: many at once. They are written once and never changed."""

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
from members.api.bulk import MOST_ITEMS, BulkOut, items_of
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


class EventsBulk(ApiView):
    """Up to 1,000 behaviour events in one call."""

    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(operation_id="events_bulk", request=EventsBulkIn, responses={200: BulkOut})
    def post(self, request: Request) -> Response:
        result = ingest_events(items_of(request), now=timezone.now())
        return Response(result.as_json())
