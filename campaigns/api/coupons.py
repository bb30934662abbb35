"""Coupons at the checkout: look, validate, redeem, give back. Every call may be repeated."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.serializers import CouponOut, ReceiptOut, RedeemIn, RollBackIn, ValidateIn, ValidationOut
from campaigns.coupons.redeem import redeem, roll_back, validate
from campaigns.selectors.listings import coupon_standing
from core.api.views import ApiView
from core.models import Scope


class CouponDetail(ApiView):
    """A coupon, or a public code, as it stands."""

    scopes = {"GET": Scope.COUPONS_REDEEM}

    @extend_schema(operation_id="coupons_get", responses=CouponOut)
    def get(self, request: Request, code: str) -> Response:
        return Response(CouponOut(coupon_standing(code=code, now=timezone.now())).data)


class CouponValidate(ApiView):
    """Whether a code could be used."""

    scopes = {"POST": Scope.COUPONS_REDEEM}

    @extend_schema(operation_id="coupons_validate", request=ValidateIn, responses={200: ValidationOut})
    def post(self, request: Request, code: str) -> Response:
        """Say what a code takes off, or refuse with the reason (409). Nothing changes; only `redeem/` holds a place."""
        validation = validate(code=code, now=timezone.now(), **self.parsed(ValidateIn))
        return Response(ValidationOut({"valid": True, **validation.as_json()}).data)


class CouponRedeem(ApiView):
    """Use a code for an order."""

    scopes = {"POST": Scope.COUPONS_REDEEM}

    @extend_schema(operation_id="coupons_redeem", request=RedeemIn, responses={200: ReceiptOut})
    def post(self, request: Request, code: str) -> Response:
        """Use a code for an order, once, however often it is asked; refused with the reason (409)."""
        call = {"member": None} | self.parsed(RedeemIn)
        return Response(ReceiptOut(redeem(code=code, now=timezone.now(), **call).as_json()).data)


class CouponRollBack(ApiView):
    """Give back what an order used."""

    scopes = {"POST": Scope.COUPONS_REDEEM}

    @extend_schema(operation_id="coupons_roll_back", request=RollBackIn, responses={200: ReceiptOut})
    def post(self, request: Request, code: str) -> Response:
        """Give back what an order used: the code and its place under every limit. Again: the same answer."""
        receipt = roll_back(code=code, now=timezone.now(), **self.parsed(RollBackIn))
        return Response(ReceiptOut(receipt.as_json()).data)
