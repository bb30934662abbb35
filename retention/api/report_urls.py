"""Where reports live under /api/v1/: after the addresses of reports that other apps answer."""

from django.urls import path

import core.api.converters  # noqa: F401 - registers the path parameters
from retention.api.reports import ReportDetail, ReportList

urlpatterns = [
    path("reports/", ReportList.as_view()),
    path("reports/<segment:name>/", ReportDetail.as_view()),
]
