"""What figures of reports should be: set for the brand or for one shop, read and written as people write numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.conf import shop_currency
from core.errors import DomainError, FieldProblem, InvalidInput
from core.money import DECIMALS
from retention.models import ReportTarget
from retention.reports.base import Asked, Figure, Report
from retention.reports.words import Unit


class NoSuchFigure(DomainError):
    """The report has no such figure."""

    code = "unknown_figure"
    status = 422


def targets_of(report: Report, asked: Asked) -> dict[str, float]:
    """This function will return the targets of a report for the shop that is asked about, or the brand's."""
    of_shop: dict[str, Any] = {"shop_id": asked.shop_id}  # None is the brand
    found = ReportTarget.objects.filter(report=report.code, **of_shop)
    return dict(found.values_list("figure", "value"))


def brand_targets(code: str) -> dict[str, float]:
    """This function will return the brand's targets of a report, by figure."""
    return dict(ReportTarget.objects.filter(report=code, shop__isnull=True).values_list("figure", "value"))


def set_target(
    *, report: Report, values: Mapping[str, float | None], shop_id: int | None, now: datetime, by: str = ""
) -> None:
    """This function will set what figures should be, each in its own unit, all or none; None takes a target away.

    Raises NoSuchFigure.
    """
    codes = {figure.code for figure in report.figures}
    if not values.keys() <= codes:
        raise NoSuchFigure(_("The report has no such figure."))
    with transaction.atomic():
        for code, value in values.items():  # as many as a report has figures
            found: dict[str, Any] = {"report": report.code, "figure": code, "shop_id": shop_id}
            if value is None:
                ReportTarget.objects.filter(**found).delete()
            else:
                ReportTarget.objects.update_or_create(**found, defaults={"value": value, "set_by": by, "set_at": now})


def read_target(figure: Figure, text: str) -> float | None:
    """This function will read a target as people write it: a share in per cent, money in whole units. Empty is none."""
    told = text.strip().replace(",", "").replace("，", "").rstrip("%").strip()
    if not told:
        return None
    try:
        value = float(told)
    except ValueError:
        value = float("nan")
    if not abs(value) < LARGEST_TARGET:
        message = gettext("%(figure)s: “%(text)s” is not a number.") % {"figure": figure.label, "text": text[:40]}
        raise InvalidInput(message, problems=[FieldProblem(figure.code, "invalid_number", message)])
    return value * SCALES.get(figure.unit, 1.0) if figure.unit is not Unit.MONEY else value * 10 ** decimals()


def target_text(figure: Figure, value: float | None) -> str:
    """This function will write a target as `read_target` reads it."""
    if value is None:
        return ""
    shown = value / 10 ** decimals() if figure.unit is Unit.MONEY else value / SCALES.get(figure.unit, 1.0)
    return f"{shown:.10g}"


LARGEST_TARGET = 1e15
SCALES = {Unit.SHARE: 0.01}


def decimals() -> int:
    return DECIMALS.get(shop_currency(), 2)
