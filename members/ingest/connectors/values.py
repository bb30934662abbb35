"""What people and marketplaces write into cells, read into what the contract takes. Pure: no file, no database.

A reader returns the value, or raises Refused with a sentence that says how to mend the file. Empty cells never come here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from core.money import DECIMALS
from members.ingest.normalise import Refused

KEPT_AS_TEXT = re.compile(r'="(?P<kept>[^"]*)"')
"""How spreadsheets are told to keep the digits of a long number: ="1930679858170647"."""
QUOTED = re.compile(r"'(?P<kept>[=+\-@\t\r].*|[0-9][0-9*.\- ]*)", re.DOTALL)
"""An apostrophe keeps what follows from being a formula or a number: '18600000000. In front of a word it is a letter."""

WRAPPINGS = {"=": KEPT_AS_TEXT, "'": QUOTED}

SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
FRACTIONLESS = re.compile(r"(?P<digits>[0-9]+)\.0+")
EXACT_DIGITS = 15
"""Digits that a spreadsheet keeps of a number; whatever stands behind them has become zeros."""

MASK = re.compile(r"[*＊]")

CURRENCY_MARKS = re.compile(r"CNY|RMB|USD|EUR|GBP|HK\$|US\$|[¥￥$€£元]", re.IGNORECASE)
WESTERN = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|[+-]?\.[0-9]+")
CONTINENTAL = re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]{1,2}")
PLAIN = re.compile(r"[0-9]{1,12}\.[0-9]{2}", re.ASCII)
"""How nearly all amounts are written: read without further ado."""

LONGEST_NUMBER = 40

YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})[-/.年](?P<month>[0-9]{1,2})[-/.月](?P<day>[0-9]{1,2})日?"
    r"(?:[T ]*(?P<hour>[0-9]{1,2})[:时点](?P<minute>[0-9]{1,2})(?:[:分](?P<second>[0-9]{1,2})(?:\.[0-9]+)?秒?)?"
    r"\s*(?P<offset>Z|UTC|[+-][0-9]{2}:?[0-9]{2})?)?"
)
YEAR_LAST = re.compile(
    r"(?P<first>[0-9]{1,2})[-/.](?P<other>[0-9]{1,2})[-/.](?P<year>[0-9]{4})"
    r"(?:[T ]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2}))?)?"
)
SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
SERIAL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock, like every time in a spreadsheet
"""Day 0 of spreadsheets that count days from 1900, seen from any day after February 1900."""

YEARS = range(1900, 3000)
"""Years of shops and of people; the calendar's ends cannot even be moved to another zone."""

YEAR_FIRST_DATES, DAY_FIRST_DATES, MONTH_FIRST_DATES = "ymd", "dmy", "mdy"


def content(cell: str) -> str:
    """This function will return what a cell says, without what only keeps spreadsheets from changing it."""
    cell = cell.strip().strip("\ufeff")
    wrapping = WRAPPINGS.get(cell[:1])
    match = wrapping.fullmatch(cell) if wrapping else None
    return match["kept"].strip() if match else cell


def is_formula(cell: str) -> bool:
    """This function will tell whether a spreadsheet would calculate the cell: we do not, and do not guess its result."""
    cell = cell.lstrip()
    return cell.startswith("=") and KEPT_AS_TEXT.fullmatch(cell.rstrip()) is None


def is_masked(text: str) -> bool:
    return MASK.search(text) is not None


# --- Ids


def identity(text: str) -> str:
    """This function will read an id, or refuse a number whose last digits a spreadsheet has dropped."""
    match = FRACTIONLESS.fullmatch(text)
    if match:
        text = match["digits"]
    if SCIENTIFIC.fullmatch(text) or (match and len(text) > EXACT_DIGITS):
        message = _(
            "A spreadsheet has shortened this number: its last digits are lost. Export the file again and do not open "
            "it in a spreadsheet, or import the column as text there."
        )
        raise Refused("digits_lost", message)
    return text


# --- Numbers


def amount(text: str, currency: str) -> int:
    """This function will read an amount as people write it (¥1,234.50, 598.00元, 12,50 €) into minor units."""
    if PLAIN.fullmatch(text) and DECIMALS.get(currency, 2) == 2:
        return int(text[:-3] + text[-2:])
    plain = CURRENCY_MARKS.sub("", text).replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    if len(plain) > LONGEST_NUMBER:
        raise _no_amount()
    if CONTINENTAL.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif WESTERN.fullmatch(plain):
        plain = plain.replace(",", "")
    else:
        raise _no_amount()
    minor = Decimal(plain).scaleb(DECIMALS.get(currency, 2))
    if minor != minor.to_integral_value():
        raise Refused(
            "too_many_decimals", _("This amount has more decimals than %(currency)s has.") % {"currency": currency}
        )
    return int(minor)


