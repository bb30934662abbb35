"""Orders: the list, one by its shop's number, and many at once."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.api.bulk import BulkOut, items_of
from members.api.serializers import OrderOut, OrderQuery, OrdersBulkIn
from members.ingest.load import ingest_orders
from members.selectors import order_listing, order_numbered


class OrderList(ApiView):
    """Orders, newest first."""

    scopes = {"GET": Scope.ORDERS_READ}
    query_in = OrderQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="orders_list", responses=OrderOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(order_listing(**self.query()), order=("-placed_at", "-id"), render=OrderOut)


class OrderDetail(ApiView):
    """One order, by its shop and number."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(operation_id="orders_get", responses=OrderOut)
    def get(self, request: Request, shop: str, external_id: str) -> Response:
        order = order_numbered(shop=shop, external_id=external_id)
        if order is None:
            raise NotFound(_("There is no such order in this shop."))
        return Response(OrderOut(order).data)


class OrdersBulk(ApiView):
    """Up to 1,000 orders in one call, with lines and refunds; made or brought up to date."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @extend_schema(operation_id="orders_bulk", request=OrdersBulkIn, responses={200: BulkOut})
    def post(self, request: Request) -> Response:
        result = ingest_orders(items_of(request), now=timezone.now())
        return Response(result.as_json())
