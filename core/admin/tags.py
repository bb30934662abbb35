"""The display functions as template filters: `{% load rekindle %}` (named in settings.TEMPLATES)."""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.utils.safestring import SafeString

from core.admin import display
from core.periods import date_of

register = template.Library()


@register.filter
def money(amount_minor: int | None) -> str:
    return display.money(amount_minor)


@register.filter
def number(value: int | float | None) -> str:
    return display.number(value)


@register.filter
def share(value: float | None) -> str:
    return display.share(value)


@register.filter
def when(instant: datetime | None) -> SafeString:
    return display.when(instant)


@register.filter
def day(on: date | int | None) -> SafeString | str:
    """A date, or a shop day number."""
    return display.day(date_of(on) if isinstance(on, int) else on)


@register.filter
def known(value: object) -> object:
    return display.when(value) if isinstance(value, datetime) else display.known(value)


@register.filter
def css_percent(value: float | None) -> str:
    """A share as CSS reads it, whatever the language: 0.5 -> 50.00%."""
    return f"{(value or 0) * 100:.2f}%"
