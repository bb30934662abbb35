"""How good the data is, as the last look found it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import InstantField
from core.api.views import ApiView
from core.models import Scope
from members.models import Channel, QualityLook
from members.services.quality import latest_look
from members.services.quality_fields import FIELDS
from members.services.quality_measures import KINDS, REACHES


class MeasureOut(serializers.Serializer[Any]):
    subject = serializers.ChoiceField(choices=[*FIELDS])
    field = serializers.CharField()
    kind = serializers.ChoiceField(choices=[*KINDS])
    count = serializers.IntegerField()


class ReachOut(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=Channel.choices)
    reachable = serializers.IntegerField()
    unasked = serializers.IntegerField(help_text=_("an address, and never asked"))
    unsubscribed = serializers.IntegerField(help_text=_("said no"))
    no_address = serializers.IntegerField(help_text=_("said yes, and no address is known"))
    nothing = serializers.IntegerField(help_text=_("no address, and never asked"))


class QualityOut(serializers.Serializer[Any]):
    as_of = InstantField(allow_null=True, help_text=_("null: nobody has looked yet"))
    totals = serializers.DictField(child=serializers.IntegerField())
    reach = ReachOut(many=True)
    measures = MeasureOut(many=True)


class DataQuality(ApiView):
    """What is missing, invalid, duplicate or stale, field by field, and how many members each channel reaches."""

    scopes = {"GET": Scope.REPORTS_READ}

    @extend_schema(operation_id="data_quality", responses=QualityOut)
    def get(self, request: Request) -> Response:
        return Response(QualityOut(_told(latest_look())).data)


def _told(look: QualityLook | None) -> dict[str, Any]:
    if look is None:
        return {"as_of": None, "totals": {}, "reach": [], "measures": []}
    as_of: datetime = look.started_at
    counts = look.counts
    return {
        "as_of": as_of,
        "totals": {subject: counts.get(f"{subject}.total", 0) for subject in FIELDS},
        "reach": [
            {"channel": channel, **{code: counts.get(f"reach.{channel}.{code}", 0) for code in REACHES}}
            for channel in Channel.values
        ],
        "measures": [*_measures(counts)],
    }


def _measures(counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    for code in sorted(counts):
        subject, _dot, rest = code.partition(".")
        field, _dot, kind = rest.rpartition(".")
        if subject in FIELDS and kind in KINDS:
            yield {"subject": subject, "field": field, "kind": kind, "count": counts[code]}
