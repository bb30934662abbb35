"""The lists behind the numbers of the data quality page: members, orders, products and events that a look found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.panels import Filter, member_filters
from members.admin.quality_words import told
from members.models import QualityFinding
from members.services.quality import EXAMPLES, latest_look
from members.services.quality_measures import MEASURES

PARAMETER = "quality"


def found_by_look(code: str) -> QuerySet[QualityFinding, Any] | None:
    """This function will return the ids that the last look kept for a measure; None where it found nothing so called."""
    look = latest_look()
    if look is None or not look.counts.get(code):
        return None
    return QualityFinding.objects.filter(look=look, code=code).values("object_id")


def _choices(code: str) -> list[tuple[str, str]]:
    """Offered only while chosen: one comes here from a number."""
    look = latest_look() if code else None
    count = look.counts.get(code, 0) if look else 0
    if not count:
        return []
    words = told(code)
    return [(code, words if count <= EXAMPLES else gettext("%(what)s (the newest 1,000)") % {"what": words})]


class QualityFilter(SimpleListFilter):
    title = _("data quality")
    parameter_name = PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(_choices(request.GET.get(PARAMETER, "")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = found_by_look(self.value() or "")
        return queryset if found is None else queryset.filter(pk__in=found)


def _rule(code: str) -> Mapping[str, Any]:
    measure = MEASURES.get(code)
    return (measure.rule if measure else None) or {}


member_filters.register(
    Filter(PARAMETER, _("data quality"), lambda request: _choices(request.GET.get(PARAMETER, "")), found_by_look, _rule)
)