def _no_amount() -> Refused:
    return Refused("invalid_amount", _("This must be an amount such as 598.00 or ¥1,234.50."))


def count(text: str) -> int:
    """This function will read a whole number: 2, 2.0, 1,200."""
    match = WESTERN.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
    number = Decimal(text.replace(",", "")) if match else None
    if number is None or number != number.to_integral_value():
        raise Refused("invalid_number", _("This must be a whole number."))
    return int(number)


def points(text: str) -> int:
    """This function will read points. An amount of money (0.50元, 0.50) is what they were worth, a hundred a yuan."""
    text = text.removesuffix("点").removesuffix("积分").removesuffix("分").strip()
    if CURRENCY_MARKS.search(text) or "." in text:
        return amount(text, "CNY")
    return count(text)


# --- Times


def moment(text: str, order: str = YEAR_FIRST_DATES) -> datetime:
    """This function will read a time. Without an offset it stays a wall clock, which the ingest puts in the shop's zone.

    Read are 2016-05-23 22:02:31, 2016/5/23 22:02, 2016年5月23日, ISO 8601 and a spreadsheet's day number; 23/05/2016 only
    where `order` says what stands first. A date alone is its first moment.
    """
    try:
        at = _read_moment(text, order)
    except ValueError:
        at = None
    if at is None or at.year not in YEARS:
        raise Refused("invalid_time", _("This must be a time such as 2016-05-23 22:02:31 or 2016/5/23 22:02."))
    return at


def _read_moment(text: str, order: str) -> datetime:
    if match := YEAR_FIRST.fullmatch(text):
        return _moment(match, match["month"], match["day"], match["offset"])
    if match := YEAR_LAST.fullmatch(text):
        return _moment(match, *_month_and_day(match, order))
    if SERIAL.fullmatch(text):
        return SERIAL_EPOCH + timedelta(seconds=round(float(text) * 86_400))
    return datetime.fromisoformat(text)


def _month_and_day(match: re.Match[str], order: str) -> tuple[str, str]:
    if order == YEAR_FIRST_DATES:
        message = _("Day or month first? Write the year first, or say in the mapping how dates are written.")
        raise Refused("ambiguous_date", message)
    return (match["other"], match["first"]) if order == DAY_FIRST_DATES else (match["first"], match["other"])


def _moment(match: re.Match[str], month: str, day: str, offset: str | None = None) -> datetime:
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    wall = datetime(int(match["year"]), int(month), int(day), hour, minute, second)  # noqa: DTZ001 - the shop's wall clock
    if not offset:
        return wall
    plain = "+0000" if offset in ("Z", "UTC") else offset.replace(":", "")
    return datetime.strptime(wall.isoformat() + plain, "%Y-%m-%dT%H:%M:%S%z")


def sortable(at: datetime) -> str:
    """This function will return a text that sorts as the instants do, wall clocks among themselves."""
    return (at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at).isoformat()


# --- Places

MUNICIPALITIES = ("北京", "上海", "天津", "重庆")
PROVINCES = (
    *MUNICIPALITIES,
    *(
        "河北",
        "山西",
        "辽宁",
        "吉林",
        "黑龙江",
        "江苏",
        "浙江",
        "安徽",
        "福建",
        "江西",
        "山东",
        "河南",
        "湖北",
        "湖南",
        "广东",
    ),
    *(
        "海南",
        "四川",
        "贵州",
        "云南",
        "陕西",
        "甘肃",
        "青海",
        "台湾",
        "内蒙古",
        "广西",
        "西藏",
        "宁夏",
        "新疆",
        "香港",
        "澳门",
    ),
)
PROVINCE = re.compile(rf"(?:{'|'.join(PROVINCES)})(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)?")
CITY = re.compile(r".{1,15}?(?:市|自治州|地区|盟)")


def place(address: str) -> tuple[str, str]:
    """This function will return province and city of a Chinese address, each empty when it is not told or masked.

    Nothing finer is read: a street is nobody's business here.
    """
    match = PROVINCE.match(address.strip())
    if match is None:
        return "", ""
    province, rest = match[0], address.strip()[match.end() :]
    words = rest.split()
    told = CITY.match(words[0] if words else "")
    city = told[0] if told else ""
    if not city and rest[:1].isspace() and len(words) > 1:
        city = words[0]  # set apart by spaces, a name without its ending is still the city: 浙江 杭州 西湖区
    if province.removesuffix("市") in MUNICIPALITIES and not city.endswith("市"):
        city = province
    return province, "" if is_masked(city) else city
