"""What a report is: asked about a period and a shop, it counts with set-based statements and says what was counted.

Counting and saying are two steps. `count` reads the database and answers plain JSON without a word in it, which is kept and
serves every language, page, file and REST answer; `show` makes sentences, figures, tables and pictures of it, and reads
nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from retention.reports.calendar import months_before
from retention.reports.charts import Chart, Rule
from retention.reports.words import Unit

Text = str | Promise
Counted = Mapping[str, Any]
"""What `count` found: JSON, without words, so that it can be kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A period of shop days, both ends included, of one shop or of the brand; nothing later than `as_of` is read.

    `known_day` is the shop day of `as_of`: the last one that the data covers. `last_day` is never later.
    """

    first_day: int
    last_day: int
    known_day: int
    as_of: datetime
    shop_id: int | None = None
    shop: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return self.last_day - self.first_day + 1

    def before(self) -> Asked:
        """This function will return the same for the period of equal length that ends where this one begins."""
        return replace(self, first_day=self.first_day - self.days, last_day=self.first_day - 1)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that a report answers each time, and on which a target can be set. `better` says where it should go."""

    code: str
    label: Text
    unit: Unit
    better: int = 0
    """1: the more the better; -1: the less the better; 0: neither."""


@dataclass(frozen=True, slots=True)
class Option:
    """What else can be chosen: by what to group, how long a horizon. The first choice is the default.

    `own` says what the first choice stands for where that is a setting of the shop, which may be none of the others.
    """

    code: str
    label: Text
    choices: tuple[tuple[str, Text], ...]
    own: Callable[[], str] | None = None

    @property
    def default(self) -> str:
        return self.choices[0][0]


@dataclass(frozen=True, slots=True)
class Column:
    code: str
    label: Text
    unit: Unit = Unit.TEXT
    blank: bool = False
    """Whether a missing value goes without saying: a month that has not come yet is not «not known»."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of `columns`, values as numbers; `rules` say who stands behind a number, by (row, column's code)."""

    code: str
    title: Text
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    rules: Mapping[tuple[int, str], Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Words among the values become text, in the language in which the table is made."""
        rows = [[str(value) if isinstance(value, Promise) else value for value in row] for row in self.rows]
        object.__setattr__(self, "rows", rows)


@dataclass(frozen=True, slots=True)
class Result:
    """What was counted, in the reader's language: the answer first, then pictures, then tables, then what to bear in mind.

    `values` holds the figures by code; one that is not there, or None, is not known.
    """

    sentences: Sequence[Text]
    values: Mapping[str, float | None] = field(default_factory=dict)
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[Text] = ()


GROUPS: Mapping[str, Text] = {
    "shop": _("The shop at a glance"),
    "leaving": _("Who leaves"),
    "staying": _("Who stays"),
    "buying": _("What members buy"),
    "behaviour": _("What members do"),
    "value": _("What members are worth"),
    "service": _("Service and reasons"),
    "loyalty": _("Loyalty and campaigns"),
}


class Report(ABC):
    """One question. Subclasses state what stands below and answer it in two steps."""

    code: ClassVar[str]
    """Its address: never changed once published."""
    group: ClassVar[str]
    question: ClassVar[Text]
    term: ClassVar[Text]
    """The word of the trade; its Chinese is shown beside it."""
    definition: ClassVar[Text]
    formula: ClassVar[Text]
    source: ClassVar[Text] = ""
    """Where the definition comes from, where that is known."""
    figures: ClassVar[tuple[Figure, ...]] = ()
    options: ClassVar[tuple[Option, ...]] = ()
    by_shop: ClassVar[bool] = True
    """Whether it can be asked of one shop alone."""
    compares: ClassVar[bool] = True
    """Whether the period before can be set beside it; not where it tells how things stand now."""
    standing: ClassVar[bool] = False
    """Whether it tells how things stand on the last day that is known, whatever period is named."""
    weight: ClassVar[int] = 1
    """How many times as long as most it takes to count: a heavy one goes to the background in smaller shops already."""
    version: ClassVar[int] = 1
    """Raised when `count` counts otherwise: what was kept before then no longer answers."""

    def period(self, known_day: int) -> tuple[int, int]:
        """This function will return the period meant when none is named: the last twelve months and this one."""
        return months_before(known_day, 12), known_day

    def hangs_on(self) -> str:
        """This function will name the state of what else the answer hangs on, beside the refresh: another, and what was
        counted is counted anew."""
        return ""

    @abstractmethod
    def count(self, asked: Asked) -> Counted:
        """This function will count in the database: few statements, however many members there are."""

    @abstractmethod
    def show(self, asked: Asked, counted: Counted) -> Result:
        """This function will say what was counted. It reads nothing."""

    def run(self, *, request: Asked) -> Result:
        return self.show(request, self.count(request))

    @property
    def chinese_term(self) -> str:
        with override("zh-hans"):
            return str(self.term)

    def figure(self, code: str) -> Figure:
        return next(figure for figure in self.figures if figure.code == code)


def ratio(part: float | None, whole: float | None) -> float | None:
    """This function will return part / whole, None where there is no whole."""
    return None if not whole or part is None else part / whole
