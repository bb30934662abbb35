"""Large uploads: a file in, streamed to disk, taken in by a job; what came of it, and its refused rows to download."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.auth import MissingScope, api_key_of
from core.api.fields import InstantField, KnownText, TextField
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from members.api.jobs import LONGEST_ID, JobOut, address_of_job
from members.api.uploads import ENDINGS, MULTIPART, Received, demand_size, receive_body
from members.ingest.uploads import receive_upload
from members.models import Import, ImportTarget
from members.services.import_files import Folder
from members.services.imports import (
    discard_import,
    find_import,
    reject_name,
    reject_type,
    start_import,
    start_trial,
    start_undo,
)

WRITING: dict[str, Scope] = {
    ImportTarget.ORDERS: Scope.ORDERS_WRITE,
    ImportTarget.MEMBERS: Scope.MEMBERS_WRITE,
    ImportTarget.EVENTS: Scope.EVENTS_WRITE,
}
AUTO = "auto"
NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")


class ImportQuery(serializers.Serializer[Any]):
    """How a file is to be read: in the address, or as fields of a form beside the file."""

    target = serializers.ChoiceField(
        ImportTarget.choices, required=False, help_text=_("what the file holds; absent: found out from what is in it")
    )
    format = TextField(required=False, help_text=_("“auto”, or the name of a saved mapping of columns"))
    shop = TextField(required=False, max_length=100, help_text=_("the shop of orders that name none"))
    dry_run = serializers.BooleanField(required=False, help_text=_("only try: the job tells what would be taken"))


class UploadIn(ImportQuery):
    """A form with a file; files that belong together (orders and their lines) are several fields `file`."""

    file = serializers.FileField()


class ReasonOut(serializers.Serializer[Any]):
    """Why rows were refused, and how many of them."""

    reason = serializers.CharField()
    count = serializers.IntegerField()


class ImportOut(serializers.Serializer[Any]):
    """An upload and what came of it so far. Its job says how far the work is."""

    id = serializers.IntegerField()
    target = serializers.ChoiceField(ImportTarget.choices)
    state = serializers.CharField(help_text=_("draft (only tried), importing, imported, undoing or undone"))
    files = serializers.ListField(child=serializers.CharField())
    said = KnownText(help_text=_("what we take the files for"))
    rows = serializers.IntegerField()
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    suppressed = serializers.IntegerField(help_text=_("consents left out, because the member unsubscribed"))
    reasons = serializers.SerializerMethodField()
    rejects = serializers.SerializerMethodField(help_text=_("where the refused rows can be downloaded, file by file"))
    job = serializers.SerializerMethodField(help_text=_("the address of its job"))
    created_at = InstantField()
    finished_at = InstantField(allow_null=True)

    @extend_schema_field(ReasonOut(many=True))
    def get_reasons(self, found: Import) -> list[dict[str, Any]]:
        ordered = sorted(found.reasons.items(), key=lambda each: (-each[1], each[0]))
        return [{"reason": reason, "count": count} for reason, count in ordered]

    def get_rejects(self, found: Import) -> list[str]:
        address = self.context["request"].build_absolute_uri(f"/api/v1/imports/{found.pk}/rejects/")
        places = [place for place in range(len(found.files)) if found.rejects.get(str(place))]
        return [f"{address}?file={place}" for place in places if found.cleaned_at is None]

    def get_job(self, found: Import) -> str | None:
        return None if found.job is None else address_of_job(self.context["request"], found.job)


class ImportPost(ApiView):
    """A file in, up to 1 GB. The body is the file itself (its Content-Type says which kind), or a form that holds it.

    It is streamed to disk and looked at; what cannot be read at all is refused at once, everything else is a job's work,
    whose address is the answer. The scope is the target's: `orders:write`, `members:write` or `events:write`.
    """

    scopes = {"POST": None}
    serves = "orders:write, members:write or events:write: that of what the file holds"
    query_in = ImportQuery
    asks_in = ("POST",)
    _received: Received | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """However it went, what was kept beside is thrown away: what is taken in lies in the import's own folder."""
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            if self._received is not None:
                self._received.close()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _demand_scope(request, self.query().get("target"))
        demand_size(request)

    def body_digest(self) -> bytes:
        return self._body().digest()

    @extend_schema(
        operation_id="imports_post",
        request={MULTIPART: UploadIn, **dict.fromkeys(ENDINGS, OpenApiTypes.BINARY)},
        responses={202: JobOut},
    )
    def post(self, request: Request) -> Response:
        body, api_key, now = self._body(), api_key_of(request), timezone.now()
        asked = self._asked(body)
        mapping = asked.get("format") or AUTO
        draft = receive_upload(
            parts=body.parts(),
            now=now,
            by=api_key.name,
            target=asked.get("target", ""),
            shop=asked.get("shop", ""),
            mapping="" if mapping == AUTO else mapping,
        )
        try:
            _demand_scope(request, draft.target)
            start = start_trial if asked.get("dry_run") else start_import
            started = start(import_id=draft.pk, now=now, by=api_key.name, api_key=api_key)
        except BaseException:
            discard_import(import_id=draft.pk)
            raise
        return _under_way(request, started)

    def _body(self) -> Received:
        if self._received is None:
            self._received = receive_body(self.request)
        return self._received

    def _asked(self, body: Received) -> dict[str, Any]:
        """What the address says and what the form says are the same words; said twice, the form's count."""
        form = ImportQuery(data={**self.request.query_params.dict(), **body.fields})
        self.demand_known(body.fields)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class ImportDetail(ApiView):
    """One upload, for the key that sent it."""

    scopes = {"GET": None}
    serves = "the key that sent it"

    @extend_schema(operation_id="imports_get", responses=ImportOut)
    def get(self, request: Request, import_id: str) -> Response:
        return Response(ImportOut(_own(request, import_id), context={"request": request}).data)


