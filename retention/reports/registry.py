"""All reports, in the order in which they are listed within their group. One that is added here has its page, its file and
its REST address."""

from __future__ import annotations

from retention.reports.base import Report
from retention.reports.churn import Churn
from retention.reports.morning import Morning

REPORTS: tuple[Report, ...] = (Morning(), Churn())
