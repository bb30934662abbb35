"""Long work: how far it is, what came of it, and a word to stop it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.auth import MissingScope, api_key_of
from core.api.fields import InstantField, KnownText, TextField
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import NotFound
from core.models import ApiKey, Job, Scope
from core.services.jobs import cancel_job, find_job, job_listing
from members.services.imports import IMPORT_JOB

LONGEST_ID = 18
"""Digits of an id that a 64-bit column can hold."""


class JobQuery(serializers.Serializer[Any]):
    """What the list of jobs can be asked."""

    state = serializers.ChoiceField(Job.State.choices, required=False)
    kind = TextField(required=False, max_length=40)


class JobOut(serializers.Serializer[Any]):
    """Long work. `share` is done / total, null while the total is not known; `result` is empty until it is done."""

    id = serializers.IntegerField()
    address = serializers.SerializerMethodField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(Job.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    share = serializers.SerializerMethodField()
    said = KnownText(help_text=_("what it is doing now, for people"))
    result = serializers.SerializerMethodField(
        help_text=_("what came of it; an import's says accepted, rejected, reasons, and where its own page and rejects are")
    )
    error = KnownText(help_text=_("why it failed, or why it is tried again; for people"))
    by = KnownText(help_text=_("who asked for it"))
    created_at = InstantField()
    started_at = InstantField(allow_null=True)
    cancel_requested_at = InstantField(allow_null=True)
    finished_at = InstantField(allow_null=True)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_address(self, job: Job) -> str:
        return address_of_job(self.context["request"], job)

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_result(self, job: Job) -> dict[str, Any]:
        """With the addresses under which more of it is found."""
        result = dict(job.result)
        if "import" in result:
            page = self.context["request"].build_absolute_uri(f"/api/v1/imports/{result['import']}/")
            result["address"] = page
            if result.get("rejected") and job.kind == IMPORT_JOB:
                result["rejects"] = f"{page}rejects/"
        return result

    def get_share(self, job: Job) -> float | None:
        if job.state == Job.State.DONE:
            return 1.0
        return round(min(1.0, job.done / job.total), 4) if job.total else None


class JobList(ApiView):
    """Jobs, the latest first: all with `reports:read`, else those that the key itself asked for."""

    scopes = {"GET": None}
    serves = "reports:read, or the key that asked for it"
    query_in = JobQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="jobs_list", responses=JobOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(
            job_listing(api_key=_seen_by(request), **self.query()), order=("-id",), render=partial(_shown, request)
        )


class JobDetail(ApiView):
    """One job. Needs `reports:read`, or the key that asked for it."""

    scopes = {"GET": None}
    serves = "reports:read, or the key that asked for it"

    @extend_schema(operation_id="jobs_get", responses=JobOut)
    def get(self, request: Request, job_id: str) -> Response:
        return Response(_shown(request, [_job(request, job_id)])[0])


class JobCancel(ApiView):
    """Asks a job to stop: one that waits ends at once, one that runs a moment later. Only the key that asked for it may."""

    scopes = {"POST": None}
    serves = "the key that asked for it"

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobOut)
    def post(self, request: Request, job_id: str) -> Response:
        job = _job(request, job_id)
        if job.api_key_id != api_key_of(request).pk:
            raise PermissionDenied(_("Only the key that asked for a job can stop it."), "not_the_asker")
        return Response(_shown(request, [cancel_job(job_id=job.pk, now=timezone.now())])[0])


def address_of_job(request: Request, job: Job) -> str:
    return str(request.build_absolute_uri(f"/api/v1/jobs/{job.pk}/"))


def _shown(request: Request, jobs: Sequence[Job]) -> list[Any]:
    return list(JobOut(jobs, many=True, context={"request": request}).data)


def _seen_by(request: Request) -> ApiKey | None:
    """The key whose jobs alone may be seen; None: all."""
    api_key = api_key_of(request)
    return None if Scope.REPORTS_READ in api_key.scopes else api_key


def _job(request: Request, job_id: str) -> Job:
    """A key that sees its own jobs alone is told of the scope whatever the id: it learns nothing of others' jobs."""
    known = job_id.isascii() and job_id.isdigit() and len(job_id) <= LONGEST_ID
    job = find_job(int(job_id)) if known else None
    only = _seen_by(request)
    if only is not None and (job is None or job.api_key_id != only.pk):
        raise MissingScope(Scope.REPORTS_READ)
    if job is None:
        raise NotFound(_("There is no such job."))
    return job