class ImportStart(ApiView):
    """Takes in what was only tried (`dry_run`), or goes on with an import that was stopped."""

    scopes = {"POST": None}
    serves = "the key that sent it"

    @extend_schema(operation_id="imports_start", request=None, responses={202: JobOut})
    def post(self, request: Request, import_id: str) -> Response:
        return _moved_on(request, import_id, start_import)


class ImportUndo(ApiView):
    """Takes an import back, as long as no campaign has fired on it: what it made goes, what it changed is as before."""

    scopes = {"POST": None}
    serves = "the key that sent it"

    @extend_schema(operation_id="imports_undo", request=None, responses={202: JobOut})
    def post(self, request: Request, import_id: str) -> Response:
        return _moved_on(request, import_id, start_undo)


class RejectsQuery(serializers.Serializer[Any]):
    """Of which file of the upload."""

    file = serializers.IntegerField(
        required=False, min_value=0, help_text=_("its place, from 0; absent: the first with any")
    )


class ImportRejects(ApiView):
    """The refused rows of a file as they stood there, with number and reasons: to be corrected and sent again."""

    scopes = {"GET": None}
    serves = "the key that sent it"
    query_in = RejectsQuery

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """Rows are CSV or JSON lines, whatever the caller says it reads; refusals are JSON as everywhere."""
        return JSONRenderer(), "application/json"

    @extend_schema(
        operation_id="imports_rejects",
        responses={(200, "text/csv"): OpenApiTypes.BINARY, (200, "application/jsonl"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, import_id: str) -> HttpResponseBase:
        found = _own(request, import_id)
        places = sorted(int(place) for place, kept in found.rejects.items() if kept)
        place = self.query().get("file", places[0] if places else None)
        folder = Folder(found.token)
        if place not in places or found.cleaned_at is not None or not folder.rejects(place).is_file():
            raise NotFound(_("There are no refused rows of this file, or they have been thrown away."))
        name = NOT_PLAIN.sub("_", reject_name(found.files[place]))  # a header holds ASCII alone
        answer = StreamingHttpResponse(folder.rejected(place, found.rejects[str(place)][0]), content_type=reject_type(name))
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _demand_scope(request: Request, target: str | None) -> None:
    """Of a file whose kind is not said, that the key may write anything at all; when it is found out, exactly that."""
    scopes = api_key_of(request).scopes
    needed = [WRITING[target]] if target else [*WRITING.values()]
    if not any(scope in scopes for scope in needed):
        raise MissingScope(needed[0])


def _own(request: Request, import_id: str) -> Import:
    known = import_id.isascii() and import_id.isdigit() and len(import_id) <= LONGEST_ID
    found = find_import(import_id=int(import_id), api_key=api_key_of(request)) if known else None
    if found is None:
        raise NotFound(_("This key has sent no such import."))
    _demand_scope(request, found.target)
    return found


def _moved_on(request: Request, import_id: str, move: Callable[..., Import]) -> Response:
    api_key = api_key_of(request)
    found = _own(request, import_id)
    return _under_way(request, move(import_id=found.pk, now=timezone.now(), by=api_key.name, api_key=api_key))


def _under_way(request: Request, started: Import) -> Response:
    assert started.job is not None
    shown = JobOut(started.job, context={"request": request}).data
    return Response(shown, status=202, headers={"Location": shown["address"]})
