"""The rule language: its catalogue, and whom a rule means."""

from __future__ import annotations

from dataclasses import asdict

from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.views import ApiView
from core.models import Scope
from retention.api.serializers import PreviewIn, PreviewOut
from retention.fields import catalogue
from retention.selectors import preview
from rules.schema import schema


class RulePreview(ApiView):
    """Whom a rule means, before anything is saved."""

    scopes = {"POST": Scope.SEGMENTS_READ}

    @extend_schema(operation_id="segments_preview", request=PreviewIn, responses={200: PreviewOut})
    def post(self, request: Request) -> Response:
        """Count whom a rule means; a rule that cannot be read is 422 with a path for each thing wrong."""
        return Response(PreviewOut(asdict(preview(**self.parsed(PreviewIn)))).data)


class RuleSchema(ApiView):
    """The rule language as JSON Schema: fields, operators, units, labels."""

    scopes = {"GET": Scope.SEGMENTS_READ}

    @extend_schema(operation_id="rules_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(schema(catalogue(), translate=gettext))
