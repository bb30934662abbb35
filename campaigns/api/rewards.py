"""Rewards: what points buy, and having it. Every call may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Reward, RewardKind
from campaigns.selectors.listings import member_id_of, reward_called, reward_listing
from campaigns.services.rewards import RewardReceipt, delete_reward, redeem_reward, roll_back_reward, save_reward
from core.api.audit import Subject
from core.api.auth import api_key_of
from core.api.fields import BodyIn, InstantField, KnownText, TextField
from core.api.pages import CursorPages
from core.api.schema import request_example
from core.api.views import ApiView
from core.errors import FieldProblem, InvalidInput, NotFound
from core.models import Scope

FIVE_OFF = {"slug": "five-off", "name": "5 yuan off", "kind": "money_off", "points": 500, "amount_minor": 500}


@extend_schema_serializer(component_name="RewardItem", examples=[request_example(FIVE_OFF)])
class RewardIn(BodyIn):
    """A reward: `money_off` needs amount_minor, `coupon` a template, `gift` what it is."""

    slug = serializers.SlugField(max_length=100, allow_unicode=True)
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(RewardKind.choices)
    points = serializers.IntegerField(min_value=1, help_text=_("what it costs"))
    amount_minor = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    template = serializers.CharField(
        required=False, allow_null=True, default=None, help_text=_("the short name of a coupon template")
    )
    gift = serializers.CharField(required=False, allow_null=True, default=None, max_length=200)
    stock = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text=_("how many there are; absent: no limit")
    )
    per_member_limit = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    offered = serializers.BooleanField(required=False, default=True)


class RewardOut(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(RewardKind.choices)
    points = serializers.IntegerField()
    amount_minor = serializers.IntegerField(allow_null=True)
    template = serializers.CharField(source="template.slug", default=None, allow_null=True)
    gift = KnownText()
    stock = serializers.IntegerField(allow_null=True)
    per_member_limit = serializers.IntegerField(allow_null=True)
    offered = serializers.BooleanField()
    redeemed = serializers.IntegerField()


class RewardQuery(serializers.Serializer[Any]):
    offered = serializers.BooleanField(required=False, allow_null=True, default=None)


@extend_schema_serializer(examples=[request_example({"member": "tb-1001", "reference": "till-7-20260301-12"})])
class RedeemRewardIn(BodyIn):
    member = TextField(help_text=_("the external id of a member who exists"))
    reference = TextField(help_text=_("your own number of this call; the same again is the same reward"))


class RewardCouponOut(serializers.Serializer[Any]):
    code = KnownText()
    link = KnownText(source="template.link")
    valid_until = InstantField(allow_null=True)


class RewardUseOut(serializers.Serializer[Any]):
    """What was given for the points: money off, a coupon or a gift."""

    reward = serializers.CharField(source="reward.slug")
    reference = serializers.CharField()
    points = serializers.IntegerField()
    kind = serializers.ChoiceField(RewardKind.choices, source="reward.kind")
    amount_minor = serializers.IntegerField(source="reward.amount_minor", allow_null=True)
    gift = KnownText(source="reward.gift")
    coupon = RewardCouponOut(allow_null=True)
    at = InstantField(source="used_at")
    rolled_back_at = InstantField(allow_null=True)


def reward_number(values: Mapping[str, Any]) -> int | None:
    """This function will find the reward an address speaks of, for the audit trail."""
    reward = reward_called(values["slug"]) if "slug" in values else None
    return reward.pk if reward else None


class RewardList(ApiView):
    """What points buy, in the order it was made."""

    scopes = {"GET": Scope.CAMPAIGNS_READ, "POST": Scope.CAMPAIGNS_WRITE}
    audits = Subject(Reward, reward_number)
    query_in = RewardQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="rewards_list", responses=RewardOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(reward_listing(**self.query()), order=("id",), render=RewardOut)

    @extend_schema(operation_id="rewards_create", request=RewardIn, responses={201: RewardOut})
    def post(self, request: Request) -> Response:
        """Make a reward."""
        return Response(RewardOut(save_reward(slug=None, terms=self.parsed(RewardIn), now=timezone.now())).data, status=201)


class RewardDetail(ApiView):
    """One reward."""

    scopes = {"GET": Scope.CAMPAIGNS_READ, "PUT": Scope.CAMPAIGNS_WRITE, "DELETE": Scope.CAMPAIGNS_WRITE}
    audits = Subject(Reward, reward_number)

    @extend_schema(operation_id="rewards_get", responses=RewardOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(RewardOut(_reward(slug)).data)

    @extend_schema(operation_id="rewards_put", request=RewardIn, responses=RewardOut)
    def put(self, request: Request, slug: str) -> Response:
        """Replace a reward. What members paid for it stays what it was."""
        return Response(RewardOut(save_reward(slug=slug, terms=self.parsed(RewardIn), now=timezone.now())).data)

    @extend_schema(operation_id="rewards_delete", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a reward that nobody had."""
        delete_reward(slug=slug)
        return Response(status=204)


class _RewardCall(ApiView):
    """A thing to do: 201 for a new use, 200 for one that was there."""

    scopes = {"POST": Scope.POINTS_WRITE}

    def call(self, slug: str) -> Mapping[str, Any]:
        _reward(slug)
        parsed = self.parsed(RedeemRewardIn)
        member_id = member_id_of(parsed["member"])
        if member_id is None:
            problem = FieldProblem("member", "unknown_member", _("There is no such member."))
            raise InvalidInput(_("The input is not valid."), problems=[problem])
        return {
            "slug": slug,
            "member_id": member_id,
            "reference": parsed["reference"],
            "now": timezone.now(),
            "by": api_key_of(self.request).name,
        }


class RewardRedeem(_RewardCall):
    """Points for a reward."""

    @extend_schema(operation_id="rewards_redeem", request=RedeemRewardIn, responses={201: RewardUseOut, 200: RewardUseOut})
    def post(self, request: Request, slug: str) -> Response:
        """Take the points and give the reward, both or neither. Refused (409) as `insufficient_points`, `exhausted`,
        `member_limit`, `not_offered`, or with `reference_used` where the reference stands for another reward."""
        return _answer(redeem_reward(**self.call(slug)))


class RewardRollBack(_RewardCall):
    """A reward given back."""

    @extend_schema(
        operation_id="rewards_roll_back", request=RedeemRewardIn, responses={201: RewardUseOut, 200: RewardUseOut}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Give the points back and withdraw the coupon; refused (409 `coupon_used`) once it was used."""
        return _answer(roll_back_reward(**self.call(slug)))


def _answer(receipt: RewardReceipt) -> Response:
    return Response(RewardUseOut(receipt.use).data, status=201 if receipt.created else 200)


def _reward(slug: str) -> Reward:
    reward = reward_called(slug)
    if reward is None:
        raise NotFound(_("There is no such reward."))
    return reward
