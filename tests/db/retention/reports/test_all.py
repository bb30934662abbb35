"""What every report owes of a shop that has everything: a page, a REST answer and a file."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from retention.reports.registry import REPORTS
from retention.services.refresh import refresh
from tests.db.retention.reports.random_shop import make_random_shop
from tests.factories import NOW
from tests.rest import caller

pytestmark = pytest.mark.django_db


class TestEveryReport:
    def test_has_a_page_an_answer_and_a_file(self) -> None:
        """In one test, because a full shop takes longer to make than to report on."""
        make_random_shop(3)
        refresh(as_of=NOW)
        reader = Client()
        reader.force_login(User.objects.create_superuser("reader"))
        api = caller("reports:read")
        for report in REPORTS:
            page = reverse("admin:retention_report", args=[report.code])
            with override("zh-hans"):
                assert reader.get(page, {"shop": "north"} if report.by_shop else {}).status_code == 200, report.code
            answer = api.get(f"reports/{report.code}/").json()
            assert answer["sentences"], report.code
            told = {figure["name"]: figure["value"] for figure in answer["figures"]}
            assert set(told) == {figure.code for figure in report.figures}, report.code
            file = reader.get(page, {"format": "csv"})
            assert file.status_code == 200, report.code
