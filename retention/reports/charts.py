"""Pictures as descriptions: what is drawn, not how. retention/reports/svg.py draws them.

Every picture has its table, so a picture may leave out what would crowd it. Shares are fractions; missing values are gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.utils.functional import Promise

from retention.reports.words import Unit

Text = str | Promise
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one colour of bars. `low` and `high` are a band around it. `colour` is one of the stages' colours
    (blue, green, amber, orange, red, violet, grey); without it the palette's next is taken."""

    label: Text
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What all pictures have. `title` says what is seen, for those who do not see it too."""

    along: ClassVar[tuple[str, ...]] = ("labels",)
    """What holds the places of the picture: where it is empty there is nothing to draw."""

    title: Text

    def shows_something(self) -> bool:
        return any(getattr(self, name) for name in self.along)


@dataclass(frozen=True, slots=True)
class Bars(Chart):
    """A bar a label, side by side where there are several series. `figure` names the figure whose target is drawn."""

    labels: Sequence[Text] = ()
    series: Sequence[Series] = ()
    unit: Unit = Unit.COUNT
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Stacked(Chart):
    """Bars whose parts add up; with `whole` every bar is as high as the next and its parts are shares of it."""

    labels: Sequence[Text] = ()
    series: Sequence[Series] = ()
    unit: Unit = Unit.COUNT
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Rows(Chart):
    """Bars that lie, one a label, however long the labels are. Several series are the parts of one bar; with `whole` every
    bar is as long as the next. The band of a single series is drawn as its interval."""

    labels: Sequence[Text] = ()
    series: Sequence[Series] = ()
    unit: Unit = Unit.COUNT
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Lines(Chart):
    """Lines over labels, or over numbers `x` of unit `x_unit`; `steps` draws a value until the next one."""

    along: ClassVar[tuple[str, ...]] = ("labels", "x")

    labels: Sequence[Text] = ()
    series: Sequence[Series] = ()
    unit: Unit = Unit.COUNT
    x: Sequence[float] = ()
    x_unit: Unit = Unit.NUMBER
    steps: bool = False
    from_zero: bool = True
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Heat(Chart):
    """A grid: shade is the value of `values` (0 to 1 of the largest, or `shade` where something else shall be seen).

    `rules` make a cell a segment, by (row, column). A last row or column of means stands apart, unshaded.
    """

    along: ClassVar[tuple[str, ...]] = ("rows",)

    corner: Text = ""
    rows: Sequence[Text] = ()
    columns: Sequence[Text] = ()
    values: Sequence[Sequence[float | None]] = ()
    unit: Unit = Unit.SHARE
    shade: Sequence[Sequence[float | None]] = ()
    titles: Sequence[Sequence[Text]] = ()
    rules: Mapping[tuple[int, int], Rule] = field(default_factory=dict)
    row_means: Sequence[float | None] = ()
    column_means: Sequence[float | None] = ()
    means_label: Text = ""
    sizes: Sequence[int] = ()
    sizes_label: Text = ""


@dataclass(frozen=True, slots=True)
class Funnel(Chart):
    """Steps that follow each other, each with how many reached it."""

    labels: Sequence[Text] = ()
    values: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Scatter(Chart):
    """Points; with `diagonal` the line on which both are equal. `sizes` are areas."""

    along: ClassVar[tuple[str, ...]] = ("points",)

    points: Sequence[tuple[float, float]] = ()
    labels: Sequence[Text] = ()
    sizes: Sequence[float] = ()
    x_label: Text = ""
    y_label: Text = ""
    x_unit: Unit = Unit.NUMBER
    y_unit: Unit = Unit.NUMBER
    diagonal: bool = False


@dataclass(frozen=True, slots=True)
class Intervals(Chart):
    """A value with its interval on a line through zero, one a label: differences, and what they may be."""

    labels: Sequence[Text] = ()
    values: Sequence[float | None] = ()
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    unit: Unit = Unit.SHARE


@dataclass(frozen=True, slots=True)
class Flow(Chart):
    """What was done first, second, third. `moves` are (column, step, the step after it, how many went so); no step after it
    is where they ended. Steps are told by their words; `rest` is what all the others together are called."""

    along: ClassVar[tuple[str, ...]] = ("moves",)

    columns: Sequence[Text] = ()
    moves: Sequence[tuple[int, str, str | None, int]] = ()
    rest: str = ""
