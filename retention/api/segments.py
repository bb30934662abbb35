"""Segments: written as rules, read with their members, comings and goings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit import Subject
from core.api.auth import api_key_of
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import FieldProblem, InvalidInput, NotFound
from core.models import Scope
from retention.api.files import csv_response
from retention.api.received import received_out
from retention.api.serializers import (
    OverlapOut,
    OverlapQuery,
    SegmentIn,
    SegmentOut,
    SegmentPatchIn,
    SegmentPutIn,
    SegmentQuery,
    SizeOut,
    TransitionOut,
    TransitionQuery,
    VersionOut,
)
from retention.models import ListUpload, Segment, SegmentVersion, Transition
from retention.selectors.exporting import transition_rows
from retention.selectors.listings import (
    external_ids,
    segment_called,
    segment_listing,
    sizes,
    transitions,
    versions,
)
from retention.selectors.overlap import overlap
from retention.selectors.sentences import sentences_of_segments, sentences_of_versions
from retention.selectors.state import state
from retention.services.evaluate import segments_pending
from retention.services.segments import create_segment, delete_segment, edit_segment
from retention.services.static_lists import create_list, give_ids


def segment_number(values: Mapping[str, Any]) -> int | None:
    """This function will find the segment an address speaks of, for the audit trail."""
    segment = segment_called(values["slug"]) if "slug" in values else None
    return segment.pk if segment else None


class SegmentList(ApiView):
    """Segments, in the order they were made."""

    scopes = {"GET": Scope.SEGMENTS_READ, "POST": Scope.SEGMENTS_WRITE}
    audits = Subject(Segment, segment_number)
    query_in = SegmentQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_list", responses=SegmentOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(segment_listing(**self.query()), order=("id",), render=_segments_out)

    @extend_schema(operation_id="segments_create", request=SegmentIn, responses={201: SegmentOut})
    def post(self, request: Request) -> Response:
        """Make a segment of a rule, or a fixed list of `members`. The next refresh finds its members."""
        given = self.parsed(SegmentIn)
        now, by = timezone.now(), api_key_of(request).name
        if "rule" in given:
            return Response(_segments_out([create_segment(**given, now=now, by=by)])[0], status=201)
        segment, upload = create_list(**given, now=now, by=by)
        received = None if upload is None else received_out(upload)
        return Response({**_segments_out([segment])[0], "received": received}, status=201)


class SegmentDetail(ApiView):
    """One segment. A rule that differs makes a new version; older ones stay to be read."""

    scopes = {
        "GET": Scope.SEGMENTS_READ,
        "PUT": Scope.SEGMENTS_WRITE,
        "PATCH": Scope.SEGMENTS_WRITE,
        "DELETE": Scope.SEGMENTS_WRITE,
    }
    audits = Subject(Segment, segment_number)

    @extend_schema(operation_id="segments_get", responses=SegmentOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(_segments_out([segment_or_404(slug)])[0])

    @extend_schema(operation_id="segments_put", request=SegmentPutIn, responses=SegmentOut)
    def put(self, request: Request, slug: str) -> Response:
        """Give a segment another name and rule."""
        segment_or_404(slug)
        return self._changed(request, slug, {"description": "", **self.parsed(SegmentPutIn)})

    @extend_schema(operation_id="segments_patch", request=SegmentPatchIn, responses=SegmentOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change a segment's name, rule or description."""
        segment_or_404(slug)
        return self._changed(request, slug, self.parsed(SegmentPatchIn))

    @extend_schema(operation_id="segments_delete", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a segment, with its history, unless another segment or a campaign under way names it: 409 `in_use`."""
        delete_segment(segment=segment_or_404(slug))
        return Response(status=204)

    def _changed(self, request: Request, slug: str, changes: dict[str, Any]) -> Response:
        if changes.get("slug", slug) != slug:
            message = _("The short name is the segment's address; it cannot change.")
            raise InvalidInput(_("The input is not valid."), problems=[FieldProblem("slug", "fixed", message)])
        who: dict[str, Any] = {"now": timezone.now(), "by": api_key_of(request).name}
        said = {name: changes[name] for name in ("rule", "name", "description") if name in changes}
        with transaction.atomic():  # rule, name and members change together or not at all
            segment = edit_segment(segment=segment_or_404(slug), seen=changes.get("edition", ""), **said, **who)
            if "members" in changes:
                give_ids(segment=segment, how=ListUpload.How.REPLACE, values=changes["members"], **who)
        return Response(_segments_out([segment_or_404(slug)])[0])


class SegmentTransitions(ApiView):
    """Who came and who left, latest first."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    query_in = TransitionQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_transitions", responses=TransitionOut(many=True))
    def get(self, request: Request, slug: str) -> Response | StreamingHttpResponse:
        """Comings and goings of a period; with `format=csv` all of them, oldest first."""
        segment, asked = segment_or_404(slug), self.query()
        if asked.pop("format", "json") == "csv":
            rows = transition_rows(segment, **asked)
            return csv_response(["external_id", "moved", "at"], rows, name=f"{slug}-transitions")
        found = transitions(segment, **asked)
        return self.page(found, order=("-at", "-id"), render=_transitions_out)


class SegmentHistory(ApiView):
    """How many members the segment had, day by day, latest first."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_history", responses=SizeOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return self.page(sizes(segment_or_404(slug)), order=("-day",), render=SizeOut)


class SegmentOverlap(ApiView):
    """How many members two segments share, as the last refresh wrote them."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    query_in = OverlapQuery

    @extend_schema(operation_id="segments_overlap", responses=OverlapOut)
    def get(self, request: Request, slug: str) -> Response:
        first, second = segment_or_404(slug), segment_or_404(self.query()["with"])
        counts = overlap(first, second)
        return Response(OverlapOut({"segment": slug, "with": second.slug, **asdict(counts), "as_of": state().as_of}).data)


class SegmentVersions(ApiView):
    """The rules the segment has had, latest first."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_versions", responses=VersionOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return self.page(versions(segment_or_404(slug)), order=("-number",), render=_versions_out)


def segment_or_404(slug: str) -> Segment:
    segment = segment_called(slug)
    if segment is None:
        raise NotFound(_("There is no such segment."))
    return segment


def _segments_out(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    context = {"sentences": sentences_of_segments(segments), "pending": segments_pending()}
    return list(SegmentOut(segments, many=True, context=context).data)


def _versions_out(found: Sequence[SegmentVersion]) -> list[dict[str, Any]]:
    context = {"sentences": sentences_of_versions(found)}
    return list(VersionOut(found, many=True, context=context).data)


def _transitions_out(found: Sequence[Transition]) -> list[dict[str, Any]]:
    names = external_ids([each.member_id for each in found])
    rows = [{"member": names.get(each.member_id), "entered": each.entered, "at": each.at} for each in found]
    return list(TransitionOut(rows, many=True).data)
