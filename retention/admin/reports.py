"""Reports: the list of questions, and one page for each, made alike from what the report answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext

from core.admin.base import ReadOnlyAdmin
from core.admin.display import change_url, list_url
from core.errors import DomainError, InvalidInput
from core.models import Job
from core.periods import date_of
from core.services.clock import clock_is_ticking
from retention.admin.files import csv_file
from retention.admin.report_shown import shown, targets_shown
from retention.models import ReportAnswer
from retention.reports.base import GROUPS, Report, Table
from retention.reports.registry import REPORTS
from retention.reports.words import cell_of
from retention.services.reports import (
    Answer,
    NoSuchReport,
    Question,
    answer,
    find_report,
    read_question,
    shop_choices,
)
from retention.services.targets import read_target, set_target


@admin.register(ReportAnswer)
class ReportAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("about/<slug:code>/", wrap(self.report_view), name="retention_report"),
            path("about/<slug:code>/targets/", wrap(self.targets_view), name="retention_report_targets"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._demand_view(request)
        groups = [
            (label, [(report, report_url(report)) for report in REPORTS if report.group == code])
            for code, label in GROUPS.items()
        ]
        return self.page(
            request,
            "retention/admin/reports/list.html",
            title=gettext("Reports"),
            groups=[(label, reports) for label, reports in groups if reports],
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        kept = self.viewable(request, object_id)
        return HttpResponseRedirect(report_url(_report(kept.report)))

    # --- one report

    def report_view(self, request: HttpRequest, code: str) -> HttpResponse | StreamingHttpResponse:
        self._demand_view(request)
        report = _report(code)
        wrong: list[str] = []
        question = _question(report, request, wrong)
        answered = answer(question=question, now=timezone.now())
        if request.GET.get("format") == "csv" and isinstance(answered, Answer):
            return _file(answered, request.GET.get("table", ""))
        return self.page(
            request,
            "retention/admin/reports/report.html",
            title=str(report.question),
            report=report,
            wrong=wrong,
            back=list_url("retention_reportanswer"),
            asked=_asked(question),
            query=urlencode(_parameters(question)),
            shops=shop_choices() if report.by_shop else [],
            options=[(option, question.asked.options[option.code]) for option in report.options],
            targets=targets_shown(question) if request.user.has_perm("retention.change_reporttarget") else [],
            targets_url=reverse("admin:retention_report_targets", args=[report.code]),
            **(_waiting(request, answered) if isinstance(answered, Job) else shown(request, answered)),
        )

    def targets_view(self, request: HttpRequest, code: str) -> HttpResponse:
        """What is left empty has no target any more; what is no number is said and changes nothing."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("retention.change_reporttarget"):
            raise PermissionDenied
        report = _report(code)
        question = _question(report, request, [])
        try:
            given = {figure.code: read_target(figure, request.POST.get(figure.code, "")) for figure in report.figures}
            set_target(
                report=report,
                values=given,
                shop_id=question.asked.shop_id,
                now=timezone.now(),
                by=request.user.get_username(),
            )
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, gettext("The targets are set."))
        return HttpResponseRedirect(f"{report_url(report)}?{urlencode(_parameters(question))}")

    def _demand_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def report_url(report: Report) -> str:
    return reverse("admin:retention_report", args=[report.code])


def _report(code: str) -> Report:
    try:
        return find_report(code)
    except NoSuchReport as error:
        raise Http404(str(error)) from error


def _question(report: Report, request: HttpRequest, wrong: list[str]) -> Question:
    """What is wrong with the address is said, and the report's own defaults stand in its place.

    The period before is set beside it unless somebody asks for it not to be.
    """
    names = ("from", "to", "shop", "compare", *(option.code for option in report.options))
    given: dict[str, str] = {"compare": "previous", **{name: request.GET[name] for name in names if name in request.GET}}
    now = timezone.now()
    try:
        return read_question(report=report, given=given, now=now)
    except InvalidInput as error:
        wrong += [str(problem.message) for problem in error.problems]
        bad = {problem.path for problem in error.problems}
        bad |= {"to"} if "from" in bad else set()
        return read_question(report=report, given={name: each for name, each in given.items() if name not in bad}, now=now)


def _asked(question: Question) -> dict[str, Any]:
    asked = question.asked
    return {
        "first": date_of(asked.first_day).isoformat(),
        "last": date_of(max(asked.first_day, asked.last_day)).isoformat(),
        "first_day": asked.first_day,
        "last_day": asked.last_day,
        "shop": asked.shop,
        "compare": question.compare,
    }


def _parameters(question: Question) -> Mapping[str, str]:
    """The address that asks the same again."""
    told = _asked(question)
    compare = "previous" if question.compare else "none"
    return {"from": told["first"], "to": told["last"], "shop": told["shop"], "compare": compare, **question.asked.options}


def _waiting(request: HttpRequest, job: Job) -> dict[str, Any]:
    return {
        "job": job,
        "job_url": change_url("core_job", job.pk) if request.user.has_perm("core.view_job") else "",
        "job_share": job.done / job.total if job.total else None,
        "silent": not clock_is_ticking(now=timezone.now()),
    }


def _file(answered: Answer, code: str) -> StreamingHttpResponse | HttpResponse:
    """A table of the report for a spreadsheet: labels as people read them, money in whole units."""
    tables = answered.result.tables
    table: Table | None = next((table for table in tables if table.code == code), tables[0] if tables else None)
    name = f"{answered.question.report.code}-{table.code}" if table else answered.question.report.code
    if table is None:
        return csv_file([gettext("what was found")], [[str(sentence)] for sentence in answered.result.sentences], name=name)
    rows = ([cell_of(value, column.unit) for value, column in zip(row, table.columns, strict=True)] for row in table.rows)
    return csv_file([str(column.label) for column in table.columns], rows, name=name)
