"""Figures as text: a share as a percentage, money with its symbol, missing as «not known». Plain text, no markup."""

from __future__ import annotations

from enum import Enum

from django.template.defaultfilters import date as date_text
from django.utils.functional import lazy
from django.utils.translation import gettext, ngettext

from core.conf import shop_currency
from core.money import DECIMALS, SYMBOLS, money_text
from core.periods import date_of


class Unit(Enum):
    """What a number of a report is: how it is written on a page, and how in a file."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"
    MONEY = "money"
    DAYS = "days"
    NUMBER = "number"
    DATE = "date"


Value = str | int | float | None


def text_of(value: Value, unit: Unit) -> str:
    """This function will write a value as people read it."""
    if value is None:
        return gettext("not known")
    if isinstance(value, str):
        return value
    match unit:
        case Unit.SHARE:
            return percent(value)
        case Unit.MONEY:
            return money(value)
        case Unit.DAYS:
            return days(value)
        case Unit.DATE:
            return date_text(date_of(int(value)), "DATE_FORMAT")
        case _:
            return number(value)


def number(value: float | None) -> str:
    """This function will write 1234.5 as 1,234.5; whole numbers without a decimal."""
    if value is None:
        return gettext("not known")
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"


def percent(value: float | None) -> str:
    """This function will write 0.214 as 21.4%; the decimal goes where it no longer matters."""
    if value is None:
        return gettext("not known")
    hundredths = value * 100
    if abs(hundredths) >= 99.95 or hundredths == 0:
        return f"{hundredths:.0f}%"
    return f"{hundredths:.1f}%"


def points(value: float) -> str:
    """This function will write a difference of two shares, 0.021, as +2.1 points."""
    return gettext("%(points)s percentage points") % {"points": f"{value * 100:+.1f}"}


def money(value: float | None) -> str:
    """This function will write minor units in the shop's currency; of large sums the cents are dust."""
    if value is None:
        return gettext("not known")
    minor = round(value)
    unit = 10 ** DECIMALS.get(shop_currency(), 2)
    if abs(minor) >= 1000 * unit:
        minor = round(minor / unit) * unit
    return money_text(minor, shop_currency())


def days(value: float | None) -> str:
    if value is None:
        return gettext("not known")
    whole = round(float(value), 1)
    told = f"{int(whole):,}" if whole.is_integer() else f"{whole:,.1f}"
    return ngettext("%(days)s day", "%(days)s days", 1 if whole == 1 else 2) % {"days": told}


def members(count: int) -> str:
    return ngettext("%(count)s member", "%(count)s members", count) % {"count": number(count)}


def cell_of(value: Value, unit: Unit) -> str | int | float | None:
    """This function will give a value for a file: money in whole units of the currency, dates as ISO, the rest as it is."""
    if value is None or isinstance(value, str):
        return value
    if unit is Unit.MONEY:
        decimals = DECIMALS.get(shop_currency(), 2)
        return round(value / 10**decimals, decimals)
    if unit is Unit.DATE:
        return date_of(int(value)).isoformat()
    return round(value, 6) if isinstance(value, float) else value


days_label = lazy(days, str)
"""The same for texts that are made before anybody reads them."""


def currency_symbol() -> str:
    return SYMBOLS.get(shop_currency(), shop_currency())
