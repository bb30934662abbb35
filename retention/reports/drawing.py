"""What all drawings share: where the axes stand, round numbers along them, labels that do not collide, coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from retention.reports import words
from retention.reports.charts import Series
from retention.reports.words import Unit

WIDE, NARROW = 960, 350
LETTER = 6.6
"""Pixels of a letter of the axes' size, about; Chinese ones are twice as wide and few."""
PALETTE = ("s1", "s2", "s3", "s4", "s5", "s6")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 4")
MOST_MARKS = 45
"""Points of a line up to which each has a mark of its own."""
NOTHING = mark_safe("")


@dataclass(frozen=True, slots=True)
class Frame:
    """Where on the drawing the axes stand, and what they measure."""

    width: float
    height: float
    left: float
    low: float
    high: float
    top: float = 12
    right: float = 12
    bottom: float = 26

    @property
    def inner(self) -> float:
        return self.width - self.left - self.right

    @property
    def floor(self) -> float:
        return self.height - self.bottom

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.floor - (value - self.low) / span * (self.floor - self.top)


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """This function will choose round numbers, about `count` of them, that reach from `low` or below to `high` or above."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low, low + 1]
    rough = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def reach_of(series: Sequence[Series], target: float | None, *, from_zero: bool) -> tuple[float, float]:
    values = [value for each in series for part in (each.values, each.low, each.high) for value in part if value is not None]
    values += [0.0] if from_zero or not values else []
    values += [target] if target is not None else []
    return min(values), max(values)


def frame_for(reach: tuple[float, float], unit: Unit, width: int, *, tall: bool = False) -> tuple[Frame, list[float]]:
    low, high = reach
    if high <= low:
        high = low + (0.01 if unit is Unit.SHARE else 1.0)
    ticks = nice_ticks(low, high, 4)
    if unit in (Unit.COUNT, Unit.DAYS):
        ticks = [tick for tick in ticks if float(tick).is_integer()]
    longest = max(letters(words.text_of(tick, unit)) for tick in ticks)
    height = (420.0 if tall else 280.0) if width == WIDE else (300.0 if tall else 230.0)
    return Frame(width, height, 12 + LETTER * longest, min(ticks[0], low), max(ticks[-1], high)), ticks


def grid(frame: Frame, ticks: Sequence[float], unit: Unit) -> SafeString:
    lines = format_html_join(
        "",
        '<path class="rk-grid-line" d="M{} {}H{}"/>',
        ((px(frame.left), px(frame.y(tick)), px(frame.width - frame.right)) for tick in ticks),
    )
    labels = format_html_join(
        "",
        '<text class="rk-axis rk-end" x="{}" y="{}">{}</text>',
        ((px(frame.left - 6), px(frame.y(tick) + 4), words.text_of(tick, unit)) for tick in ticks),
    )
    return joined([lines, labels])


def labels_under(frame: Frame, labels: Sequence[tuple[float, str]]) -> SafeString:
    text = '<text class="rk-axis rk-mid" x="{}" y="{}">{}</text>'
    return format_html_join("", text, ((px(at), px(frame.floor + 18), label) for at, label in labels))


def thinned(labels: Sequence[tuple[float, str]], room: float) -> list[tuple[float, str]]:
    """Every label, or every second, third, ... one: as many as stand side by side."""
    longest = max((letters(label) for _at, label in labels), default=0)
    fit = max(1, int(room / (longest * LETTER + 14)))
    every = max(1, math.ceil(len(labels) / fit))
    return list(labels[::every])


def target_line(frame: Frame, target: float | None, unit: Unit) -> SafeString:
    if target is None:
        return NOTHING
    told = gettext("target %(value)s") % {"value": words.text_of(target, unit)}
    line = '<path class="rk-target" d="M{} {}H{}"/><text class="rk-axis rk-end rk-strong" x="{}" y="{}">{}</text>'
    right, y = frame.width - frame.right, frame.y(target)
    return format_html(line, px(frame.left), px(y), px(right), px(right), px(max(10.0, y - 5)), told)


def colour_of(series: Series, place: int) -> str:
    return f"rk-{series.colour or PALETTE[place % len(PALETTE)]}"


def letters(text: str) -> float:
    """How wide a text is, in Latin letters."""
    return sum(1.0 if character < "ᄀ" else 1.9 for character in text)


def cut(label: str, room: float) -> str:
    """This function will return as much of a text as there is room for."""
    if letters(label) * LETTER <= room:
        return label
    fit = next(end for end in range(len(label), -1, -1) if letters(label[:end]) * LETTER <= room - 2 * LETTER)
    return label[:fit] + "…"


def px(value: float) -> str:
    """A coordinate, whatever the language: no comma, no more digits than a screen has."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def joined(parts: Sequence[SafeString]) -> SafeString:
    return mark_safe("".join(parts))  # parts are escaped, each by format_html
