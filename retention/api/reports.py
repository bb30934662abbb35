"""Reports: which there are, and what each answers about a period and a shop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import CharField, Field
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import InstantField, TextField
from core.api.pages import Cursor, CursorPages, Order
from core.api.views import ApiView
from core.errors import FieldProblem, InvalidInput
from core.models import Job, Scope
from core.periods import date_of
from retention.api.files import csv_response
from retention.reports.base import Figure, Report, Table
from retention.reports.registry import REPORTS
from retention.services.reports import Answer, answer, find_report, read_question

OPTIONS: dict[str, dict[str, None]] = {}
"""What some report can be asked besides, with all its choices; each refuses what is not its own."""
for _report in REPORTS:
    for _option in _report.options:
        OPTIONS.setdefault(_option.code, {}).update(dict.fromkeys(code for code, _label in _option.choices))


class ReportQuery(serializers.Serializer[Any]):
    """A period in dates, both included, of one shop or of all. What is left empty is not asked for."""

    shop = TextField(required=False, help_text=_("short name; absent: all shops together"))
    format = serializers.ChoiceField(["json", "csv"], required=False, default="json")
    table = TextField(required=False, help_text=_("which table a CSV holds; absent: the first"))
    compare = serializers.ChoiceField(
        ["none", "previous"], required=False, default="none", help_text=_("previous: the figures of the period before too")
    )

    def get_fields(self) -> dict[str, Any]:
        ends = {
            "from": TextField(
                required=False,
                help_text=_("first day (2026-01-31), or a time with an offset in it; absent: the report's own period"),
            ),
            "to": TextField(
                required=False,
                help_text=_(
                    "last day, included, or the time with an offset that ends it; absent: the last day that is known"
                ),
            ),
        }
        choices = {
            code: TextField(required=False, help_text=", ".join(choices)) for code, choices in sorted(OPTIONS.items())
        }
        return {**super().get_fields(), **ends, **choices}

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({name: value for name, value in data.items() if value != ""})


class ColumnOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField(help_text=_("text, count, share (0.25 is 25%), money (minor units), days, number or date"))


class TableOut(serializers.Serializer[Any]):
    """`rows` are objects by the columns' names; null is not known."""

    name = serializers.CharField()
    title = serializers.CharField()
    columns = ColumnOut(many=True)
    rows = serializers.ListField(child=serializers.DictField())


class ReportFigureOut(serializers.Serializer[Any]):
    """A number of the report; `previous` of the period before, where that was asked for."""

    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    previous = serializers.FloatField(allow_null=True)
    target = serializers.FloatField(allow_null=True)


class ReportOptionOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())
    default = serializers.CharField()


class ReportListedOut(serializers.Serializer[Any]):
    """A report: the question it answers and what else it can be asked."""

    name = serializers.CharField()
    group = serializers.CharField()
    question = serializers.CharField()
    term = serializers.CharField()
    chinese_term = serializers.CharField()
    definition = serializers.CharField()
    formula = serializers.CharField()
    by_shop = serializers.BooleanField()
    compares = serializers.BooleanField()
    options = ReportOptionOut(many=True)


class ReportOut(serializers.Serializer[Any]):
    """What a report answers: sentences first, then figures, then tables, then what to bear in mind."""

    name = serializers.CharField()
    question = serializers.CharField()
    term = serializers.CharField()
    chinese_term = serializers.CharField()
    definition = serializers.CharField()
    formula = serializers.CharField()
    shop = serializers.CharField(allow_null=True)
    to = serializers.DateField(help_text=_("last day, included; never later than what is known"))
    options = serializers.DictField(child=serializers.CharField())
    as_of = InstantField()
    counted_at = InstantField()
    sentences = serializers.ListField(child=serializers.CharField())
    figures = ReportFigureOut(many=True)
    tables = TableOut(many=True)
    notes = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {"from": serializers.DateField(), **fields}


class CountingOut(serializers.Serializer[Any]):
    """The answer takes a while: ask again, or follow the job."""

    job = serializers.IntegerField()
    address = serializers.URLField()


class ReportPages(CursorPages):
    """Pages of a list that stands in the code, by name."""

    def fields(self, queryset: Any, order: Order) -> list[Field[Any, Any]]:
        return [CharField()]

    def rows(self, queryset: Any, order: Order, cursor: Cursor | None, *, most: int) -> list[Any]:
        rows = sorted(queryset, key=lambda row: str(row["name"]), reverse=self._back)
        if cursor is not None:
            after = str(cursor.values[0])
            rows = [row for row in rows if (row["name"] < after if self._back else row["name"] > after)]
        return rows[:most]


