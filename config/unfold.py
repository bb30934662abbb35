"""How the admin looks and where its rooms are: the settings of django-unfold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)  # type: ignore[union-attr]


def _room(title: str | Promise, icon: str, label: str, permission: str = "") -> dict[str, Any]:
    """This function will describe one entry of the sidebar; `label` is app_model, and who may view it sees it."""
    app, model = label.split("_", 1)
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{label}_changelist"),
        "permission": _may(permission or f"{app}.view_{model}"),
    }


NAVIGATION = [
    {
        "items": [{"title": _("Today"), "icon": "today", "link": reverse_lazy("admin:index")}],
    },
    {
        "title": _("Members"),
        "separator": True,
        "items": [
            _room(_("Members"), "group", "members_member"),
            _room(_("Orders"), "receipt_long", "members_order"),
            _room(_("Products"), "inventory_2", "members_product"),
        ],
    },
    {
        "title": _("Insight"),
        "separator": True,
        "items": [
            _room(_("Segments"), "filter_alt", "retention_segment"),
            _room(_("Lifecycle"), "timeline", "retention_lifecyclebands"),
            _room(_("Models"), "query_stats", "retention_scoringmodel"),
            _room(_("Refreshes"), "sync", "retention_refreshrun"),
        ],
    },
    {
        "title": _("Campaigns"),
        "separator": True,
        "items": [
            _room(_("Campaigns"), "campaign", "campaigns_campaign"),
            _room(_("Coupon templates"), "sell", "campaigns_coupontemplate"),
            _room(_("Coupons"), "confirmation_number", "campaigns_coupon"),
            _room(_("Redemptions"), "redeem", "campaigns_redemption"),
            _room(_("Messages"), "sms", "campaigns_delivery"),
        ],
    },
    {
        "title": _("System"),
        "separator": True,
        "items": [
            _room(_("Scheduled work"), "schedule", "core_clockentry"),
            _room(_("Jobs"), "hourglass", "core_job"),
            _room(_("API keys"), "key", "core_apikey"),
            _room(_("Users"), "person", "auth_user"),
            _room(_("Groups"), "groups", "auth_group"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Rekindle",
    "SITE_HEADER": "Rekindle",
    "SITE_SUBHEADER": _("Win members back"),
    "SITE_SYMBOL": "local_fire_department",
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "config.dashboard.today",
    "STYLES": [lambda request: static("rekindle/rekindle.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.3% .016 45)",
            "100": "oklch(94.2% .036 45)",
            "200": "oklch(88.6% .072 45)",
            "300": "oklch(81.1% .118 42)",
            "400": "oklch(72.6% .160 40)",
            "500": "oklch(65.6% .188 38)",
            "600": "oklch(56.3% .176 36)",
            "700": "oklch(48.6% .153 35)",
            "800": "oklch(41.8% .126 35)",
            "900": "oklch(36.6% .101 35)",
            "950": "oklch(25.5% .070 34)",
        },
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
