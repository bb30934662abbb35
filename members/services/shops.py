"""Shops and what people call them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import F

from members.models import Shop


def name_shops(*, names: Mapping[str, str]) -> int:
    """This function will name shops (by slug) that orders have made and nobody has named; how many were."""
    unnamed = Shop.objects.filter(name=F("slug"))
    # One statement a shop: a file names one, seldom a handful.
    return sum(unnamed.filter(slug=slug).exclude(name=name[:200]).update(name=name[:200]) for slug, name in names.items())
