"""From structs to the values our columns hold: pure functions, no database, no clock.

Each key has one cleaner; the tables MEMBER_KEYS and ORDER_KEYS say which, and which column it fills. A cleaner returns the
value or raises Refused; the caller knows the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from core.errors import FieldProblem

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Nothing that a shop's system recorded is older: what is, is a wrong epoch or a wrong century."""

AHEAD = timedelta(days=1)
"""How far a sender's clock may run ahead of ours: a time zone left out, and a little more."""

EARLIEST_BIRTH_YEAR = 1900
PHONE_REGION = "CN"
"""Numbers without a country code are read as this country's."""

LONGEST_ID = 200
LONGEST_SHOP = 100
SAFE_INTEGER = 2**53
"""Beyond this JSON readers disagree about a number."""

BIRTH_DATE = re.compile(r"(?P<year>[0-9]{4}|-)-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
LEAP_YEAR = 2000
"""29 February is a birthday in every year, so days are checked against a leap year."""


class Refused(Exception):
    """One value is not taken: a stable code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def at(self, path: str) -> FieldProblem:
        return FieldProblem(path, self.code, self.message)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a row is read against: the clock, the shop's calendar and currency, the shop of orders that name none."""

    now: datetime
    zone: ZoneInfo
    currency: str
    shop: str = "default"


Clean = Callable[[Any, Surroundings], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an item: the column it fills, how its value is cleaned, what null and «never stated» leave there."""

    name: str
    column: str
    clean: Clean
    empty: Any


# --- Text


def text(longest: int) -> Clean:
    """This function will make the cleaner of a text: trimmed, no NUL, encodable, at most `longest` characters."""

    def clean(value: Any, given: Surroundings) -> str:
        return trimmed(value, longest)

    return clean


def trimmed(value: str, longest: int) -> str:
    value = value.strip()
    if "\x00" in value:
        raise Refused("nul_character", _("Text must not contain the NUL character."))
    if not value.isascii():
        _demand_encodable(value)
    if len(value) > longest:
        raise Refused("too_long", _("At most %(limit)s characters are taken.") % {"limit": longest})
    return value


def identity(value: str, longest: int = LONGEST_ID) -> str:
    """This function will clean an id: a text that is never empty."""
    value = trimmed(value, longest)
    if not value:
        raise Refused("required", _("This is required."))
    return value


def shop_slug(value: str) -> str:
    """This function will clean a shop's short name: it stands in an order's address, before the order's number."""
    value = identity(value, LONGEST_SHOP)
    if "/" in value:
        raise Refused("invalid", _("A shop's short name holds no slash."))
    return value


def _demand_encodable(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused("not_text", _("This is not valid text: half a surrogate pair.")) from None


def as_is(value: Any, given: Surroundings) -> Any:
    return value


def choice(value: Any, given: Surroundings) -> str:
    return str(value.value)


# --- Instants and days


def instant(value: Any, given: Surroundings) -> datetime:
    """This function will read ISO 8601 text into UTC; without an offset it is the shop's wall clock.

    A date alone is that shop day's first moment. Earlier than 1990 or more than a day ahead of `now` is refused.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Refused("invalid_time", _("This must be a time such as 2026-01-31T10:00:00+08:00.")) from None
    elif not isinstance(value, datetime):
        raise Refused("wrong_type", _("This must be a time such as 2026-01-31T10:00:00+08:00."))
    if value.tzinfo is None:
        value = value.replace(tzinfo=given.zone)
    if value < EARLIEST:
        raise Refused("too_old", _("Times before 1990 are not taken."))
    if value > given.now + AHEAD:
        raise Refused("in_the_future", _("This is more than a day ahead of now."))
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def birthday(value: str, given: Surroundings, *, lunar: bool = False) -> tuple[int | None, int | None]:
    """This function will read "1990-02-28" or "--02-28" into (year or None, month * 100 + day).

    By the lunar calendar every month may have a 30th day: which do, differs from year to year.
    """
    value = value.strip()
    if not value:
        return None, None
    match = BIRTH_DATE.fullmatch(value)
    if match is None:
        raise Refused("invalid_date", _("This must be a date such as 1990-02-28, or --02-28 without the year."))
    month, day = int(match["month"]), int(match["day"])
    year = None if match["year"] == "-" else int(match["year"])
    if not (1 <= month <= 12 and 1 <= day <= 30) if lunar else not _in_some_year(month, day):
        raise Refused("invalid_date", _("There is no such day in any year."))
    if year is not None:
        _demand_birth_year(year, month, day, given)
    return year, month * 100 + day


def _in_some_year(month: int, day: int) -> bool:
    try:
        date(LEAP_YEAR, month, day)
    except ValueError:
        return False
    return True


def _demand_birth_year(year: int, month: int, day: int, given: Surroundings) -> None:
    today = (given.now + AHEAD).astimezone(given.zone)
    if (year, month, day) > (today.year, today.month, today.day):
        raise Refused("in_the_future", _("This is more than a day ahead of now."))
    if year < EARLIEST_BIRTH_YEAR:
        raise Refused("too_old", _("Birth years before 1900 are not taken; leave the year out: --02-28."))


# --- Ways to reach a member


def phone(value: str, given: Surroundings) -> str:
    """This function will return a phone number in E.164 form: +8613800138000."""
    value = trimmed(value, 60)
    if not value:
        return ""
    try:
        number = phonenumbers.parse(value, PHONE_REGION)
    except phonenumbers.NumberParseException:
        raise _bad_phone() from None
    if not phonenumbers.is_valid_number(number):
        raise _bad_phone()
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _bad_phone() -> Refused:
    return Refused("invalid_phone", _("This is not a phone number; outside mainland China it starts with + and a country."))


def email(value: str, given: Surroundings) -> str:
    """This function will return an e-mail address in lower case, so that one mailbox is one text."""
    value = trimmed(value, 254).lower()
    if not value:
        return ""
    try:
        validate_email(value)
    except ValidationError:
        raise Refused("invalid_email", _("This is not an e-mail address.")) from None
    return value


# --- Names from a list


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def time_zone(value: str, given: Surroundings) -> str:
    value = trimmed(value, 64)
    if value and value not in _zones():
        raise Refused("unknown_choice", _("This is not a time zone such as Asia/Shanghai."))
    return value


def language(value: str, given: Surroundings) -> str:
    value = trimmed(value, 16).lower().replace("_", "-")
    if value and not LANGUAGE.fullmatch(value):
        raise Refused("unknown_choice", _("This is not a language code such as zh-hans or en."))
    return value


def currency(value: str, given: Surroundings) -> str:
    value = trimmed(value, 200).upper()
    if value not in ("", given.currency):
        raise Refused("foreign_currency", _("Orders are taken in %(currency)s only.") % {"currency": given.currency})
    return given.currency


# --- Lists of words

LONGEST_WORD = 60
LONGEST_LIST = 500
BAR = "|"


def listed_words(value: list[str], given: Surroundings) -> str:
    """This function will join words with bars, in their order, each once."""
    words = dict.fromkeys(word for each in value if (word := trimmed(each, LONGEST_WORD)))
    if any(BAR in word for word in words):
        raise Refused("invalid", _("A word holds no bar (|)."))
    joined = BAR.join(words)
    if len(joined) > LONGEST_LIST:
        raise Refused("too_long", _("At most %(limit)s characters are taken.") % {"limit": LONGEST_LIST})
    return joined


# --- Attributes


def attribute(name: str, value: Any) -> tuple[str, Any]:
    """This function will clean one attribute of a member: a short name and a plain value; null takes it away."""
    name = identity(name, 100)
    if isinstance(value, str):
        return name, trimmed(value, 1000)
    if isinstance(value, float) and not isfinite(value):
        raise Refused("out_of_range", _("This is not a number that can be stored."))
    if isinstance(value, int) and abs(value) > SAFE_INTEGER:
        raise Refused("out_of_range", _("Whole numbers beyond 2^53 are not taken; send them as text."))
    if isinstance(value, float) and abs(value) > SAFE_INTEGER:
        return name, int(Decimal(repr(value)))  # As PostgreSQL gives it back: its jsonb keeps the digits, not the float.
    return name, value


# --- Which key fills which column

MEMBER_KEYS: tuple[Key, ...] = (
    Key("name", "name", text(200), ""),
    Key("gender", "gender", choice, ""),
    Key("phone", "phone", phone, ""),
    Key("email", "email", email, ""),
    Key("city", "city", text(100), ""),
    Key("province", "province", text(100), ""),
    Key("registered_at", "registered_at", instant, None),
    Key("source", "source", text(100), ""),
    Key("time_zone", "time_zone", time_zone, ""),
    Key("language", "language", language, ""),
    Key("occupation", "occupation", text(100), ""),
    Key("family", "family", text(300), ""),
    Key("hobbies", "hobbies", listed_words, ""),
    Key("referrer", "referrer", text(LONGEST_ID), ""),
)

ORDER_KEYS: tuple[Key, ...] = (
    Key("placed_at", "placed_at", instant, None),
    Key("status", "status", choice, None),
    Key("total_minor", "total_minor", as_is, None),
    Key("discount_minor", "discount_minor", as_is, 0),
    Key("paid_minor", "paid_minor", as_is, None),
    Key("points_used", "points_used", as_is, 0),
    Key("payment_method", "payment_method", text(60), ""),
    Key("channel", "channel", text(60), ""),
    Key("coupon_code", "coupon_code", text(100), ""),
    Key("paid_at", "paid_at", instant, None),
    Key("shipped_at", "shipped_at", instant, None),
    Key("delivered_at", "delivered_at", instant, None),
    Key("completed_at", "completed_at", instant, None),
    Key("city", "city", text(100), ""),
    Key("province", "province", text(100), ""),
    Key("remark", "remark", text(1000), ""),
)
