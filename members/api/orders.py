"""Orders: the list, one by its shop's number, and many at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.api.bulk import BulkOut, addressed, item_of, items_of, taken_in
from members.api.serializers import OrderChangeIn, OrderIn, OrderOut, OrderQuery, OrdersBulkIn
from members.ingest.load import ingest_orders
from members.selectors import order_listing, order_numbered

DEFAULT_SHOP = "default"


class OrderAnswer(serializers.Serializer[Any]):
    """Under which name the order stands, and whether it is new."""

    shop = serializers.CharField()
    external_id = serializers.CharField()
    created = serializers.BooleanField()


class OrderList(ApiView):
    """Orders, newest first; and one order in."""

    scopes = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}
    query_in = OrderQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="orders_list", responses=OrderOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(order_listing(**self.query()), order=("-placed_at", "-id"), render=OrderOut)

    @extend_schema(operation_id="orders_post", request=OrderIn, responses={200: OrderAnswer, 201: OrderAnswer})
    def post(self, request: Request) -> Response:
        """Make the order, or bring it up to date: what the body leaves out stays as it is. `Location` is its address."""
        item = item_of(request)
        created = taken_in(ingest_orders([item], now=timezone.now()))
        shop, number = str(item.get("shop") or DEFAULT_SHOP).strip(), item["external_id"].strip()
        answer = {"shop": shop, "external_id": number, "created": created}
        address = f"{request.path}{quote(shop, safe='')}/{quote(number, safe='')}/"
        return Response(answer, status=201 if created else 200, headers={"Location": address})


class OrderDetail(ApiView):
    """One order, by its shop and number. A number that holds a slash is repeated in the body of a PUT."""

    scopes = {"GET": Scope.ORDERS_READ, "PUT": Scope.ORDERS_WRITE}

    @extend_schema(operation_id="orders_get", responses=OrderOut)
    def get(self, request: Request, shop: str, external_id: str) -> Response:
        return Response(_shown(shop, external_id))

    @extend_schema(operation_id="orders_put", request=OrderChangeIn, responses={200: OrderOut, 201: OrderOut})
    def put(self, request: Request, shop: str, external_id: str) -> Response:
        """Make the order, or bring it up to date: what the body leaves out stays as it is."""
        item = addressed(request, shop=shop, external_id=external_id)
        created = taken_in(ingest_orders([item], now=timezone.now()))
        return Response(_shown(shop, external_id), status=201 if created else 200)


class OrdersBulk(ApiView):
    """Up to 1,000 orders in one call, with lines and refunds; made or brought up to date."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @extend_schema(operation_id="orders_bulk", request=OrdersBulkIn, responses={200: BulkOut})
    def post(self, request: Request) -> Response:
        result = ingest_orders(items_of(request), now=timezone.now())
        return Response(result.as_json())


def _shown(shop: str, external_id: str) -> dict[str, Any]:
    order = order_numbered(shop=shop, external_id=external_id)
    if order is None:
        raise NotFound(_("There is no such order in this shop."))
    return OrderOut(order).data
