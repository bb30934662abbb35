"""How the columns of some file are to be read, saved by name: said once by a person, used by every later import."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class MappingTarget(models.TextChoices):
    ORDERS = "orders", _("orders")
    MEMBERS = "members", _("members")
    EVENTS = "events", _("behaviour events")


class DateOrder(models.TextChoices):
    YEAR_FIRST = "ymd", _("year first: 2016-05-23, 2016/5/23")
    DAY_FIRST = "dmy", _("day first: 23/05/2016")
    MONTH_FIRST = "mdy", _("month first: 05/23/2016")


class ColumnMapping(models.Model):
    """`columns` says {column of the file: key of ours}, `constants` {key of ours: what every row has}."""

    name = models.CharField(_("name"), max_length=60)
    target = models.CharField(_("holds"), max_length=10, choices=MappingTarget)
    columns = models.JSONField(_("columns"), default=dict)
    constants = models.JSONField(_("the same in every row"), default=dict, blank=True)
    dates = models.CharField(_("dates are written"), max_length=3, choices=DateOrder, default=DateOrder.YEAR_FIRST)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="column_mapping_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="column_mapping_name_given"),
            models.CheckConstraint(condition=Q(target__in=MappingTarget.values), name="column_mapping_target_known"),
            models.CheckConstraint(condition=Q(dates__in=DateOrder.values), name="column_mapping_dates_known"),
        ]

    def __str__(self) -> str:
        return self.name
