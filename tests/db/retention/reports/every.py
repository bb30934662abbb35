"""A test of every report there is, by its code."""

from __future__ import annotations

import pytest

from retention.reports.registry import REPORTS

EVERY = pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.code)