class ReportList(ApiView):
    """The reports there are."""

    scopes = {"GET": Scope.REPORTS_READ}
    pagination_class = ReportPages

    @extend_schema(operation_id="reports_list", responses=ReportListedOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page([_listed(report) for report in REPORTS], order=("name",), render=_as_listed)


class ReportDetail(ApiView):
    """One report."""

    scopes = {"GET": Scope.REPORTS_READ}
    query_in = ReportQuery

    @extend_schema(
        operation_id="reports_get",
        responses={200: ReportOut, 202: OpenApiResponse(CountingOut, description="Counting in the background.")},
    )
    def get(self, request: Request, name: str) -> Response | StreamingHttpResponse:
        """What the report answers about a period, both dates included, of one shop or of all.

        Where counting takes long the answer is `202` with the job that does it; ask again until it is `200`.
        """
        report = find_report(name)
        given = self.query()
        wanted, table = given.pop("format"), given.pop("table", "")
        _demand_own(report, given)
        question = read_question(report=report, given=given, now=timezone.now())
        answered = answer(question=question, now=timezone.now())
        if isinstance(answered, Job):
            address = request.build_absolute_uri(f"/api/v1/jobs/{answered.pk}/")
            counting = CountingOut({"job": answered.pk, "address": address}).data
            return Response(counting, status=202, headers={"Retry-After": "5"})
        if wanted == "csv":
            return _file(answered, table)
        return Response(ReportOut(_told(answered)).data)


def _demand_own(report: Report, given: dict[str, Any]) -> None:
    own = {option.code for option in report.options}
    problems = [
        FieldProblem(code, "unknown_parameter", _("This report has no such choice."))
        for code in given
        if code in OPTIONS and code not in own
    ]
    if problems:
        raise InvalidInput(_("The input is not valid."), problems=problems)


def _file(answered: Answer, code: str) -> StreamingHttpResponse:
    """A table as it stands in JSON: names of columns, shares as fractions, money in minor units."""
    tables = {table.code: table for table in answered.result.tables}
    if code and code not in tables:
        message = _("This report has no such table here. It has: %(tables)s.") % {"tables": ", ".join(tables) or "-"}
        raise InvalidInput(_("The input is not valid."), problems=[FieldProblem("table", "unknown_table", message)])
    name = answered.question.report.code
    table = tables[code] if code else next(iter(tables.values()), None)
    if table is None:
        return csv_response(["sentence"], [[str(sentence)] for sentence in answered.result.sentences], name=name)
    return csv_response([column.code for column in table.columns], table.rows, name=f"{name}-{table.code}")


def _as_listed(rows: Sequence[Any]) -> list[Any]:
    return list(ReportListedOut(rows, many=True).data)


def _listed(report: Report) -> dict[str, Any]:
    return {
        **_named(report),
        "group": report.group,
        "by_shop": report.by_shop,
        "compares": report.compares and not report.standing,
        "options": [
            {
                "name": option.code,
                "title": option.label,
                "choices": [code for code, _label in option.choices],
                "default": option.default,
            }
            for option in report.options
        ],
    }


def _named(report: Report) -> dict[str, Any]:
    words = ("question", "term", "chinese_term", "definition", "formula")
    return {"name": report.code, **{word: str(getattr(report, word)) for word in words}}


def _told(answered: Answer) -> dict[str, Any]:
    question, result = answered.question, answered.result
    return {
        **_named(question.report),
        "shop": question.asked.shop or None,
        "from": date_of(question.asked.first_day),
        "to": date_of(question.asked.last_day),
        "options": question.asked.options,
        "as_of": answered.as_of,
        "counted_at": answered.counted_at,
        "sentences": [str(sentence) for sentence in result.sentences],
        "figures": [_figure(figure, answered) for figure in question.report.figures],
        "tables": [_table(table) for table in result.tables],
        "notes": [str(note) for note in result.notes],
    }


def _figure(figure: Figure, answered: Answer) -> dict[str, Any]:
    return {
        "name": figure.code,
        "title": str(figure.label),
        "unit": figure.unit.value,
        "value": answered.result.values.get(figure.code),
        "previous": answered.before.get(figure.code),
        "target": answered.targets.get(figure.code),
    }


def _table(table: Table) -> dict[str, Any]:
    names = [column.code for column in table.columns]
    return {
        "name": table.code,
        "title": str(table.title),
        "columns": [{"name": each.code, "title": str(each.label), "unit": each.unit.value} for each in table.columns],
        "rows": [dict(zip(names, row, strict=True)) for row in table.rows],
    }
