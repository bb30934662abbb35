"""What one member got from campaigns: coupons and messages, below the member's own address."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.serializers import CouponOut, MessageOut
from campaigns.models import Coupon, Delivery
from campaigns.selectors.listings import campaign_slugs, coupon_standings, coupons_of, member_id_of, messages_of
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope


class MemberCoupons(ApiView):
    """A member's coupons, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="members_coupons", responses=CouponOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        coupons = coupons_of(_member_id(external_id))
        return self.page(coupons, order=("-id",), render=partial(_standings, now=timezone.now()))


class MemberMessages(ApiView):
    """The messages of campaigns to a member, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="members_messages", responses=MessageOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        return self.page(messages_of(_member_id(external_id)), order=("-queued_at", "-id"), render=_with_campaigns)


def _member_id(external_id: str) -> int:
    member_id = member_id_of(external_id)
    if member_id is None:
        raise NotFound(_("There is no such member."))
    return member_id


def _standings(coupons: Sequence[Coupon], *, now: Any) -> list[dict[str, Any]]:
    return list(CouponOut(coupon_standings(coupons, now=now), many=True).data)


def _with_campaigns(messages: Sequence[Delivery]) -> list[dict[str, Any]]:
    slugs = campaign_slugs([message.campaign_id for message in messages])
    for message in messages:
        vars(message)["campaign"] = slugs.get(message.campaign_id)
    return list(MessageOut(messages, many=True).data)
