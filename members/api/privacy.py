"""What is kept of one member, handed out; and forgetting a member, with a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit import key_actor
from core.api.auth import api_key_of
from core.api.fields import InstantField
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope
from core.services.audit import audited
from members.api.lookup import found_member
from members.models import Erasure, Member
from members.selectors import member_named
from members.services.erasure import erase_member, reasons_kept, receipt_of
from members.services.exporting import export_document, zipped

FILE_NAME = "member.zip"
"""Without the member's id: names of downloads are kept in histories and shown to whoever looks over a shoulder."""


class ExportQuery(serializers.Serializer[Any]):
    format = serializers.ChoiceField(["zip", "json"], required=False, help_text=_("absent: zip, with JSON and tables"))


class MemberExportOut(serializers.Serializer[Any]):
    """Everything kept of a member. `kinds` maps each kind (profile, orders, points_entries, ...) to its rows."""

    external_id = serializers.CharField()
    exported_at = InstantField()
    kinds = serializers.DictField(child=serializers.ListField(child=serializers.DictField()))


class KeptOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    count = serializers.IntegerField()
    reason = serializers.CharField()


class ErasureOut(serializers.Serializer[Any]):
    """The receipt: `what` was taken away, and what was `kept` without anything that tells of a person, and why."""

    id = serializers.UUIDField(source="receipt")
    erased_at = InstantField()
    what = serializers.DictField(source="gone", child=serializers.IntegerField())
    kept = serializers.SerializerMethodField()

    def get_kept(self, erasure: Erasure) -> list[dict[str, Any]]:
        return list(KeptOut(kept_rows(erasure.kept), many=True).data)


def kept_rows(kept: Mapping[str, int]) -> list[dict[str, Any]]:
    reasons = reasons_kept(kept)
    return [{"kind": kind, "count": kept[kind], "reason": str(reasons[kind])} for kind in sorted(kept)]


class MemberExport(ApiView):
    """Everything that is kept of a member."""

    scopes = {"GET": Scope.PRIVACY}
    query_in = ExportQuery

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Who asks for a zip by its type is not refused for want of JSON."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="members_export",
        responses={
            200: OpenApiResponse(MemberExportOut),
            (200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY),
        },
    )
    def get(self, request: Request, external_id: str) -> Response | HttpResponse:
        """A zip with one JSON document of everything and a CSV of each kind; with `format=json` the document alone."""
        member = found_member(external_id)
        now = timezone.now()
        with audited(actor=key_actor(request), model=Member, pk=member.pk, now=now, did=True):
            document = export_document(member_id=member.pk, external_id=member.external_id, now=now)
        if self.query().get("format") == "json":
            return Response(document)
        disposition = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
        return HttpResponse(zipped(document), content_type="application/zip", headers=disposition)


def erased(request: Request, external_id: str) -> Erasure:
    """This function will forget the member of an id, or find the receipt of one who was forgotten and is not back."""
    member = member_named(external_id)
    if member is not None:
        return erase_member(member_id=member.pk, now=timezone.now(), by=api_key_of(request).name)
    receipt = receipt_of(external_id)
    if receipt is None:
        raise NotFound(_("There is no such member."))
    return receipt
