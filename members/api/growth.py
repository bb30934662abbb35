"""A member's growth: what it adds up to, and giving or taking it. Every call may be repeated."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit import Subject
from core.api.auth import api_key_of
from core.api.fields import BodyIn, InstantField, KnownText, TextField
from core.api.pages import CursorPages
from core.api.schema import request_example
from core.api.views import ApiView
from core.models import Scope
from members.api.lookup import found_member, member_number
from members.api.points import WholeField
from members.models import Member
from members.services.growth.entries import award_growth, growth_of
from members.services.growth.standing import growth_entries_of


@extend_schema_serializer(examples=[request_example({"value": 50, "reason": "fair", "reference": "fair-2026-17"})])
class AwardGrowthIn(BodyIn):
    value = WholeField(help_text=_("with a minus it is taken back"))
    reference = TextField(help_text=_("your own number of this call's reason; the same again is the same entry"))
    reason = TextField(required=False, allow_blank=True, default="")


class GrowthEntryOut(serializers.Serializer[Any]):
    """`counts_at` is the moment an entry belongs to: what is taken back for an order belongs to the order's own day."""

    reference = serializers.CharField()
    value = serializers.IntegerField()
    reason = KnownText()
    at = InstantField()
    counts_at = InstantField()


class GrowthOut(serializers.Serializer[Any]):
    growth = serializers.IntegerField()


class MemberGrowth(ApiView):
    """What a member's growth adds up to, whenever it came; giving growth and taking it back."""

    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.POINTS_WRITE}
    audits = Subject(Member, member_number, counted=True)

    @extend_schema(operation_id="members_growth", responses=GrowthOut)
    def get(self, request: Request, external_id: str) -> Response:
        """The sum of all entries."""
        return Response(GrowthOut({"growth": growth_of(found_member(external_id).pk)}).data)

    @extend_schema(
        operation_id="members_growth_award", request=AwardGrowthIn, responses={201: GrowthEntryOut, 200: GrowthEntryOut}
    )
    def post(self, request: Request, external_id: str) -> Response:
        """Give growth, or with a minus take it back, never more than there is (409 `insufficient_growth`). The same
        reference again answers with the first entry; with another value it is refused (409)."""
        receipt = award_growth(
            **self.parsed(AwardGrowthIn),
            member_id=found_member(external_id).pk,
            now=timezone.now(),
            by=api_key_of(request).name,
        )
        return Response(GrowthEntryOut(receipt.entry).data, status=201 if receipt.created else 200)


class MemberGrowthEntries(ApiView):
    """What made a member's growth, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="members_growth_entries", responses=GrowthEntryOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        return self.page(growth_entries_of(found_member(external_id).pk), order=("-id",), render=GrowthEntryOut)
