"""How the admin looks and where its rooms are: the settings of django-unfold."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
Room = tuple[Text, str, str]
"""Title, icon and app_model."""

GROUPS: list[tuple[Text, list[Room]]] = [
    (
        _("Members"),
        [
            (_("Members"), "group", "members_member"),
            (_("Duplicates"), "join_inner", "members_mergerecord"),
            (_("Orders"), "receipt_long", "members_order"),
            (_("Products"), "inventory_2", "members_product"),
            (_("Custom attributes"), "label", "members_attributedefinition"),
            (_("Imports"), "upload_file", "members_import"),
            (_("Events"), "ads_click", "members_behaviourevent"),
            (_("Data quality"), "fact_check", "members_qualitylook"),
        ],
    ),
    (
        _("Insight"),
        [
            (_("Segments"), "filter_alt", "retention_segment"),
            (_("Reports"), "bar_chart", "retention_reportanswer"),
            (_("Monthly report"), "calendar_month", "campaigns_monthlyreport"),
            (_("Churn reasons"), "psychology_alt", "retention_churnreason"),
            (_("Lifecycle bands"), "timeline", "retention_lifecyclebands"),
            (_("Models"), "query_stats", "retention_scoringmodel"),
            (_("Churn horizon"), "event_busy", "retention_modelpolicy"),
            (_("Freshness"), "update", "retention_upkeep"),
            (_("Refreshes"), "sync", "retention_refreshrun"),
            (_("Proofs"), "verified", "retention_sampleproof"),
        ],
    ),
    (
        _("Campaigns"),
        [
            (_("Campaigns"), "campaign", "campaigns_campaign"),
            (_("Coupon templates"), "sell", "campaigns_coupontemplate"),
            (_("Coupons"), "confirmation_number", "campaigns_coupon"),
            (_("Redemptions"), "redeem", "campaigns_redemption"),
            (_("Messages"), "sms", "campaigns_delivery"),
        ],
    ),
    (
        _("Loyalty"),
        [
            (_("Tiers"), "workspace_premium", "members_tierscheme"),
            (_("Points"), "stars", "members_ledgerentry"),
            (_("Rewards"), "featured_seasonal_and_gifts", "campaigns_reward"),
            (_("Growth"), "trending_up", "members_growthentry"),
            (_("Earning rules"), "savings", "members_earningrule"),
            (_("Multiplied days"), "event_repeat", "members_earningdays"),
            (_("Points policy"), "rule_settings", "members_pointspolicy"),
        ],
    ),
    (
        _("System"),
        [
            (_("Scheduled work"), "schedule", "core_clockentry"),
            (_("Jobs"), "hourglass", "core_job"),
            (_("API keys"), "key", "core_apikey"),
            (_("Users"), "person", "auth_user"),
            (_("Groups"), "groups", "auth_group"),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """This function will list the rooms that exist and that the user may enter; a group without one is left out."""
    groups: list[dict[str, Any]] = [{"items": [{"title": _("Today"), "icon": "today", "link": reverse("admin:index")}]}]
    for title, rooms in GROUPS:
        items = [
            {"title": name, "icon": icon, "link": reverse(f"admin:{label}_changelist")}
            for name, icon, label in rooms
            if _may_view(request, label)
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _may_view(request: HttpRequest, label: str) -> bool:
    # Settings import this module: apps and the site exist only once they are read.
    from django.apps import apps
    from django.contrib import admin

    app, model = label.split("_", 1)
    if not admin.site.is_registered(apps.get_model(app, model)):
        return False
    user = request.user
    return bool(user.has_perm(f"{app}.view_{model}") or user.has_perm(f"{app}.change_{model}"))


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
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("rekindle/flame.svg")}],
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
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": navigation},
}
