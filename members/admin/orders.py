"""Orders: what did this customer buy. Shops write them; one that never was is deleted after asking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import ReadOnlyAdmin
from core.admin.confirm import confirmed
from core.admin.display import badge, change_url, link, list_url, money, number, when
from members.admin.marks import ORDER_STATUS
from members.admin.quality_lists import QualityFilter
from members.models import Order, OrderStatus, Product
from members.selectors import VIEW_CONTACTS, orders_found, orders_with
from members.services.orders import delete_order


class PlacedFilter(SimpleListFilter):
    title = pgettext_lazy("on the day", "placed")
    parameter_name = "placed"
    days = {"1": _("within a day"), "7": _("within 7 days"), "30": _("within 30 days"), "365": _("within a year")}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(self.days.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        value = self.value()
        if value not in self.days:
            return queryset
        return queryset.filter(placed_at__gte=timezone.now() - timedelta(days=int(value)))


class ProductFilter(SimpleListFilter):
    """Offered only while a product is chosen: one comes here from the product's page."""

    title = _("product")
    parameter_name = "product"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        product = self._chosen(request.GET.get("product", ""))
        return [(str(product.pk), str(product))] if product else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        product = self._chosen(self.value() or "")
        return queryset & orders_with(Product.objects.filter(pk=product.pk)) if product else queryset

    def _chosen(self, value: str) -> Product | None:
        return Product.objects.filter(pk=int(value)).first() if value.isdecimal() and len(value) < 19 else None


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    empty_says = _("Orders come in with a file, or over the API as they are placed.")
    list_display = ("number", "shown_member", "shown_status", "placed", "total", "refunded", "shown_shop")
    list_display_links = ("number",)
    list_filter = (PlacedFilter, "status", "shop", ProductFilter, QualityFilter)
    list_select_related = ("member", "shop")
    ordering = ("-placed_at", "-id")
    search_fields = ("external_id",)
    search_help_text = _("order number, member, or product")
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = path("<object_id>/delete-order/", self.admin_site.admin_view(self.remove_view), name="members_order_remove")
        return [own, *super().get_urls()]

    def remove_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order: Order = self.viewable(request, object_id)
        if not request.user.has_perm("members.delete_order"):
            raise PermissionDenied

        def do() -> str:
            deleted = delete_order(order_id=order.pk)
            self.log_deletions(request, [order])
            return gettext("The order %(number)s was deleted.") % {"number": deleted.external_id}

        return confirmed(
            self,
            request,
            obj=order,
            title=gettext("Delete the order %(number)s?") % {"number": order.external_id},
            sentences=lambda: [
                gettext("%(member)s loses an order of %(total)s; facts and segments follow within a minute.")
                % {"member": order.member, "total": money(order.total_minor)},
                gettext("A coupon that was redeemed on it stays redeemed."),
                gettext("An import or a call that names the order again brings it back. This cannot be undone otherwise."),
            ],
            verb=gettext("Delete the order"),
            do=do,
            back=list_url("members_order"),
            danger=True,
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        contacts = request.user.has_perm(VIEW_CONTACTS)
        return (queryset & orders_found(text, contacts=contacts), False) if text else (queryset, False)

    @display(description=_("order number"))
    def number(self, order: Order) -> str:
        return order.external_id

    @display(description=_("member"))
    def shown_member(self, order: Order) -> SafeString:
        return link(order.member, change_url("members_member", order.member_id))

    @display(description=_("status"))
    def shown_status(self, order: Order) -> SafeString:
        return badge(ORDER_STATUS[OrderStatus(order.status)])

    @display(description=pgettext_lazy("on the day", "placed"))
    def placed(self, order: Order) -> SafeString:
        return when(order.placed_at)

    @display(description=_("total"))
    def total(self, order: Order) -> str:
        return money(order.total_minor)

    @display(description=_("refunded"))
    def refunded(self, order: Order) -> str:
        return money(order.refunded_minor) if order.refunded_minor else gettext("nothing")

    @display(description=_("shop"))
    def shown_shop(self, order: Order) -> str:
        return str(order.shop)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        order = self.viewable(request, object_id)
        lines = list(order.lines.select_related("product__category").order_by("position"))
        return self.page(
            request,
            "members/admin/order.html",
            title=order.external_id,
            obj=order,
            order=order,
            status=badge(ORDER_STATUS[OrderStatus(order.status)]),
            summary=gettext("%(total)s for %(pieces)s pieces of %(products)s products")
            % {
                "total": money(order.total_minor),
                "pieces": number(sum(line.quantity for line in lines)),
                "products": number(len({line.product_id for line in lines})),
            },
            lines=lines,
            refunds=list(order.refunds.order_by("position")),
            remove_url=(
                reverse("admin:members_order_remove", args=[order.pk])
                if request.user.has_perm("members.delete_order")
                else ""
            ),
            steps=[(label, instant) for label, instant in _steps(order) if instant is not None],
        )


def _steps(order: Order) -> list[tuple[Any, Any]]:
    """This function will list the instants of an order's life, those that are known first asked for by the page."""
    return [
        (pgettext_lazy("on the day", "placed"), order.placed_at),
        (_("paid"), order.paid_at),
        (_("shipped"), order.shipped_at),
        (_("delivered"), order.delivered_at),
        (_("completed"), order.completed_at),
    ]
