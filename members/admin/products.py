"""Products: who bought this. Read only; orders name them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import ReadOnlyAdmin
from core.admin.display import list_url, unknown
from members.admin.quality_lists import QualityFilter
from members.models import ERASED_PREFIX, Product
from members.selectors import bought_lately_by, products_found

BUYERS_SHOWN = 50


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    empty_says = _("Products come in with the lines of orders.")
    list_display = ("shown_name", "code", "shown_category")
    list_select_related = ("category",)
    list_filter = ("category", QualityFilter)
    ordering = ("id",)
    search_fields = ("code",)
    search_help_text = _("code or name")
    sortable_by = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        return (queryset & products_found(text), False) if text else (queryset, False)

    @display(description=_("product"))
    def shown_name(self, product: Product) -> str:
        return str(product)

    @display(description=_("category"))
    def shown_category(self, product: Product) -> str:
        return str(product.category) if product.category else unknown()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        product = self.viewable(request, object_id)
        buyers = bought_lately_by(product, most=BUYERS_SHOWN)
        for buyer in buyers:
            named = buyer["order__member__name"] or buyer["order__member__external_id"]
            buyer["shown"] = gettext("erased member") if named.startswith(ERASED_PREFIX) else named
        return self.page(
            request,
            "members/admin/product.html",
            title=str(product),
            obj=product,
            product=product,
            summary=gettext("Nobody has bought this yet.") if not buyers else "",
            buyers=buyers,
            orders_url=list_url("members_order", product=product.pk),
        )
