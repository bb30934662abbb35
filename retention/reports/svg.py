"""Pictures drawn as SVG on the server: no script, nothing from outside. Colours are the page's own variables, so that light
and dark, screen and print need one drawing; what tells series apart is never a colour alone.

Each picture is drawn twice, for a wide page and for a phone: a drawing that merely shrinks cannot be read there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import singledispatch

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from retention.reports import words
from retention.reports.charts import Bars, Chart, Flow, Funnel, Intervals, Lines, Rows, Scatter, Series, Stacked
from retention.reports.drawing import (
    DASHES,
    MOST_MARKS,
    NARROW,
    NOTHING,
    WIDE,
    Frame,
    colour_of,
    frame_for,
    grid,
    joined,
    labels_under,
    nice_ticks,
    px,
    reach_of,
    target_line,
    thinned,
)
from retention.reports.flow import flow
from retention.reports.lying import funnel, intervals, lying
from retention.reports.words import Unit


def draw(chart: Chart, *, target: float | None = None) -> SafeString:
    """This function will draw a picture for wide and narrow pages, with its legend; `target` is a line across it."""
    wide, narrow = (_svg(chart, width, target) for width in (WIDE, NARROW))
    return format_html(
        '<figure class="rk-picture"><div class="rk-wide-only">{}</div><div class="rk-narrow-only">{}</div>{}</figure>',
        wide,
        narrow,
        _legend(chart),
    )


def _svg(chart: Chart, width: int, target: float | None) -> SafeString:
    height, body = _body(chart, width, target)
    return format_html(
        '<svg class="rk-svg" viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">{}</svg>',
        width,
        round(height),
        str(chart.title),
        body,
    )


@singledispatch
def _body(chart: Chart, width: int, target: float | None) -> tuple[float, SafeString]:
    raise TypeError(f"no drawing of {type(chart).__name__}")


# --- lines


@_body.register
def _lines(chart: Lines, width: int, target: float | None) -> tuple[float, SafeString]:
    places = list(chart.x) or [float(place) for place in range(len(chart.labels))]
    frame, ticks = frame_for(reach_of(chart.series, target, from_zero=chart.from_zero), chart.unit, width)
    least, most = (min(places), max(places)) if places else (0.0, 1.0)
    margin = 0.0 if chart.x else frame.inner / (2 * max(1, len(places)))

    def x(value: float) -> float:
        span = (most - least) or 1.0
        return frame.left + margin + (value - least) / span * (frame.inner - 2 * margin)

    parts = [grid(frame, ticks, chart.unit)]
    if chart.x:
        told = [(x(tick), words.text_of(tick, chart.x_unit)) for tick in nice_ticks(least, most, 6) if least <= tick <= most]
    else:
        told = thinned([(x(place), str(label)) for place, label in zip(places, chart.labels, strict=True)], frame.inner)
    parts.append(labels_under(frame, told))
    for place, series in enumerate(chart.series):
        parts.append(_band(series, places, x, frame, place, steps=chart.steps))
    for place, series in enumerate(chart.series):
        parts.append(_line(chart, series, places, x, frame, place))
    parts.append(target_line(frame, target, chart.unit))
    return frame.height, joined(parts)


def _line(
    chart: Lines, series: Series, places: Sequence[float], x: Callable[[float], float], frame: Frame, place: int
) -> SafeString:
    strokes = _strokes(series.values, places, x, frame, steps=chart.steps)
    lines = format_html_join(
        "",
        '<polyline class="rk-line {}" points="{}" stroke-dasharray="{}"/>',
        ((colour_of(series, place), stroke, DASHES[place % len(DASHES)]) for stroke in strokes),
    )
    if chart.steps or len(places) > MOST_MARKS:
        return lines
    labels = [str(label) for label in chart.labels] or [words.text_of(each, chart.x_unit) for each in places]
    marks = format_html_join(
        "",
        '<circle class="rk-dot {}" cx="{}" cy="{}" r="3.5"><title>{}: {} {}</title></circle>',
        (
            (
                colour_of(series, place),
                px(x(at)),
                px(frame.y(value)),
                label,
                str(series.label),
                words.text_of(value, chart.unit),
            )
            for at, value, label in zip(places, series.values, labels, strict=True)
            if value is not None
        ),
    )
    return joined([lines, marks])


def _strokes(
    values: Sequence[float | None], places: Sequence[float], x: Callable[[float], float], frame: Frame, *, steps: bool
) -> list[str]:
    """A missing value ends one stroke; the next value begins another."""
    strokes: list[list[str]] = [[]]
    before: float | None = None
    for at, value in zip(places, values, strict=True):
        if value is None:
            strokes.append([])
            before = None
            continue
        if steps and before is not None:
            strokes[-1].append(f"{px(x(at))},{px(frame.y(before))}")
        strokes[-1].append(f"{px(x(at))},{px(frame.y(value))}")
        before = value
    return [" ".join(stroke) for stroke in strokes if stroke]


def _band(
    series: Series, places: Sequence[float], x: Callable[[float], float], frame: Frame, place: int, *, steps: bool
) -> SafeString:
    if not series.low or not series.high:
        return NOTHING
    ends = [
        (at, low, high)
        for at, low, high in zip(places, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    if len(ends) < 2:
        return NOTHING
    at = [each[0] for each in ends]
    over = _strokes([each[2] for each in ends], at, x, frame, steps=steps)[0].split(" ")
    under = _strokes([each[1] for each in ends], at, x, frame, steps=steps)[0].split(" ")
    return format_html(
        '<polygon class="rk-band {}" points="{}"/>', colour_of(series, place), " ".join([*over, *reversed(under)])
    )


# --- bars


@_body.register
def _bars(chart: Bars, width: int, target: float | None) -> tuple[float, SafeString]:
    frame, ticks = frame_for(reach_of(chart.series, target, from_zero=True), chart.unit, width)
    slot = frame.inner / max(1, len(chart.labels))
    thick = min(34.0, slot * 0.78 / max(1, len(chart.series)))
    parts = [grid(frame, ticks, chart.unit), labels_under(frame, _bar_labels(chart.labels, frame, slot))]
    for place, series in enumerate(chart.series):
        begin = frame.left + slot / 2 - thick * len(chart.series) / 2 + thick * place
        parts.append(
            _rects(
                chart,
                series,
                place,
                [
                    (begin + slot * index, thick, value, 0.0 if value is None else min(0.0, value), value)
                    for index, value in enumerate(series.values)
                ],
                frame,
            )
        )
        if series.low and series.high:
            parts.append(_whiskers(series, frame, begin + thick / 2, slot))
    parts.append(target_line(frame, target, chart.unit))
    return frame.height, joined(parts)


@_body.register
def _stacked(chart: Stacked, width: int, target: float | None) -> tuple[float, SafeString]:
    columns = len(chart.labels)
    sums = [sum(series.values[index] or 0 for series in chart.series) for index in range(columns)]
    unit = Unit.SHARE if chart.whole else chart.unit
    reach = (0.0, 1.0) if chart.whole else (0.0, max(sums, default=0.0))
    frame, ticks = frame_for(reach, unit, width)
    slot = frame.inner / max(1, columns)
    thick = min(46.0, slot * 0.78)
    parts = [grid(frame, ticks, unit), labels_under(frame, _bar_labels(chart.labels, frame, slot))]
    heights = [0.0] * columns
    for place, series in enumerate(chart.series):
        blocks = []
        for index in range(columns):
            value = series.values[index] or 0
            shown = (value / sums[index] if sums[index] else 0.0) if chart.whole else value
            begin = frame.left + slot * index + (slot - thick) / 2
            blocks.append((begin, thick, shown, heights[index], value))
            heights[index] += shown
        parts.append(_rects(chart, series, place, blocks, frame))
    return frame.height, joined(parts)


Block = tuple[float, float, float | None, float, float | None]
"""Left edge, width, height, where it stands, and the value that it tells."""


def _rects(chart: Bars | Stacked, series: Series, place: int, blocks: Sequence[Block], frame: Frame) -> SafeString:
    labels = [str(label) for label in chart.labels]
    drawn = []
    for (left, thick, shown, foot, value), label in zip(blocks, labels, strict=True):
        if shown is None or not shown:
            continue
        top, bottom = frame.y(foot + abs(shown)), frame.y(foot)
        told = words.text_of(value, chart.unit)
        drawn.append(
            (colour_of(series, place), px(left), px(top), px(thick), px(bottom - top), label, str(series.label), told)
        )
    rect = '<rect class="rk-fill {}" x="{}" y="{}" width="{}" height="{}" rx="1.5"><title>{}: {} {}</title></rect>'
    return format_html_join("", rect, drawn)


def _whiskers(series: Series, frame: Frame, middle: float, slot: float) -> SafeString:
    ends = zip(series.low, series.high, strict=True)
    lines = (
        (px(middle + slot * index), px(frame.y(low)), px(frame.y(high)))
        for index, (low, high) in enumerate(ends)
        if low is not None and high is not None
    )
    path = '<path class="rk-whisker" d="M{0} {1}V{2}"/>'
    return format_html_join("", path, lines)


def _bar_labels(labels: Sequence[str | Promise], frame: Frame, slot: float) -> list[tuple[float, str]]:
    return thinned([(frame.left + slot * (place + 0.5), str(label)) for place, label in enumerate(labels)], frame.inner)


# --- what lies, and what flows: each a module of its own

_body.register(Funnel, funnel)
_body.register(Rows, lying)
_body.register(Intervals, intervals)
_body.register(Flow, flow)


# --- scatter


@_body.register
def _scatter(chart: Scatter, width: int, target: float | None) -> tuple[float, SafeString]:
    xs, ys = [point[0] for point in chart.points], [point[1] for point in chart.points]
    both = [*xs, *ys, 0.0] if chart.diagonal else []
    frame, ticks = frame_for((min([*ys, *both, 0.0]), max([*ys, *both], default=1.0)), chart.y_unit, width, tall=True)
    least, most = (frame.low, frame.high) if chart.diagonal else (min([*xs, 0.0]), max(xs, default=1.0))

    def x(value: float) -> float:
        return frame.left + (value - least) / ((most - least) or 1.0) * frame.inner

    along = ticks if chart.diagonal else nice_ticks(least, most, 6)
    told = [(x(tick), words.text_of(tick, chart.x_unit)) for tick in along if least <= tick <= most]
    parts = [grid(frame, ticks, chart.y_unit), labels_under(frame, thinned(told, frame.inner))]
    if chart.diagonal:
        ends = (px(x(least)), px(frame.y(least)), px(x(most)), px(frame.y(most)))
        parts.append(format_html('<path class="rk-target" d="M{} {}L{} {}"/>', *ends))
    largest = max(chart.sizes, default=0.0) or 1.0
    for place, (across, up) in enumerate(chart.points):
        radius = 4 + 10 * math.sqrt(chart.sizes[place] / largest) if chart.sizes else 5
        label = str(chart.labels[place]) if chart.labels else ""
        values = f"{words.text_of(across, chart.x_unit)} · {words.text_of(up, chart.y_unit)}"
        dot = '<circle class="rk-bubble-dot rk-s1" cx="{}" cy="{}" r="{}"><title>{} {}</title></circle>'
        parts.append(format_html(dot, px(x(across)), px(frame.y(up)), px(radius), label, values))
    return frame.height, joined(parts)


# --- legends


def _legend(chart: Chart) -> SafeString:
    series = getattr(chart, "series", ())
    if len(series) < 2:
        return NOTHING
    dashed = isinstance(chart, Lines)
    swatch = '<li class="{}"><svg class="rk-swatch" viewBox="0 0 26 10" aria-hidden="true">{}</svg>{}</li>'
    line = '<path class="rk-line {0}" d="M1 5H25" stroke-dasharray="{1}"/>'
    fill = '<rect class="rk-fill {0}" x="8" width="10" height="10" rx="2"/>'
    entries = format_html_join(
        "",
        swatch,
        (
            (
                colour_of(each, place),
                format_html(line if dashed else fill, colour_of(each, place), DASHES[place % len(DASHES)]),
                str(each.label),
            )
            for place, each in enumerate(series)
        ),
    )
    return format_html('<ul class="rk-key">{}</ul>', entries)
