"""The peer of single posts: orders over a plain ModelSerializer view, as most Django shops write it.

It does less than ours: no lines, no refunds, no order that comes twice, no explanation of what is wrong.
"""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
settings.ROOT_URLCONF = "tools.bench.peer"
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import transaction  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.generics import CreateAPIView  # noqa: E402

from core.conf import shop_zone  # noqa: E402
from core.models import Scope  # noqa: E402
from core.periods import day_number, hour_of_day  # noqa: E402
from members.models import DirtyMark, Member, Order, Shop  # noqa: E402


class OrderSerializer(serializers.ModelSerializer[Order]):
    shop = serializers.SlugRelatedField(slug_field="slug", queryset=Shop.objects.all())
    member = serializers.SlugRelatedField(slug_field="external_id", queryset=Member.objects.all())

    class Meta:
        model = Order
        fields = (
            *("shop", "external_id", "member", "status", "placed_at", "total_minor", "discount_minor", "paid_minor"),
            *("payment_method", "channel", "coupon_code", "city", "province"),
        )

    def create(self, validated_data: dict[str, Any]) -> Order:
        placed_at = validated_data["placed_at"]
        derived = {"placed_day": day_number(placed_at, shop_zone()), "placed_hour": hour_of_day(placed_at, shop_zone())}
        with transaction.atomic():
            order = Order.objects.create(**validated_data, **derived)
            DirtyMark.objects.create(member_id=order.member_id)
        return order


class OrderView(CreateAPIView[Order]):
    """Under the same keys and limits as everything else."""

    scopes = {"POST": Scope.ORDERS_WRITE}
    headers: Any = {}
    queryset = Order.objects.all()
    serializer_class = OrderSerializer


def make_member(external_id: str) -> Member:
    return Member.objects.create(external_id=external_id, created_at=timezone.now())


def alive(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("peer/orders/", OrderView.as_view()), path("livez", alive)]
application = get_wsgi_application()
