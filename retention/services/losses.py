"""What visitors spent with other sellers, as somebody was told it: kept, and taken into the report at once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from retention.models import LossFigure, ReportAnswer
from retention.reports.visitor_loss import VisitorLoss


def keep_loss_figure(*, figure: LossFigure, now: datetime, by: str = "") -> None:
    """This function will save a figure that was checked, and have the report on visitors counted anew."""
    figure.told_at, figure.told_by = now, by
    with transaction.atomic():
        figure.save()
        _count_anew()


def forget_loss_figure(*, figure: LossFigure) -> None:
    """This function will delete a figure, and have the report on visitors counted anew."""
    with transaction.atomic():
        figure.delete()
        _count_anew()


def _count_anew() -> None:
    ReportAnswer.objects.filter(report=VisitorLoss.code).delete()
