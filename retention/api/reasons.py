"""Why a member leaves, with what tells it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import AsOfField
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.selectors import member_ids_called
from retention.models import Reason
from retention.selectors.evidence import evidence_for


class ReasonQuery(serializers.Serializer[Any]):
    as_of = AsOfField(required=False, help_text=_("default: the last refresh"))


class HeldOut(serializers.Serializer[Any]):
    """A condition that held, with the member's value."""

    sentence = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    value_text = serializers.CharField(allow_null=True)
    threshold = serializers.JSONField(allow_null=True)


class ChurnReasonOut(serializers.Serializer[Any]):
    """`reason` is null of members who are not at risk, dormant or lost, and where no rule is true."""

    member = serializers.CharField()
    reason = serializers.ChoiceField(Reason.choices, allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    source = serializers.ChoiceField(  # type: ignore[assignment]
        [("rule", _("the shop's rule")), ("survey", _("the member's own answer"))], allow_null=True
    )
    answered_on = serializers.DateField(allow_null=True, help_text=_("the day of a survey's answer"))
    conditions = HeldOut(many=True)


NOTHING: dict[str, Any] = {"reason": None, "label": None, "source": None, "answered_on": None, "conditions": []}


class MemberChurnReason(ApiView):
    """Why a member leaves."""

    scopes = {"GET": Scope.MEMBERS_READ}
    query_in = ReasonQuery

    @extend_schema(operation_id="members_churn_reason", responses={200: ChurnReasonOut})
    def get(self, request: Request, external_id: str) -> Response:
        """The first reason whose rule is true, or what the member answered since the last order; and what tells it."""
        member_id = member_ids_called([external_id]).get(external_id)
        if member_id is None:
            raise NotFound(_("There is no such member."))
        found = evidence_for(member_id=member_id, as_of=self.query().get("as_of"))
        told = NOTHING if found is None else found.as_json()
        return Response(ChurnReasonOut({"member": external_id, **told}).data)
