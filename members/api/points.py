"""A member's points: what there is, what happened, and what a till does with them. Every call may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
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
from members.models import EntryKind, PointsAccount
from members.services.points.awarding import Receipt, award_points
from members.services.points.redeeming import redeem_points
from members.services.points.reversing import reverse_entry
from members.services.points.standing import entries_of, points_standing


class WholeField(serializers.IntegerField):
    """A whole number, not a text or a fraction that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_serializer(examples=[request_example({"points": 120, "reason": "order", "reference": "20260301-7"})])
class RedeemPointsIn(BodyIn):
    points = WholeField()
    reference = TextField(help_text=_("your own number of this call's reason; the same again is the same entry"))
    reason = TextField(required=False, allow_blank=True, default="")


class AwardPointsIn(RedeemPointsIn):
    pending_days = WholeField(required=False, default=0, help_text=_("days until they can be used; absent: at once"))
    expires_at = InstantField(
        required=False, allow_null=True, default=None, help_text=_("absent: as the shop's policy says")
    )


@extend_schema_serializer(examples=[request_example({"reference": "20260301-7"})])
class ReversePointsIn(BodyIn):
    reference = TextField(help_text=_("the reference of the entry to reverse"))
    reason = TextField(required=False, allow_blank=True, default="")


class LotOut(serializers.Serializer[Any]):
    available = serializers.IntegerField()
    pending = serializers.IntegerField()
    earned_at = InstantField()
    releases_at = InstantField(allow_null=True)
    expires_at = InstantField(allow_null=True)


class NextExpiryOut(serializers.Serializer[Any]):
    at = InstantField()
    points = serializers.IntegerField()


class PointsOut(serializers.Serializer[Any]):
    """`available` can be spent now; `pending` comes later; `owed` is set off against what comes next."""

    available = serializers.IntegerField()
    pending = serializers.IntegerField()
    owed = serializers.IntegerField()
    lots = LotOut(many=True)
    next_expiry = NextExpiryOut(allow_null=True)


class EntryOut(serializers.Serializer[Any]):
    """`points` is what the entry was about; `available`, `pending` and `owed` are what it added to each."""

    reference = serializers.CharField()
    kind = serializers.ChoiceField(EntryKind.choices)
    points = serializers.IntegerField()
    available = serializers.IntegerField()
    pending = serializers.IntegerField()
    owed = serializers.IntegerField()
    shortfall = serializers.IntegerField()
    reason = KnownText()
    rule = serializers.CharField(source="rule.name", default=None, allow_null=True, help_text=_("the rule that made it"))
    at = InstantField()


class MemberPoints(ApiView):
    """What a member has, lot by lot, soonest to expire first."""

    scopes = {"GET": Scope.MEMBERS_READ}

    @extend_schema(operation_id="members_points", responses=PointsOut)
    def get(self, request: Request, external_id: str) -> Response:
        return Response(PointsOut(points_standing(member_id=found_member(external_id).pk, now=timezone.now())).data)


class MemberPointsEntries(ApiView):
    """What happened to a member's points, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="members_points_entries", responses=EntryOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        return self.page(entries_of(found_member(external_id).pk).select_related("rule"), order=("-id",), render=EntryOut)


class _PointsCall(ApiView):
    """A thing to do: 201 for a new entry, 200 for one that was there."""

    scopes = {"POST": Scope.POINTS_WRITE}
    audits = Subject(PointsAccount, member_number)

    def call(self, external_id: str) -> Mapping[str, Any]:
        return {
            "member_id": found_member(external_id).pk,
            "now": timezone.now(),
            "by": api_key_of(self.request).name,
        }

    def answer(self, receipt: Receipt) -> Response:
        return Response(EntryOut(receipt.entry).data, status=201 if receipt.created else 200)


class MemberPointsAward(_PointsCall):
    """Give points."""

    @extend_schema(operation_id="members_points_award", request=AwardPointsIn, responses={201: EntryOut, 200: EntryOut})
    def post(self, request: Request, external_id: str) -> Response:
        """Give points, available at once unless `pending_days`. The same reference again answers with the first entry; with
        another amount it is refused (409)."""
        return self.answer(award_points(**self.parsed(AwardPointsIn), **self.call(external_id)))


class MemberPointsRedeem(_PointsCall):
    """Spend points."""

    @extend_schema(operation_id="members_points_redeem", request=RedeemPointsIn, responses={201: EntryOut, 200: EntryOut})
    def post(self, request: Request, external_id: str) -> Response:
        """Spend points, soonest to expire first; too few are refused (409 `insufficient_points`) and nothing is taken."""
        return self.answer(redeem_points(**self.parsed(RedeemPointsIn), **self.call(external_id)))


class MemberPointsReverse(_PointsCall):
    """Undo an award or a redemption."""

    @extend_schema(operation_id="members_points_reverse", request=ReversePointsIn, responses={201: EntryOut, 200: EntryOut})
    def post(self, request: Request, external_id: str) -> Response:
        """Undo what is left of the entry under a reference; again: the first reversal."""
        return self.answer(reverse_entry(**self.parsed(ReversePointsIn), **self.call(external_id)))
