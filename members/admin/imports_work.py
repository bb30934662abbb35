"""What every page of an import needs: where its steps are, and what its job is doing."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from core.admin.base import RekindleAdmin
from core.conf import has_broker
from core.models import Job
from core.services.clock import clock_is_ticking
from members.admin.imports_words import progress_sentence
from members.models import Import, ImportState
from members.services.imports import busy

LABEL = "members_import"
TEMPLATES = "members/admin/"


def url_of(step: str, found: Import) -> str:
    """This function will return the address of a step of an import."""
    return reverse(f"admin:{LABEL}_{step}", args=[found.pk])


def work_of(admin: RekindleAdmin, request: HttpRequest, found: Import) -> dict[str, Any]:
    """This function will tell what an import's job is doing, and what may be done about it."""
    job, working = found.job, busy(found)
    may = admin.has_change_permission(request, found)
    ended = not working and found.cleaned_at is None
    return {
        "working": working,
        "progress": progress_sentence(found, job) if job and working else "",
        "done": job.done if job else 0,
        "total": job.total if job else 0,
        "progress_url": url_of("progress", found),
        "error": job.error if job and job.state == Job.State.FAILED else "",
        "stopped": bool(job and job.state == Job.State.CANCELLED),
        "clock": _no_clock() if working else "",
        "may_stop": may and working,
        "may_go_on": may and ended and found.state == ImportState.IMPORTING,
        "may_go_on_undoing": may and ended and found.state == ImportState.UNDOING,
        "may_undo": may and ended and found.state in (ImportState.IMPORTING, ImportState.IMPORTED),
    }


def _no_clock() -> str:
    if clock_is_ticking(now=timezone.now()):
        return ""
    return "celery -A config.celery worker" if has_broker() else "python manage.py tick --loop"
