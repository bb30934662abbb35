"""Ready rules to start from."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import RuleField
from core.api.views import ApiView
from core.models import Scope
from retention.services.library import READY_RULES, count_ready_rules


class LibraryQuery(serializers.Serializer[Any]):
    counts = serializers.BooleanField(required=False, default=False, help_text=_("count whom each means now"))


class ReadyRuleOut(serializers.Serializer[Any]):
    """A rule to start from; POST it to segments/ under a short name of your own. `members` only when asked for."""

    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    sentence = serializers.CharField()
    rule = RuleField()
    members = serializers.IntegerField(allow_null=True)
    share = serializers.FloatField(allow_null=True)


class LibraryOut(serializers.Serializer[Any]):
    results = ReadyRuleOut(many=True)


class SegmentLibrary(ApiView):
    """The library of ready rules."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    query_in = LibraryQuery

    @extend_schema(operation_id="segments_library", responses=LibraryOut)
    def get(self, request: Request) -> Response:
        counts = count_ready_rules() if self.query()["counts"] else {}
        results = []
        for each in READY_RULES:
            counted = counts.get(each.code)
            results.append({
                "code": each.code,
                "name": str(each.name),
                "description": str(each.description),
                "sentence": each.sentence,
                "rule": each.rule,
                "members": counted.count if counted else None,
                "share": counted.share if counted else None,
            })  # fmt: skip
        return Response(LibraryOut({"results": results}).data)
