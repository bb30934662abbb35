"""Pictures that are read line by line: funnels, bars that lie, intervals. Each label has its own line and may be long."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from retention.reports import words
from retention.reports.charts import Funnel, Intervals, Rows
from retention.reports.drawing import LETTER, WIDE, colour_of, cut, joined, letters, nice_ticks, px
from retention.reports.words import Unit


def funnel(chart: Funnel, width: int, target: float | None) -> tuple[float, SafeString]:
    """This function will draw the steps of a funnel, one under the other."""
    narrow = width < WIDE
    labels = [str(label) for label in chart.labels]
    side = 0.0 if narrow else min(width * 0.3, 14 + LETTER * max((letters(label) for label in labels), default=0))
    room, step, most = width - side - 120.0, 52.0 if narrow else 38.0, max(chart.values, default=0) or 1
    parts = []
    for place, (label, value) in enumerate(zip(labels, chart.values, strict=True)):
        top, long = place * step, room * value / most
        share = words.percent(value / most)
        text_at = (0.0, top + 14) if narrow else (side - 8, top + 21)
        bar_top = top + (18 if narrow else 4)
        parts.append(
            format_html(
                '<text class="rk-axis{}" x="{}" y="{}">{}</text>'
                '<rect class="rk-fill rk-s1" x="{}" y="{}" width="{}" height="24" rx="2"/>'
                '<text class="rk-axis rk-strong" x="{}" y="{}">{} · {}</text>',
                "" if narrow else " rk-end",
                px(text_at[0]),
                px(text_at[1]),
                label,
                px(side),
                px(bar_top),
                px(max(2.0, long)),
                px(side + long + 8),
                px(bar_top + 17),
                words.number(value),
                share,
            )
        )
    return len(labels) * step + 4, joined(parts)


BESIDE = 30
"""Letters of a label up to which it stands beside its bar; a longer one stands above it."""


def lying(chart: Rows, width: int, target: float | None) -> tuple[float, SafeString]:
    """This function will draw bars that lie, each with its label before or above it and its value behind it."""
    labels = [str(label) for label in chart.labels]
    longest = max((letters(label) for label in labels), default=0)
    above = width < WIDE or longest > BESIDE
    side = 0.0 if above else 14 + LETTER * longest
    room, step, bar_top = width - side - 90.0, 46.0 if above else 32.0, 18.0 if above else 4.0
    sums = [sum(series.values[place] or 0 for series in chart.series) for place in range(len(labels))]
    ends = [high for series in chart.series for high in series.high if high is not None]
    most = 1.0 if chart.whole else max([*sums, *ends], default=0) or 1.0
    parts = []
    for place, (label, total) in enumerate(zip(labels, sums, strict=True)):
        top = place * step
        at = (0.0, top + 13) if above else (side - 8, top + bar_top + 15)
        shown = cut(label, width if above else side)
        text = '<text class="rk-axis{}" x="{}" y="{}">{}<title>{}</title></text>'
        parts.append(format_html(text, "" if above else " rk-end", px(at[0]), px(at[1]), shown, label))
        scale = room / (total or 1.0) if chart.whole else room / most
        begin = side
        for number, series in enumerate(chart.series):
            value = series.values[place]
            if not value:
                continue
            rect = '<rect class="rk-fill {}" x="{}" y="{}" width="{}" height="20" rx="1.5"><title>{}: {} {}</title></rect>'
            told = words.text_of(value, chart.unit)
            size = (px(begin), px(top + bar_top), px(max(1.0, value * scale)))
            parts.append(format_html(rect, colour_of(series, number), *size, label, str(series.label), told))
            begin += value * scale
        reach = begin
        for series in chart.series[:1]:
            low, high = (series.low[place], series.high[place]) if series.low and series.high else (None, None)
            if low is not None and high is not None:
                line = '<path class="rk-whisker" d="M{} {}H{}"/>'
                parts.append(format_html(line, px(side + low * scale), px(top + bar_top + 10), px(side + high * scale)))
                reach = max(reach, side + high * scale)
        values = [series.values[place] for series in chart.series]
        told = words.text_of(total if any(value is not None for value in values) else None, chart.unit)
        strong = '<text class="rk-axis rk-strong" x="{}" y="{}">{}</text>'
        parts.append(format_html(strong, px(reach + 8), px(top + bar_top + 15), told))
    return len(labels) * step + 4, joined(parts)


def intervals(chart: Intervals, width: int, target: float | None) -> tuple[float, SafeString]:
    """This function will draw values with what they may be, on a line through zero."""
    narrow = width < WIDE
    labels = [str(label) for label in chart.labels]
    known = [each for each in [*chart.low, *chart.high, *chart.values, 0.0] if each is not None]
    least, most = min(known), max(known)
    side = 0.0 if narrow else min(width * 0.35, 14 + LETTER * max((letters(label) for label in labels), default=0))
    step = 40.0 if narrow else 28.0
    room = width - side - 20
    span = (most - least) or 1.0

    def x(value: float) -> float:
        return side + 10 + (value - least) / span * room

    height = len(labels) * step + 26
    ticks = [tick for tick in nice_ticks(least, most, 3 if narrow else 6) if least <= tick <= most]
    parts = [format_html('<path class="rk-grid-line" d="M{} 0V{}"/>', px(x(tick)), px(height - 22)) for tick in ticks]
    parts += [
        format_html(
            '<text class="rk-axis rk-mid" x="{}" y="{}">{}</text>', px(x(tick)), px(height - 6), _signed(tick, chart.unit)
        )
        for tick in ticks
    ]
    parts.append(format_html('<path class="rk-zero" d="M{} 0V{}"/>', px(x(0.0)), px(height - 22)))
    for place, label in enumerate(labels):
        top = place * step
        middle = top + (28.0 if narrow else 14.0)
        at = (0.0, top + 14) if narrow else (side - 6, top + 18)
        text = '<text class="rk-axis{}" x="{}" y="{}">{}</text>'
        parts.append(format_html(text, "" if narrow else " rk-end", px(at[0]), px(at[1]), label))
        value, low, high = chart.values[place], chart.low[place], chart.high[place]
        if low is not None and high is not None:
            line = '<path class="rk-whisker" d="M{} {}H{}"/>'
            parts.append(format_html(line, px(x(low)), px(middle), px(x(high))))
        if value is not None:
            dot = '<circle class="rk-dot rk-s1" cx="{}" cy="{}" r="4.5"><title>{}: {}</title></circle>'
            parts.append(format_html(dot, px(x(value)), px(middle), label, _signed(value, chart.unit)))
    return height, joined(parts)


def _signed(value: float, unit: Unit) -> str:
    if unit is Unit.SHARE:
        return f"{value * 100:+.1f}" if value else "0"
    told = words.text_of(value, unit)
    return f"+{told}" if value > 0 else told
