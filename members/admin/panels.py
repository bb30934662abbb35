"""The member room's own panels of a member's page: profile, other names, orders, what was bought most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.defaultfilters import date as date_text
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import BoundedPaginator
from core.admin.display import Mark, badge, change_url, link, list_url, masked_email, masked_phone, money, number
from core.admin.panels import Panel, member_panels
from core.periods import within_calendar
from members.admin.consents import PANEL as CONSENTS
from members.admin.events import LARGEST_ID, about
from members.admin.marks import EVENT_KINDS, ORDER_STATUS
from members.models import BirthCalendar, EventKind, Gender, Member, OrderStatus
from members.selectors import VIEW_CONTACTS, bought_most, categories_of, member_named, orders_of
from members.selectors.happenings import ORDERED, Moment, kinds_of, timeline

ORDERS_A_PAGE = 10
PRODUCTS_SHOWN = 10
CATEGORIES_SHOWN = 3
MOMENTS_A_PAGE = 20


def profile(request: HttpRequest, member: Member) -> dict[str, Any]:
    made_up = set(member.made_up_fields)
    contacts = request.user.has_perm(VIEW_CONTACTS)
    registered = member.registered_at
    rows = [
        ("external_id", _("id in the shop"), member.external_id),
        ("gender", _("gender"), Gender(member.gender).label if member.gender else ""),
        ("birth_date", _("birthday"), birthday(member)),
        ("phone", _("phone"), member.phone if contacts else masked_phone(member.phone)),
        ("email", _("e-mail"), member.email if contacts else masked_email(member.email)),
        ("city", _("city"), " ".join(word for word in (member.province, member.city) if word)),
        ("registered_at", _("registered"), registered),
        ("source", _("came from"), member.source),
        ("referrer", _("referred by"), _referrer(member)),
        ("occupation", _("occupation"), member.occupation),
        ("family", _("family"), member.family),
        ("hobbies", _("hobbies"), ", ".join(member.hobbies.split("|")) if member.hobbies else ""),
        ("language", _("language"), member.language),
        *((f"attributes.{name}", name.replace("_", " "), value) for name, value in sorted(member.attributes.items())),
    ]
    return {"rows": [(label, value, code in made_up) for code, label, value in rows]}


def birthday(member: Member) -> str:
    """This function will say a birthday as people do, with its year where it is known; empty when none is."""
    if member.birth_key is None:
        return ""
    month, day_of_month = divmod(member.birth_key, 100)
    if member.birth_calendar:
        label = BirthCalendar(member.birth_calendar).label
        return gettext("%(date)s (%(calendar)s)") % {"date": member.birth_date_text, "calendar": label}
    # 29 February is a birthday in any year: a leap year stands in where none is known.
    try:
        on = date(member.birth_year or 2000, month, day_of_month)
    except ValueError:
        return member.birth_date_text
    return date_text(on, "DATE_FORMAT" if member.birth_year else "MONTH_DAY_FORMAT")


def _referrer(member: Member) -> object:
    """Who brought the member; an id of nobody yet stands as it was told."""
    brought_by = member_named(member.referrer) if member.referrer else None
    return link(str(brought_by), change_url("members_member", brought_by.pk)) if brought_by else member.referrer


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
    first, favourites = categories_of(member, most=CATEGORIES_SHOWN) if rows else ("", [])
    return {"rows": rows, "first_category": first, "favourites": favourites} if rows else None


# --- The timeline


@dataclass(frozen=True, slots=True)
class TimelineRow:
    at: datetime
    mark: Mark
    about: str
    url: str


def history(request: HttpRequest, member: Member) -> dict[str, Any]:
    """This function will list what a member did, newest first: orders, and events for who may see events."""
    may_see_events = request.user.has_perm("members.view_behaviourevent")
    known = {ORDERED: gettext("Orders")}
    if may_see_events:
        known |= {kind: str(EventKind(kind).label) for kind in kinds_of(member.pk)}
    kind = request.GET.get("kind", "") if may_see_events else ORDERED
    kind = kind if kind in known else ""
    before = _cursor(request.GET.get("before", ""))
    moments, more = timeline(member.pk, most=MOMENTS_A_PAGE, kind=kind, before=before)
    last = moments[-1] if more else None
    choices = [("", gettext("Everything"), kind == ""), *((code, known[code], code == kind) for code in known)]
    return {
        "kinds": [(label, _address(kind=code), chosen) for code, label, chosen in choices] if len(known) > 1 else [],
        "rows": [_row(moment) for moment in moments],
        "older_url": _address(kind=kind, before=f"{last.at.isoformat()}~{last.rank}~{last.pk}") if last else "",
        "newest_url": _address(kind=kind) if before else "",
    }


def _row(moment: Moment) -> TimelineRow:
    if moment.order is not None:
        order = moment.order
        said = gettext("order %(number)s: %(total)s") % {"number": order.external_id, "total": money(order.total_minor)}
        return TimelineRow(moment.at, ORDER_STATUS[OrderStatus(order.status)], said, change_url("members_order", order.pk))
    assert moment.event is not None
    mark = EVENT_KINDS[EventKind(moment.event.kind)]
    url = change_url("members_behaviourevent", moment.pk)
    return TimelineRow(moment.at, mark, about(moment.event) or gettext("see more"), url)


def _address(**parameters: str) -> str:
    return f"?{urlencode({name: value for name, value in parameters.items() if value})}"


def _cursor(text: str) -> tuple[datetime, int, int] | None:
    """Whatever is not one of ours is the beginning."""
    try:
        instant, rank, pk = text.split("~")
        at, place = datetime.fromisoformat(instant), (int(rank), int(pk[:20]))
    except ValueError:
        return None
    fits = at.tzinfo is not None and within_calendar(at) and place[0] in (0, 1) and 0 <= place[1] <= LARGEST_ID
    return (at, *place) if fits else None


for panel in (
    Panel("profile", _("Profile"), 10, "members/admin/panels/profile.html", "members.view_member", profile),
    CONSENTS,
    Panel("products", _("Buys most"), 60, "members/admin/panels/products.html", "members.view_order", products),
    Panel(
        "timeline", _("What they did"), 70, "members/admin/panels/timeline.html", "members.view_order", history, wide=True
    ),
    Panel("orders", _("Orders"), 80, "members/admin/panels/orders.html", "members.view_order", orders, wide=True),
    Panel(
        "identifiers", _("Known elsewhere as"), 90, "members/admin/panels/identifiers.html",
        "members.view_member", identifiers,
    ),
):  # fmt: skip
    member_panels.register(panel)
