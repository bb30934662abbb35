"""Segments: written as rules, read with their members, comings and goings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.auth import api_key_of
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import FieldProblem, InvalidInput, NotFound
from core.models import Scope
from retention.api.serializers import (
    SegmentIn,
    SegmentMemberOut,
    SegmentOut,
    SegmentPatchIn,
    SegmentPutIn,
    SizeOut,
    TransitionOut,
    TransitionQuery,
    VersionOut,
)
from retention.models import Membership, Segment, SegmentVersion, Transition
from retention.selectors.listings import (
    external_ids,
    memberships,
    segment_called,
    segment_listing,
    sizes,
    transitions,
    versions,
)
from retention.selectors.sentences import sentences_of_segments, sentences_of_versions
from retention.services.segments import change_rule, create_segment, delete_segment, describe_segment


class SegmentList(ApiView):
    """Segments, in the order they were made."""

    scopes = {"GET": Scope.SEGMENTS_READ, "POST": Scope.SEGMENTS_WRITE}
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_list", responses=SegmentOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(segment_listing(), order=("id",), render=_segments_out)

    @extend_schema(operation_id="segments_create", request=SegmentIn, responses={201: SegmentOut})
    def post(self, request: Request) -> Response:
        """Make a segment. The next refresh finds its members."""
        segment = create_segment(**self.parsed(SegmentIn), now=timezone.now(), by=api_key_of(request).name)
        return Response(_segments_out([segment])[0], status=201)


class SegmentDetail(ApiView):
    """One segment. A rule that differs makes a new version; older ones stay to be read."""

    scopes = {
        "GET": Scope.SEGMENTS_READ,
        "PUT": Scope.SEGMENTS_WRITE,
        "PATCH": Scope.SEGMENTS_WRITE,
        "DELETE": Scope.SEGMENTS_WRITE,
    }

    @extend_schema(operation_id="segments_get", responses=SegmentOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(_segments_out([_segment(slug)])[0])

    @extend_schema(operation_id="segments_put", request=SegmentPutIn, responses=SegmentOut)
    def put(self, request: Request, slug: str) -> Response:
        """Give a segment another name and rule."""
        _segment(slug)
        return self._changed(request, slug, {"description": "", **self.parsed(SegmentPutIn)})

    @extend_schema(operation_id="segments_patch", request=SegmentPatchIn, responses=SegmentOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change a segment's name, rule or description."""
        _segment(slug)
        return self._changed(request, slug, self.parsed(SegmentPatchIn))

    @extend_schema(operation_id="segments_delete", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a segment, with its history, that no other segment's rule names."""
        delete_segment(segment=_segment(slug))
        return Response(status=204)

    def _changed(self, request: Request, slug: str, changes: dict[str, Any]) -> Response:
        if changes.get("slug", slug) != slug:
            message = _("The short name is the segment's address; it cannot change.")
            raise InvalidInput(_("The input is not valid."), problems=[FieldProblem("slug", "fixed", message)])
        with transaction.atomic():  # the rule and the name change together or not at all
            if "rule" in changes:  # first, as every change of rules takes its lock before the row
                by = api_key_of(request).name
                change_rule(segment=_segment(slug), rule=changes["rule"], now=timezone.now(), by=by)
            segment = _segment(slug, hold=True)
            described = {name: changes.get(name, getattr(segment, name)) for name in ("name", "description")}
            segment = describe_segment(segment=segment, **described)
        return Response(_segments_out([segment])[0])


class SegmentMembers(ApiView):
    """Who is in the segment, and since when."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_members", responses=SegmentMemberOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return self.page(memberships(_segment(slug)), order=("member_id",), render=_members_out)


class SegmentTransitions(ApiView):
    """Who came and who left, latest first."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    query_in = TransitionQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_transitions", responses=TransitionOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        found = transitions(_segment(slug), **self.query())
        return self.page(found, order=("-at", "-id"), render=_transitions_out)


class SegmentHistory(ApiView):
    """How many members the segment had, day by day, latest first."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_history", responses=SizeOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return self.page(sizes(_segment(slug)), order=("-day",), render=SizeOut)


class SegmentVersions(ApiView):
    """The rules the segment has had, latest first."""

    scopes = {"GET": Scope.SEGMENTS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="segments_versions", responses=VersionOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return self.page(versions(_segment(slug)), order=("-number",), render=_versions_out)


def _segment(slug: str, *, hold: bool = False) -> Segment:
    segment = segment_called(slug, hold=hold)
    if segment is None:
        raise NotFound(_("There is no such segment."))
    return segment


def _segments_out(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    context = {"sentences": sentences_of_segments(segments)}
    return list(SegmentOut(segments, many=True, context=context).data)


def _versions_out(found: Sequence[SegmentVersion]) -> list[dict[str, Any]]:
    context = {"sentences": sentences_of_versions(found)}
    return list(VersionOut(found, many=True, context=context).data)


def _members_out(found: Sequence[Membership]) -> list[dict[str, Any]]:
    names = external_ids([each.member_id for each in found])
    rows = [{"external_id": names.get(each.member_id), "entered_at": each.entered_at} for each in found]
    return list(SegmentMemberOut(rows, many=True).data)


def _transitions_out(found: Sequence[Transition]) -> list[dict[str, Any]]:
    names = external_ids([each.member_id for each in found])
    rows = [{"member": names.get(each.member_id), "entered": each.entered, "at": each.at} for each in found]
    return list(TransitionOut(rows, many=True).data)
