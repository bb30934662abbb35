"""Who is in a segment: as pages, as a file; and, of a fixed list, given from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit import Subject
from core.api.auth import MissingScope, api_key_of
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.models import Scope
from retention.api.files import csv_response
from retention.api.received import MembersIn, ReceivedOut, received_out
from retention.api.segments import segment_number, segment_or_404
from retention.api.serializers import SegmentMemberOut
from retention.models import ListUpload, Membership, Segment
from retention.selectors.exporting import ANONYMOUS, member_rows
from retention.selectors.listings import external_ids, memberships
from retention.services.exporting import chosen_columns
from retention.services.static_lists import give_ids

How = ListUpload.How


class MembersQuery(serializers.Serializer[Any]):
    format = serializers.ChoiceField(["json", "csv"], required=False, help_text=_("csv: everybody in one file"))
    columns = serializers.CharField(
        required=False,
        max_length=2000,
        help_text=_("of the file, with commas: external_id, entered_at, name, phone, email, any fact or score"),
    )


class SegmentMembers(ApiView):
    """Who is in the segment, and since when."""

    scopes = {
        "GET": Scope.SEGMENTS_READ,
        "POST": Scope.SEGMENTS_WRITE,
        "PUT": Scope.SEGMENTS_WRITE,
        "DELETE": Scope.SEGMENTS_WRITE,
    }
    audits = Subject(Segment, segment_number, counted=True)
    query_in = MembersQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_members", responses=SegmentMemberOut(many=True))
    def get(self, request: Request, slug: str) -> Response | StreamingHttpResponse:
        """Pages of members; with `format=csv` one file of all, whose columns beyond `external_id` and `entered_at` need
        `members:read` too."""
        segment, asked = segment_or_404(slug), self.query()
        if asked.get("format") == "csv" or "columns" in asked:
            columns = chosen_columns(asked.get("columns", ""))
            if not ANONYMOUS.issuperset(columns) and Scope.MEMBERS_READ not in api_key_of(request).scopes:
                raise MissingScope(Scope.MEMBERS_READ)
            return csv_response(columns, member_rows(segment, columns), name=slug)
        return self.page(memberships(segment), order=("member_id",), render=_members_out)

    @extend_schema(operation_id="segments_members_add", request=MembersIn, responses={200: ReceivedOut})
    def post(self, request: Request, slug: str) -> Response:
        """Put members on a fixed list, at most 10,000 a call. Unknown ids are reported and make nobody."""
        return self._given(slug, How.ADD)

    @extend_schema(operation_id="segments_members_replace", request=MembersIn, responses={200: ReceivedOut})
    def put(self, request: Request, slug: str) -> Response:
        """Give the whole of a fixed list, of at most 10,000."""
        return self._given(slug, How.REPLACE)

    @extend_schema(operation_id="segments_members_remove", request=MembersIn, responses={200: ReceivedOut})
    def delete(self, request: Request, slug: str) -> Response:
        """Take members off a fixed list, at most 10,000 a call."""
        return self._given(slug, How.REMOVE)

    def _given(self, slug: str, how: How) -> Response:
        segment, ids = segment_or_404(slug), self.parsed(MembersIn)["members"]
        by = api_key_of(self.request).name
        return Response(received_out(give_ids(segment=segment, how=how, values=ids, now=timezone.now(), by=by)))


def _members_out(found: Sequence[Membership]) -> list[dict[str, Any]]:
    names = external_ids([each.member_id for each in found])
    rows = [{"external_id": names.get(each.member_id), "entered_at": each.entered_at} for each in found]
    return list(SegmentMemberOut(rows, many=True).data)
