"""Today: the first page. What it shows is gathered here, from the selectors of every room."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """This function will gather the figures of the first page."""
    return context
