"""A report's answer as its page shows it: figures with their change and target, pictures, tables whose numbers are links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext

from core.admin.rules import make_segment_url
from retention.reports import words
from retention.reports.base import Figure, Table
from retention.reports.charts import Chart, Heat, Rule
from retention.reports.svg import draw
from retention.reports.words import Unit, text_of
from retention.services.reports import Answer, Question
from retention.services.targets import target_text, targets_of

ARROWS = {1: "trending_up", -1: "trending_down", 0: "trending_flat"}


def shown(request: HttpRequest, answered: Answer) -> dict[str, Any]:
    """This function will make the page's parts of an answer."""
    result = answered.result
    return {
        "sentences": [str(sentence) for sentence in result.sentences],
        "figures": [
            _figure(figure, answered)
            for figure in answered.question.report.figures
            if result.values.get(figure.code) is not None
        ],
        "pictures": [_picture(request, chart, answered.targets) for chart in result.charts if chart.shows_something()],
        "tables": [_table(request, table) for table in result.tables if table.rows],
        "notes": [str(note) for note in result.notes],
        "counted_at": answered.counted_at,
        "as_of": answered.as_of,
        "before": _before(answered) if any(value is not None for value in answered.before.values()) else None,
    }


def _before(answered: Answer) -> tuple[int, int]:
    before = answered.question.asked.before()
    return before.first_day, before.last_day


def _figure(figure: Figure, answered: Answer) -> dict[str, Any]:
    value = answered.result.values[figure.code]
    before, target = answered.before.get(figure.code), answered.targets.get(figure.code)
    told: dict[str, Any] = {"label": figure.label, "value": text_of(value, figure.unit)}
    if value is not None and before is not None:
        way = (value > before) - (value < before)
        told["change"] = change_text(value, before, figure.unit)
        told["arrow"] = ARROWS[way]
        told["colour"] = "green" if way * figure.better > 0 else "red" if way * figure.better < 0 else "grey"
    if value is not None and target is not None:
        told["target"] = text_of(target, figure.unit)
        reached = figure.better == 0 or (value - target) * figure.better >= 0
        told["target_colour"], told["target_icon"] = ("green", "check_circle") if reached else ("amber", "flag")
        told["target_word"] = gettext("reached") if reached else gettext("not reached")
    return told


def change_text(value: float, before: float, unit: Unit) -> str:
    """This function will say how a figure changed: shares by points, everything else by per cent of what it was."""
    if unit is Unit.SHARE:
        return words.points(value - before)
    if not before:
        return gettext("before: %(value)s") % {"value": text_of(before, unit)}
    return f"{(value - before) / abs(before) * 100:+.1f}%"


def _picture(request: HttpRequest, chart: Chart, targets: Mapping[str, float]) -> dict[str, Any]:
    if isinstance(chart, Heat):
        return {"title": chart.title, "heat": _heat(request, chart)}
    return {"title": chart.title, "drawing": draw(chart, target=targets.get(getattr(chart, "figure", "")))}


def _heat(request: HttpRequest, chart: Heat) -> dict[str, Any]:
    shades = chart.shade or chart.values
    known = [value for row in shades for value in row if value is not None]
    most = max(known, default=0.0) or 1.0

    def cell(row: int, column: int) -> dict[str, Any]:
        value, shade = chart.values[row][column], shades[row][column]
        return {
            "text": "" if value is None else text_of(value, chart.unit),
            "shade": None if shade is None else max(0.0, shade) / most,
            "title": str(chart.titles[row][column]) if chart.titles else "",
            "url": _behind(request, chart.rules.get((row, column))),
        }

    def mean(value: float | None) -> str:
        return "" if value is None else text_of(value, chart.unit)

    return {
        "corner": chart.corner,
        "columns": chart.columns,
        "sizes_label": chart.sizes_label if chart.sizes else "",
        "means_label": chart.means_label if chart.row_means else "",
        "rows": [
            {
                "label": label,
                "size": words.number(chart.sizes[place]) if chart.sizes else "",
                "cells": [cell(place, column) for column in range(len(chart.columns))],
                "mean": mean(chart.row_means[place]) if chart.row_means else "",
            }
            for place, label in enumerate(chart.rows)
        ],
        "last": [mean(value) for value in chart.column_means],
        "last_label": chart.means_label,
    }


def _table(request: HttpRequest, table: Table) -> dict[str, Any]:
    return {
        "code": table.code,
        "title": table.title,
        "columns": [(column.label, column.unit is not Unit.TEXT) for column in table.columns],
        "rows": [
            [
                {
                    "text": "" if value is None and column.blank else text_of(value, column.unit),
                    "known": value is not None,
                    "right": column.unit is not Unit.TEXT,
                    "url": _behind(request, table.rules.get((place, column.code))),
                }
                for value, column in zip(row, table.columns, strict=True)
            ]
            for place, row in enumerate(table.rows)
        ],
    }


def _behind(request: HttpRequest, rule: Rule | None) -> str:
    """The builder with the rule of who stands behind a number, for those who may make a segment of it."""
    return "" if rule is None else make_segment_url(request, rule)


def targets_shown(question: Question) -> list[dict[str, Any]]:
    """This function will give the fields of the targets: code, label with its unit, what is set now."""
    now = targets_of(question.report, question.asked)
    return [
        {
            "code": figure.code,
            "label": figure.label,
            "unit": _unit(figure.unit),
            "value": target_text(figure, now.get(figure.code)),
        }
        for figure in question.report.figures
    ]


def _unit(unit: Unit) -> str:
    if unit is Unit.SHARE:
        return "%"
    if unit is Unit.DAYS:
        return gettext("days")
    return words.currency_symbol() if unit is Unit.MONEY else ""
