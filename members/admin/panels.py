"""The member room's own panels of a member's page: profile, consents, other names, orders, what was bought most."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import date as date_text
from django.utils.translation import gettext_lazy as _

from core.admin.base import BoundedPaginator
from core.admin.display import badge, list_url, masked_email, masked_phone, number
from core.admin.panels import Panel, member_panels
from members.admin.marks import GRANTED, ORDER_STATUS, REFUSED
from members.models import Channel, Gender, Member, OrderStatus
from members.selectors import bought_most, orders_of

ORDERS_A_PAGE = 10
PRODUCTS_SHOWN = 10


def profile(request: HttpRequest, member: Member) -> dict[str, Any]:
    made_up = set(member.made_up_fields)
    registered = member.registered_at
    rows = [
        ("external_id", _("id in the shop"), member.external_id),
        ("gender", _("gender"), Gender(member.gender).label if member.gender else ""),
        ("birth_date", _("birthday"), birthday(member)),
        ("phone", _("phone"), masked_phone(member.phone)),
        ("email", _("e-mail"), masked_email(member.email)),
        ("city", _("city"), " ".join(word for word in (member.province, member.city) if word)),
        ("registered_at", _("registered"), registered),
        ("source", _("came from"), member.source),
        ("language", _("language"), member.language),
        *((f"attributes.{name}", name.replace("_", " "), value) for name, value in sorted(member.attributes.items())),
    ]
    return {"rows": [(label, value, code in made_up) for code, label, value in rows]}


def birthday(member: Member) -> str:
    """This function will say a birthday as people do, with its year where it is known; empty when none is."""
    if member.birth_key is None:
        return ""
    month, day_of_month = divmod(member.birth_key, 100)
    # 29 February is a birthday in any year: a leap year stands in where none is known.
    try:
        on = date(member.birth_year or 2000, month, day_of_month)
    except ValueError:
        return member.birth_date_text
    return date_text(on, "DATE_FORMAT" if member.birth_year else "MONTH_DAY_FORMAT")


def consents(request: HttpRequest, member: Member) -> dict[str, Any]:
    said = {each.channel: each for each in member.consents.all()}
    made_up = "consents" in member.made_up_fields
    rows = []
    for channel in Channel:
        consent = said.get(channel)
        mark = None if consent is None else badge(GRANTED if consent.granted else REFUSED)
        rows.append((channel.label, mark, consent))
    return {"rows": rows, "made_up": made_up}


def identifiers(request: HttpRequest, member: Member) -> dict[str, Any] | None:
    rows = list(member.identifiers.order_by("source", "kind", "value")[:100])
    return {"rows": rows} if rows else None


def orders(request: HttpRequest, member: Member) -> dict[str, Any]:
    paginator = BoundedPaginator(orders_of(member), ORDERS_A_PAGE)
    page = paginator.get_page(request.GET.get("orders"))
    rows = [(order, badge(ORDER_STATUS[OrderStatus(order.status)])) for order in page]
    return {"rows": rows, "page": page, "count": number(paginator.count), "more": paginator.more}


def products(request: HttpRequest, member: Member) -> dict[str, Any] | None:
    rows = bought_most(member, most=PRODUCTS_SHOWN)
    for row in rows:
        row["orders_url"] = list_url("members_order", product=row["product_id"])
    return {"rows": rows} if rows else None


for panel in (
    Panel("profile", _("Profile"), 10, "members/admin/panels/profile.html", "members.view_member", profile),
    Panel("consents", _("May we write?"), 30, "members/admin/panels/consents.html", "members.view_consent", consents),
    Panel("products", _("Buys most"), 60, "members/admin/panels/products.html", "members.view_order", products),
    Panel("orders", _("Orders"), 80, "members/admin/panels/orders.html", "members.view_order", orders, wide=True),
    Panel(
        "identifiers", _("Known elsewhere as"), 90, "members/admin/panels/identifiers.html",
        "members.view_member", identifiers,
    ),
):  # fmt: skip
    member_panels.register(panel)
