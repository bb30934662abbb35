"""The page of every report: a sentence, pictures, tables, the definition; targets; who may see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from retention.models import ReportTarget
from retention.reports.base import Report
from retention.services import reports as service
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests.db.retention.reports.every import EVERY
from tests.db.retention.reports.shop import make_shop
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


class TestThePage:
    @EVERY
    def test_shows_sentence_pictures_tables_and_definition(self, boss: Client, report: Report) -> None:
        make_shop(15)
        with time_machine.travel(NOW, tick=False):
            fit_models(as_of=NOW, now=NOW)
            page = boss.get(reverse("admin:retention_report", args=[report.code])).content.decode()
        assert str(report.question) in page
        assert "rk-headline" in page
        assert report.chinese_term in page
        assert "None" not in page.split('id="report"', 1)[1]

    @EVERY
    def test_gives_each_table_as_a_file(self, boss: Client, report: Report) -> None:
        make_shop(15, members=12, orders=60)
        response = boss.get(reverse("admin:retention_report", args=[report.code]), {"format": "csv"})
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert len(b"".join(response.streaming_content)) > 3

    def test_says_what_was_wrong_with_its_address_and_answers_all_the_same(self, boss: Client) -> None:
        address = reverse("admin:retention_report", args=["churn"])
        page = boss.get(address, {"from": "2026-03-01", "to": "2026-02-01", "shop": "nowhere"}).content.decode()
        assert "The period begins after it ends." in page
        assert "There is no such shop." in page
        assert "Nobody ordered in this time" in page

    def test_leaves_out_pictures_and_tables_of_nothing(self, boss: Client) -> None:
        make_order(make_member(), placed_at=NOW - timedelta(days=200))
        refresh(as_of=NOW)
        seen = boss.get(reverse("admin:retention_report", args=["refunds-complaints"])).context
        assert ([table["code"] for table in seen["tables"]], seen["pictures"]) == (["any"], [])

    def test_that_is_none_is_not_found(self, boss: Client) -> None:
        assert boss.get(reverse("admin:retention_report", args=["nothing"])).status_code == 404

    def test_is_for_those_who_may_see_reports(self) -> None:
        clerk = Client()
        clerk.force_login(User.objects.create_user("clerk", is_staff=True))
        assert clerk.get(reverse("admin:retention_report", args=["churn"])).status_code == 403
        assert clerk.post(reverse("admin:retention_report_targets", args=["churn"]), {"lost": "1"}).status_code == 403
        assert not ReportTarget.objects.exists()

    def test_sets_targets_and_draws_them(self, boss: Client) -> None:
        make_shop(15)
        address = reverse("admin:retention_report_targets", args=["churn"])
        answered = boss.post(f"{address}?shop=south", {"churn_rate": "7.5", "lost": "", "returned": "", "active": ""})
        assert ReportTarget.objects.get().value == pytest.approx(0.075)
        page = boss.get(answered.headers["Location"]).content.decode()
        assert "target 7.5%" in page
        assert 'class="rk-target"' in page

    def test_refuses_a_target_that_is_no_number(self, boss: Client) -> None:
        boss.post(reverse("admin:retention_report_targets", args=["churn"]), {"churn_rate": "few", "lost": "5"})
        assert not ReportTarget.objects.exists()

    def test_waits_for_a_job_where_counting_takes_long(self, boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        make_shop(15)
        monkeypatch.setattr(service, "MANY_ORDERS", 100)
        page = boss.get(reverse("admin:retention_report", args=["churn"])).content.decode()
        assert "Counting in the background" in page
        assert "data-open" in page
