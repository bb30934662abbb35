"""Long work: how far it is, what came of it, and a word to stop it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
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

LONGEST_ID = 18
"""Digits of an id that a 64-bit column can hold."""


class JobQuery(serializers.Serializer[Any]):
    """What the list of jobs can be asked."""

    state = serializers.ChoiceField(Job.State.choices, required=False)
    kind = TextField(required=False, max_length=40)


class JobOut(serializers.Serializer[Any]):
    """Long work. `share` is done / total, null while the total is not known; `result` is empty until it is done."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(Job.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    share = serializers.SerializerMethodField()
    said = KnownText(help_text=_("what it is doing now, for people"))
    result = serializers.DictField()
    error = KnownText(help_text=_("why it failed, or why it is tried again; for people"))
    by = KnownText(help_text=_("who asked for it"))
    created_at = InstantField()
    started_at = InstantField(allow_null=True)
    cancel_requested_at = InstantField(allow_null=True)
    finished_at = InstantField(allow_null=True)

    def get_share(self, job: Job) -> float | None:
        if job.state == Job.State.DONE:
            return 1.0
        return round(min(1.0, job.done / job.total), 4) if job.total else None


class JobList(ApiView):
    """Jobs, the latest first: all with `reports:read`, else those that the key itself asked for."""

    scopes = {"GET": None}
    query_in = JobQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="jobs_list", responses=JobOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(job_listing(api_key=_seen_by(request), **self.query()), order=("-id",), render=JobOut)


class JobDetail(ApiView):
    """One job. Needs `reports:read`, or the key that asked for it."""

    scopes = {"GET": None}

    @extend_schema(operation_id="jobs_get", responses=JobOut)
    def get(self, request: Request, job_id: str) -> Response:
        return Response(JobOut(_job(request, job_id)).data)


class JobCancel(ApiView):
    """Asks a job to stop: one that waits ends at once, one that runs a moment later. Only the key that asked for it may."""

    scopes = {"POST": None}

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobOut)
    def post(self, request: Request, job_id: str) -> Response:
        job = _job(request, job_id)
        if job.api_key_id != api_key_of(request).pk:
            raise PermissionDenied(_("Only the key that asked for a job can stop it."), "not_the_asker")
        return Response(JobOut(cancel_job(job_id=job.pk, now=timezone.now())).data)


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
