"""Tiers: those of the shop with what they give, and a member's own with what is missing to the next."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import InstantField, KnownText
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.models import Scope
from members.api.lookup import found_member
from members.models import Tier, TierCause, TierMeasure
from members.services.tiers.standing import (
    TierStanding,
    benefits_of,
    changes_of,
    tier_standing,
    tiers_with_members,
)


class BenefitsOut(serializers.Serializer[Any]):
    """What a tier gives; null or 0 where it gives nothing."""

    discount_percent = serializers.IntegerField(help_text=_("percent off: 15 is 8.5折"))
    points_multiplier = serializers.FloatField()
    birthday_gift = KnownText()
    birthday_points = serializers.IntegerField()
    service_agent = KnownText()
    priority_dispatch = serializers.BooleanField()
    early_access_hours = serializers.IntegerField()


class TierOut(serializers.Serializer[Any]):
    """A tier, the lowest first; it ends where the next one begins."""

    tier = serializers.CharField(source="slug", help_text=_("the short name, as rules call it"))
    name = serializers.CharField()
    level = serializers.IntegerField()
    threshold = serializers.IntegerField(help_text=_("minor units, orders or growth"))
    benefits = serializers.SerializerMethodField()
    members = serializers.IntegerField(help_text=_("who holds it, as of the last refresh"))

    @extend_schema_field(BenefitsOut)
    def get_benefits(self, tier: Tier) -> dict[str, Any]:
        return dict(BenefitsOut(benefits_of(tier)).data)


class NextTierOut(serializers.Serializer[Any]):
    tier = serializers.CharField(source="tier.slug")
    name = serializers.CharField(source="tier.name")
    level = serializers.IntegerField(source="tier.level")
    threshold = serializers.IntegerField(source="tier.threshold")
    missing = serializers.IntegerField(help_text=_("how much more of the measure"))


class TierChangeOut(serializers.Serializer[Any]):
    at = InstantField()
    came_from = serializers.CharField(source="came_from.slug", allow_null=True, default=None)
    went_to = serializers.CharField(source="went_to.slug")
    upgraded = serializers.BooleanField()
    cause = serializers.ChoiceField(TierCause.choices)
    value = serializers.IntegerField()


class MemberTierOut(serializers.Serializer[Any]):
    """As of the last refresh. Everything is null while the shop has no tiers, and until a new member was counted."""

    tier = serializers.CharField(source="tier.slug", allow_null=True, default=None)
    name = serializers.CharField(source="tier.name", allow_null=True, default=None)
    level = serializers.IntegerField(source="tier.level", allow_null=True, default=None)
    since = serializers.DateField(allow_null=True)
    measure = serializers.ChoiceField(TierMeasure.choices, source="scheme.measure", allow_null=True, default=None)
    value = serializers.IntegerField(help_text=_("what the measure adds up to: minor units, orders or growth"))
    next = NextTierOut(allow_null=True)
    will_drop_on = serializers.DateField(
        allow_null=True, help_text=_("the day on which the tier is lost if nothing more is bought")
    )
    benefits = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()

    @extend_schema_field(BenefitsOut(allow_null=True))
    def get_benefits(self, standing: TierStanding) -> dict[str, Any] | None:
        return None if standing.benefits is None else dict(BenefitsOut(standing.benefits).data)

    @extend_schema_field(TierChangeOut(many=True))
    def get_history(self, _standing: TierStanding) -> list[Any]:
        return list(TierChangeOut(self.context["changes"], many=True).data)


class MemberTierDetail(ApiView):
    """A member's tier, its benefits, and what is missing to the next."""

    scopes = {"GET": Scope.MEMBERS_READ}

    @extend_schema(operation_id="members_tier", responses=MemberTierOut)
    def get(self, request: Request, external_id: str) -> Response:
        """A member's tier with its benefits, what is missing to the next, when it will drop, and the last changes."""
        member = found_member(external_id)
        standing = tier_standing(member_id=member.pk)
        return Response(MemberTierOut(standing, context={"changes": list(changes_of(member.pk))}).data)


class TierList(ApiView):
    """The tiers of the shop."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="tiers_list", responses=TierOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(tiers_with_members(), order=("level",), render=TierOut)
