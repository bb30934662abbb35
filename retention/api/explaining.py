"""Why (not): any rule asked of one member."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import AsOfField, BodyIn, InstantField, RuleField, TextField
from core.api.schema import request_example
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.selectors import member_ids_called
from retention.selectors.explaining import why


@extend_schema_serializer(
    examples=[request_example({"member": "m1", "rule": {"field": "order_count", "operator": ">=", "value": 2}})]
)
class ExplainIn(BodyIn):
    member = TextField()
    rule = RuleField()
    as_of = AsOfField(required=False, allow_null=True, help_text=_("default: the last refresh"))


class ConditionOut(serializers.Serializer[Any]):
    """One condition for one member. `decides`: the answer stands as long as the deciding conditions stand."""

    path = serializers.CharField(help_text=_("where in the rule"))
    sentence = serializers.CharField()
    held = serializers.BooleanField(allow_null=True, help_text=_("null: unknown, the value is missing"))
    decides = serializers.BooleanField()
    must_change = serializers.BooleanField(
        help_text=_("one of the fewest conditions that, each turned round, would turn the answer")
    )
    value = serializers.JSONField(allow_null=True, help_text=_("what this member has"))
    value_text = serializers.CharField(allow_null=True)
    threshold = serializers.JSONField(allow_null=True)


class ExplanationOut(serializers.Serializer[Any]):
    """Whether a rule means a member, and why. `rule` is the whole tree, `conditions` its leaves in their order."""

    member = serializers.CharField()
    held = serializers.BooleanField(allow_null=True, help_text=_("null: unknown, or no refresh has seen the member yet"))
    as_of = InstantField(allow_null=True)
    sentence = serializers.CharField(allow_null=True)
    conditions = ConditionOut(many=True)
    rule = serializers.JSONField(allow_null=True)


class RuleExplain(ApiView):
    """Why a rule means a member or does not, before anything is saved."""

    scopes = {"POST": Scope.SEGMENTS_READ}

    @extend_schema(operation_id="segments_explain", request=ExplainIn, responses={200: ExplanationOut})
    def post(self, request: Request) -> Response:
        """Ask every condition of a rule of one member, each with the member's value."""
        given = self.parsed(ExplainIn)
        member_id = member_ids_called([given["member"]]).get(given["member"])
        if member_id is None:
            raise NotFound(_("There is no such member."))
        found = why(rule=given["rule"], member_id=member_id, as_of=given.get("as_of"))
        return Response(ExplanationOut({"member": given["member"], "as_of": found.as_of, **found.as_json()}).data)
