"""The values of a rule: each in the shape its operator wants and of the type its field has."""

import datetime
import re
from collections.abc import Callable

from rules.ast import Scalar, Value, at
from rules.errors import Findings
from rules.fields import Field, FieldType, nearest
from rules.messages import _, shorten
from rules.operators import Operator, Shape
from rules.parse import LARGEST_INTEGER, SMALLEST_INTEGER


class Values:
    """Reads what one comparison compares with, in the shape its operator wants and the type its field has."""

    def __init__(self, found: Findings, field: Field, operator: Operator, path: str) -> None:
        self._found = found
        self._field = field
        self._operator = operator
        self._path = path

    def read(self, value: Value) -> Value:
        if self._operator.shape is Shape.NONE:
            self._refuse_any(value)
            return None
        if value is None:
            self._found.add(self._path, "missing_value", _("The value to compare with is missing."))
            return None
        if isinstance(value, tuple):
            return self._several(value)
        return self._single(value)

    def _refuse_any(self, value: Value) -> None:
        if value is not None:
            self._found.add(
                self._path,
                "unexpected_value",
                _("“%(operator)s” takes no value. Leave “value” out."),
                operator=self._operator.code,
            )

    def _single(self, value: Scalar) -> Value:
        match self._operator.shape:
            case Shape.ONE:
                return self._typed(value, self._path)
            case Shape.DAYS:
                return self._days(value)
            case Shape.PAIR:
                self._wrong(self._path, _("“between” takes a list of two values, the lower one first."))
            case _:
                self._wrong(self._path, _("This operator takes a list of values, written in brackets [...]."))
        return None

    def _several(self, values: tuple[Scalar, ...]) -> Value:
        if self._operator.shape is Shape.PAIR:
            return self._pair(values)
        if self._operator.shape is Shape.LIST:
            typed = (self._typed(value, at(self._path, index)) for index, value in enumerate(values))
            return tuple(value for value in typed if value is not None)
        self._wrong(self._path, _("This operator takes one value, not a list."))
        return None

    def _pair(self, values: tuple[Scalar, ...]) -> Value:
        if len(values) != 2:
            self._wrong(self._path, _("“between” takes a list of two values, the lower one first."))
            return None
        low, high = (self._typed(value, at(self._path, index)) for index, value in enumerate(values))
        if low is None or high is None:
            return None
        if low > high:  # type: ignore[operator]  # both went through the same reader, so they have one type
            self._found.add(self._path, "low_above_high", _("The lower value is above the upper one. Swap them."))
        return (low, high)

    def _days(self, value: Scalar) -> Value:
        most = self._operator.most_days
        number = whole(value)
        if number is None:
            self._wrong(self._path, _("The number of days is a whole number."))
        elif not 1 <= number <= most:
            self._found.add(self._path, "out_of_range", _("The number of days is from 1 to %(most)d."), most=most)
        return number

    def _typed(self, value: Scalar, path: str) -> Scalar | None:
        return _READERS[self._field.type](self, value, path)

    # one reader a type

    def _text(self, value: Scalar, path: str) -> Scalar | None:
        if not isinstance(value, str):
            return self._wrong(path, _("“%(field)s” is a text: write the value in quotes."), field=self._field.label)
        if not value:
            self._found.add(path, "empty_text", _("An empty text counts as missing. To ask for that use “is_null”."))
        return value

    def _integer(self, value: Scalar, path: str) -> Scalar | None:
        number = whole(value)
        if number is None:
            return self._wrong(
                path,
                _("“%(field)s” is a whole number: write the value as one, without quotes."),
                field=self._field.label,
            )
        if not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            self._found.add(path, "out_of_range", _("This number is too large."))
        return number

    def _money(self, value: Scalar, path: str) -> Scalar | None:
        if whole(value) is None:
            return self._wrong(
                path,
                _("“%(field)s” is an amount: write the value in minor units as a whole number, such as 1999."),
                field=self._field.label,
            )
        return self._integer(value, path)

    def _decimal(self, value: Scalar, path: str) -> Scalar | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._wrong(
                path,
                _("“%(field)s” is a number: write the value as one, without quotes."),
                field=self._field.label,
            )
        return float(value)

    def _share(self, value: Scalar, path: str) -> Scalar | None:
        number = self._decimal(value, path)
        if isinstance(number, float) and not 0 <= number <= 1:
            self._found.add(path, "out_of_range", _("A share is written from 0 to 1: 0.25 is a quarter, or 25%%."))
        return number

    def _date(self, value: Scalar, path: str) -> Scalar | None:
        day = _day(value)
        if day is None:
            self._found.add(
                path,
                "bad_date",
                _("“%(field)s” is a date: write the value as year-month-day, such as 2026-01-31."),
                field=self._field.label,
            )
        return day

    def _boolean(self, value: Scalar, path: str) -> Scalar | None:
        if not isinstance(value, bool):
            return self._wrong(path, _("“%(field)s” is true or false, without quotes."), field=self._field.label)
        return value

    def _choice(self, value: Scalar, path: str) -> Scalar | None:
        choices = {(type(choice), choice): choice for choice, label in self._field.choices}
        if (type(value), value) in choices:
            return value
        known = [str(choice) for choice in choices.values()]
        near = nearest(value, known) if isinstance(value, str) else None
        if near is not None:
            self._found.add(
                path,
                "unknown_choice",
                _("“%(value)s” is no value of “%(field)s”. Did you mean “%(suggestion)s”?"),
                value=shorten(str(value)),
                field=self._field.label,
                suggestion=near,
            )
        else:
            self._found.add(
                path,
                "unknown_choice",
                _("“%(value)s” is no value of “%(field)s”. Its values are: %(known)s."),
                value=shorten(str(value)),
                field=self._field.label,
                known=shorten(", ".join(known), longest=300),
            )
        return None

    def _wrong(self, path: str, msgid: str, **params: object) -> Scalar | None:
        self._found.add(path, "wrong_type", msgid, **params)
        return None


_READERS: dict[FieldType, Callable[[Values, Scalar, str], Scalar | None]] = {
    FieldType.TEXT: Values._text,
    FieldType.TAGS: Values._text,
    FieldType.NUMBER: Values._integer,
    FieldType.MONEY: Values._money,
    FieldType.DECIMAL: Values._decimal,
    FieldType.SHARE: Values._share,
    FieldType.DATE: Values._date,
    FieldType.BOOLEAN: Values._boolean,
    FieldType.ENUMERATION: Values._choice,
}

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def whole(value: Scalar) -> int | None:
    """This function will give a whole number, also where JSON wrote 2.0 for 2, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == int(value) else None


def _day(value: Scalar) -> datetime.date | None:
    if isinstance(value, datetime.date):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return None
