"""How likely a member is not to order within the horizon, and which facts make it so."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.selectors import member_ids_called
from retention.scoring.parameters import Rank
from retention.selectors.risk import risk_of


class FactorOut(serializers.Serializer[Any]):
    """A fact of the member. `effect` is in log odds against the average member: above 0 raises the risk."""

    fact = serializers.CharField()
    value = serializers.FloatField()
    effect = serializers.FloatField()
    sentence = serializers.CharField()


class MemberChurnOut(serializers.Serializer[Any]):
    """All null, and no factors, for a member without orders and before a churn model is published."""

    churn_probability = serializers.FloatField(allow_null=True)
    churn_calibrated = serializers.BooleanField(allow_null=True, help_text=_("false: a rank, not a percentage"))
    rank = serializers.ChoiceField(
        [rank.value for rank in Rank],
        allow_null=True,
        help_text=_("among all members: high is the upper fifth, middle the next three tenths"),
    )
    horizon_days = serializers.IntegerField(allow_null=True)
    factors = FactorOut(many=True)


class MemberChurn(ApiView):
    """Why a member is likely to leave, or not."""

    scopes = {"GET": Scope.MEMBERS_READ}

    @extend_schema(operation_id="members_churn", responses=MemberChurnOut)
    def get(self, request: Request, external_id: str) -> Response:
        """Each fact that the churn model reads, with the member's value and how far it moves the risk."""
        member_id = member_ids_called([external_id]).get(external_id)
        if member_id is None:
            raise NotFound(_("There is no such member."))
        risk = risk_of(member_id)
        found: dict[str, Any] = dict.fromkeys(("churn_probability", "churn_calibrated", "rank", "horizon_days"))
        if risk is not None:
            found = {
                "churn_probability": risk.probability,
                "churn_calibrated": risk.calibrated,
                "rank": risk.rank.value,
                "horizon_days": risk.horizon_days,
            }
        return Response(MemberChurnOut({**found, "factors": () if risk is None else risk.factors}).data)
