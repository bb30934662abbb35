"""Members: the list, one by the shop's own id, and many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import DateTimeField, Field, IntegerField, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit import Subject
from core.api.auth import api_key_of
from core.api.pages import Cursor, CursorPages, Order
from core.api.views import ApiView
from core.errors import FieldProblem, InvalidInput
from core.models import Scope
from core.registry import MemberListFilter, member_list_feeds, member_list_filters, member_sections
from members.api.bulk import MOST_SHOWN, BulkOut, addressed, items_of, taken_in
from members.api.lookup import found_member, member_number
from members.api.privacy import ErasureOut, erased
from members.api.serializers import (
    MemberChangeIn,
    MemberDetailQuery,
    MemberOut,
    MemberQuery,
    MembersBulkIn,
)
from members.ingest.load import ingest_members
from members.models import ConsentSource, Member
from members.selectors import member_listing


def proof_of(request: Request) -> str:
    """Who stated a consent that came without a proof."""
    return f"stated by {api_key_of(request).name}"


def with_sections(members: Sequence[Member], *, as_of: datetime | None) -> list[dict[str, Any]]:
    """This function will render members with what higher apps know of them: one statement a section, however many."""
    ids = [member.pk for member in members]
    known = {section.code: section.rows(member_ids=ids, as_of=as_of) for section in member_sections}
    shown = MemberOut(members, many=True).data
    for member, item in zip(members, shown, strict=True):
        item.update({code: rows.get(member.pk) for code, rows in known.items()})
    return list(shown)


class MemberPages(CursorPages):
    """Pages of a queryset; or of a feed, called for its rows, in its own order."""

    def fields(self, queryset: Any, order: Order) -> list[Field[Any, Any]]:
        return [DateTimeField(), IntegerField()] if callable(queryset) else super().fields(queryset, order)

    def rows(self, queryset: Any, order: Order, cursor: Cursor | None, *, most: int) -> list[Any]:
        if not callable(queryset):
            return super().rows(queryset, order, cursor, most=most)
        place = None if cursor is None else cursor.values
        return list(queryset(after=place, backwards=cursor is not None and cursor.backwards, most=most))


class MemberList(ApiView):
    """Members in the order they were first seen; with `changed_since` in that of their changes."""

    scopes = {"GET": Scope.MEMBERS_READ}
    query_in = MemberQuery
    pagination_class = MemberPages

    @extend_schema(operation_id="members_list", responses=MemberOut(many=True))
    def get(self, request: Request) -> Response:
        wanted = self.query()
        as_of = wanted.pop("as_of", None)
        within = [_narrowed(each, wanted.pop(each.code)) for each in member_list_filters if each.code in wanted]
        feed = next(((each, wanted.pop(each.code)) for each in member_list_feeds if each.code in wanted), None)
        members = member_listing(within=within, **wanted)
        return self.page(
            members if feed is None else partial(feed[0].rows, members, feed[1]),
            order=("id",) if feed is None else ("changed_at", "id"),
            render=lambda found: with_sections(found, as_of=as_of),
        )


class MemberDetail(ApiView):
    """One member, by the external id. An id that holds a slash is written `%2F`, and repeated in the body of a PUT."""

    scopes = {
        "GET": Scope.MEMBERS_READ,
        "PUT": Scope.MEMBERS_WRITE,
        "PATCH": Scope.MEMBERS_WRITE,
        "DELETE": Scope.PRIVACY,
    }
    audits = Subject(Member, member_number)
    query_in = MemberDetailQuery

    @extend_schema(operation_id="members_get", responses=MemberOut)
    def get(self, request: Request, external_id: str) -> Response:
        return Response(_shown(external_id, as_of=self.query().get("as_of")))

    @extend_schema(operation_id="members_put", request=MemberChangeIn, responses={200: MemberOut, 201: MemberOut})
    def put(self, request: Request, external_id: str) -> Response:
        """Make the member, or bring it up to date: what the body leaves out stays as it is."""
        created = self._write(request, external_id)
        return Response(_shown(external_id), status=201 if created else 200)

    @extend_schema(operation_id="members_patch", request=MemberChangeIn, responses=MemberOut)
    def patch(self, request: Request, external_id: str) -> Response:
        """Change what the body gives of a member that exists."""
        found_member(external_id)
        self._write(request, external_id)
        return Response(_shown(external_id))

    @extend_schema(operation_id="members_erase", responses=ErasureOut)
    def delete(self, request: Request, external_id: str) -> Response:
        """Forget the member: everything personal goes, in one transaction, and a receipt is the answer.

        Asked again it is the same receipt, as long as nobody has the id again.
        """
        return Response(ErasureOut(erased(request, external_id)).data)

    def _write(self, request: Request, external_id: str) -> bool:
        item = addressed(request, external_id=external_id)
        return taken_in(ingest_members([item], now=timezone.now(), proof=proof_of(request), source=ConsentSource.API))


class MembersBulk(ApiView):
    """Up to 1,000 members in one call; made or brought up to date."""

    scopes = {"POST": Scope.MEMBERS_WRITE}
    audits = Subject(Member, counted=True)

    @extend_schema(operation_id="members_bulk", request=MembersBulkIn, responses={200: BulkOut})
    def post(self, request: Request) -> Response:
        result = ingest_members(items_of(request), now=timezone.now(), proof=proof_of(request), source=ConsentSource.API)
        return Response(result.as_json())


def _shown(external_id: str, *, as_of: datetime | None = None) -> dict[str, Any]:
    return with_sections([found_member(external_id)], as_of=as_of)[0]


def _narrowed(asked: MemberListFilter, value: str) -> QuerySet[Any, Any]:
    ids = asked.narrow(value)
    if ids is None:
        message = _("There is nothing called “%(value)s”.") % {"value": value[:MOST_SHOWN]}
        raise InvalidInput(_("The input is not valid."), problems=[FieldProblem(asked.code, "unknown", message)])
    return ids
