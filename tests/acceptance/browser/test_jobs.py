"""A job's page moves while one looks at it, and stops moving when the job has ended."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from core.models import Job
from tests.acceptance.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def running() -> Job:
    now = timezone.now()
    return Job.objects.create(
        kind="members.import",
        params={"import": 1, "files": ["五月订单.csv"]},
        by="lin",
        state="running",
        done=4_200,
        total=10_000,
        attempts=1,
        created_at=now - timedelta(minutes=3),
        started_at=now - timedelta(minutes=2),
        heartbeat_at=now,
        claimable_at=now + timedelta(minutes=1),
    )


class TestAJobsPage:
    def test_shows_how_far_it_is_without_being_loaded_again(self, visitor: Visitor) -> None:
        job = running()
        page = visitor.visit(reverse("admin:core_job_change", args=[job.pk]))
        expect(page.get_by_role("status")).to_contain_text("Under way: 4,200 of 10,000 (42%)")
        _picture(visitor, "job")
        Job.objects.filter(pk=job.pk).update(
            state="done", done=10_000, finished_at=timezone.now(), result={"accepted": 10_000}
        )
        expect(page.get_by_role("status")).to_contain_text("Done, in")
        expect(page.get_by_text("Stop the job")).to_have_count(0)

    def test_is_reached_from_a_list_that_moves_too(self, visitor: Visitor) -> None:
        job = running()
        page = visitor.visit(reverse("admin:core_job_changelist"))
        expect(page.locator("#result_list")).to_contain_text("42%")
        _picture(visitor, "jobs")
        Job.objects.filter(pk=job.pk).update(done=5_000)
        expect(page.locator("#result_list")).to_contain_text("50%")
        page.get_by_role("link", name="Import", exact=True).first.click()
        page.get_by_role("link", name="Stop the job").click()
        _picture(visitor, "job-stop")
        page.get_by_role("button", name="Stop the job").click()
        expect(page.get_by_text("Import was asked to stop")).to_be_visible()
        assert Job.objects.get(pk=job.pk).cancel_requested_at is not None


def _picture(visitor: Visitor, name: str) -> None:
    """For who wants to look: PICTURES names a folder."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    for theme in ("light", "dark"):
        for width in (1440, 390):
            visitor.page.evaluate("theme => document.documentElement.classList.toggle('dark', theme === 'dark')", theme)
            visitor.page.set_viewport_size({"width": width, "height": 900})
            visitor.page.screenshot(path=Path(folder) / f"{name}-{theme}-{width}.png")
    visitor.page.set_viewport_size({"width": 1440, "height": 1000})
