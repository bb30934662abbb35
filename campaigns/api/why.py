"""Why a member did or did not get a campaign, is or is not in a segment: one address below the member's own."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Arm, EnrolmentStatus
from campaigns.selectors.listings import campaign_called
from campaigns.services.explaining import DUE_NEXT, NOT_DUE, CampaignDecision, explain_campaign
from core.api.auth import MissingScope, api_key_of
from core.api.fields import InstantField, KnownText
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.models import Member
from members.selectors import member_named
from retention.selectors.explaining import Why, is_inside, why_in_segment
from retention.selectors.listings import segment_called

DECISIONS = [*EnrolmentStatus.values, NOT_DUE, DUE_NEXT]


class WhyQuery(serializers.Serializer[Any]):
    """One of the two."""

    campaign = serializers.CharField(required=False, max_length=100)
    segment = serializers.CharField(required=False, max_length=100)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if len(given) != 1:
            raise serializers.ValidationError(_("Name a campaign or a segment: ?campaign=… or ?segment=…"), "required")
        return given


class RuleWhyOut(serializers.Serializer[Any]):
    """A rule asked of one member: the answer, each condition with the member's value, the whole tree."""

    held = serializers.BooleanField(allow_null=True, help_text=_("null: unknown, or no refresh has seen the member yet"))
    sentence = serializers.CharField(allow_null=True)
    conditions = serializers.ListField(child=serializers.DictField())
    rule = serializers.JSONField(allow_null=True)


class SegmentWhyOut(RuleWhyOut):
    """`inside` is what the last count wrote, `held` what the rule answers now."""

    member = serializers.CharField()
    segment = serializers.CharField()
    inside = serializers.BooleanField()
    as_of = InstantField(allow_null=True)


class CheckOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    held = serializers.BooleanField(allow_null=True, help_text=_("null: not asked, or only a part holds"))
    sentence = serializers.CharField()


class OccasionOut(serializers.Serializer[Any]):
    occurrence = serializers.CharField()
    status = serializers.ChoiceField(EnrolmentStatus.choices)
    arm = serializers.ChoiceField(Arm.choices)
    reason = KnownText()
    due_at = InstantField()
    decided_at = InstantField(allow_null=True)


class CampaignWhyOut(serializers.Serializer[Any]):
    """What became of the member, or what stands in the way. `checks` in the order in which the engine asks them, as now;
    `conditions` are those of audience and exclusion, each with the member's value."""

    member = serializers.CharField()
    campaign = serializers.CharField()
    decision = serializers.ChoiceField([(each, each) for each in DECISIONS])
    reason = KnownText()
    sentence = serializers.CharField()
    as_of = InstantField(allow_null=True)
    checks = CheckOut(many=True)
    conditions = serializers.ListField(child=serializers.DictField())
    audience = RuleWhyOut()
    exclusion = RuleWhyOut(allow_null=True)
    enrolments = OccasionOut(many=True)
    steps = serializers.ListField(child=serializers.DictField(), help_text=_("of the last occasion"))


WHY_OUT = PolymorphicProxySerializer(
    component_name="Why", serializers=[CampaignWhyOut, SegmentWhyOut], resource_type_field_name=None
)


class MemberWhy(ApiView):
    """Why a member did or did not get a campaign, or is or is not in a segment.

    Of a segment it needs `segments:read` in the place of `campaigns:read`.
    """

    scopes = {"GET": Scope.CAMPAIGNS_READ}
    query_in = WhyQuery

    def check_permissions(self, request: Request) -> None:
        if "segment" not in request.query_params or self.request.method not in ("GET", "HEAD"):
            super().check_permissions(request)
        elif Scope.SEGMENTS_READ not in api_key_of(request).scopes:
            raise MissingScope(Scope.SEGMENTS_READ)

    @extend_schema(operation_id="members_why", responses=WHY_OUT)
    def get(self, request: Request, external_id: str) -> Response:
        asked = self.query()
        member = member_named(external_id)
        if member is None:
            raise NotFound(_("There is no such member."))
        if "campaign" in asked:
            return Response(_of_campaign(asked["campaign"], member))
        return Response(_of_segment(asked["segment"], member))


def _of_segment(slug: str, member: Member) -> dict[str, Any]:
    segment = segment_called(slug)
    if segment is None:
        raise NotFound(_("There is no such segment."))
    found = why_in_segment(segment=segment, member_id=member.pk)
    inside = is_inside(segment=segment, member_id=member.pk)
    told = {"member": member.external_id, "segment": slug, "inside": inside, "as_of": found.as_of, **found.as_json()}
    return dict(SegmentWhyOut(told).data)


def _of_campaign(slug: str, member: Member) -> dict[str, Any]:
    campaign = campaign_called(slug)
    if campaign is None:
        raise NotFound(_("There is no such campaign."))
    found = explain_campaign(campaign=campaign, member=member, now=timezone.now())
    parts = {"audience": found.audience, "exclusion": found.exclusion}
    told = {
        "member": member.external_id,
        "campaign": slug,
        "decision": found.decision,
        "reason": found.reason,
        "sentence": str(found.sentence),
        "as_of": found.audience.as_of,
        "checks": [each.as_json() for each in found.checks],
        "conditions": [condition for name, part in parts.items() for condition in _conditions(name, part)],
        **{name: None if part is None else part.as_json() for name, part in parts.items()},
        "enrolments": found.enrolments,
        "steps": _steps(found),
    }
    return dict(CampaignWhyOut(told).data)


def _conditions(name: str, part: Why | None) -> list[dict[str, Any]]:
    return [] if part is None else [{"of": name, **each} for each in part.as_json()["conditions"]]


def _steps(found: CampaignDecision) -> list[dict[str, Any]]:
    return [{"step": each.step, "result": each.result, "reason": each.reason or None} for each in found.steps]
