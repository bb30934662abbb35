"""What rules may read: each field once, with its type, unit, label and column."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Label: TypeAlias = object
"""A string, or a lazy string that becomes one in the language on screen."""


class FieldType(StrEnum):
    """What a field holds, and so which operators it takes and how its column is stored."""

    TEXT = "text"  # the column is NULL where the text is empty
    NUMBER = "number"  # whole numbers
    DECIMAL = "decimal"  # floating point
    MONEY = "money_minor"  # whole minor units of the shop's currency
    SHARE = "share"  # 0..1
    DATE = "date"  # the column holds the shop's day number: days since 1970-01-01
    BOOLEAN = "boolean"
    ENUMERATION = "enumeration"
    TAGS = "tags"  # a set of texts: no column, `members_with` instead


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing a rule may ask of a member."""

    name: str
    type: FieldType
    label: Label
    column: str = ""
    """The column on the scored model; the field's own name when not given."""
    unit: str = ""
    """A word of rules.words.UNITS, such as "days" or "orders"; "" where a bare number says enough."""
    nullable: bool = True
    help: Label = ""
    group: Label = ""
    choices: tuple[tuple[str | int, Label], ...] = ()
    """For enumerations: (value, label)."""
    month_day_column: str | None = None
    """For dates with anniversaries: the column that holds MMDD as an integer (Feb 29 is 229)."""
    members_with: Callable[[str], Any] | None = None
    """For tags: the queryset or subquery of ids (never null) of the members who have this tag."""
    expression: Callable[[], Any] | None = None
    """What the database works out in place of a column. It may not raise for any row."""
    of_part: bool = False
    """For fields of a behaviour: asked of its parts (an order's lines); one part must be all that is asked of parts."""

    def __post_init__(self) -> None:
        if not self.column:
            object.__setattr__(self, "column", self.name)
        if (self.type is FieldType.ENUMERATION) != bool(self.choices):
            raise ValueError(f"{self.name}: an enumeration has choices, and nothing else has.")
        if (self.type is FieldType.TAGS) != (self.members_with is not None):
            raise ValueError(f"{self.name}: tags have members_with, and nothing else has.")
        if self.month_day_column is not None and self.type is not FieldType.DATE:
            raise ValueError(f"{self.name}: only a date has a month_day_column.")

    def label_of(self, value: object) -> Label:
        """This function will give an enumeration value's label, or the value itself where there is none."""
        return next((label for choice, label in self.choices if choice == value), value)


@dataclass(frozen=True, slots=True)
class Deed:
    """A behaviour in a sentence: "ordered", "did not order". With `%(what)s` where it names what it was done to."""

    yes: Label
    no: Label


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One kind of thing that members do, with what may be summed of it and what it may be asked to be like."""

    code: str
    label: Label
    deed: Deed
    deeds_to: tuple[tuple[str, Deed], ...] = ()
    """(name of a where field, how the deed is said with its value): ("category", "bought %(what)s")."""
    sums: tuple[Field, ...] = ()
    wheres: tuple[Field, ...] = ()
    rows: Callable[[Any], Any] | None = None
    """From rules.behaviour.Sought to the queryset of sums, a row a member."""

    def sum_of(self, name: str | None) -> Field | None:
        """This function will give what may be summed under this name, or None."""
        return next((field for field in self.sums if field.name == name), None)

    def where(self, name: str) -> Field | None:
        """This function will give what may be asked under this name, or None."""
        return next((field for field in self.wheres if field.name == name), None)


class FieldCatalogue:
    """The fields that rules may name, and the behaviours that they may ask for."""

    def __init__(self, fields: Iterable[Field], behaviours: Iterable[Behaviour] = ()) -> None:
        self._by_name: dict[str, Field] = {}
        for field in fields:
            if field.name in self._by_name:
                raise ValueError(f"The field {field.name} is in the catalogue twice.")
            self._by_name[field.name] = field
        self.behaviours = tuple(behaviours)
        self._behaviours = {each.code: each for each in self.behaviours}
        if len(self._behaviours) < len(self.behaviours):
            raise ValueError("A behaviour is in the catalogue twice.")

    def behaviour(self, code: str) -> Behaviour | None:
        """This function will give the behaviour of that kind, or None."""
        return self._behaviours.get(code)

    def get(self, name: str) -> Field | None:
        """This function will give the field of that name, or None."""
        return self._by_name.get(name)

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Field]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order they were given."""
        return tuple(self._by_name)

    def suggest(self, name: str) -> str | None:
        """This function will give the name that was probably meant, or None."""
        return nearest(name, self.names)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """This function will give the known word that was probably meant, or None."""
    by_folded = {each.casefold(): each for each in known}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None
