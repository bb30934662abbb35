"""Lists whose rows carry a member's number: the members of a page are loaded in one statement."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import BoundedChangeList, ReadOnlyAdmin
from core.admin.display import change_url, link, unknown
from members.models import Member
from members.selectors import VIEW_CONTACTS, members_by_id, members_found


class MemberNamingList(BoundedChangeList):
    def complete(self, rows: list[Any]) -> None:
        members = members_by_id({row.member_id for row in rows if row.member_id is not None})
        for row in rows:
            vars(row)["member"] = members.get(row.member_id)


class OfMembersAdmin(ReadOnlyAdmin):
    """Rows of members, found by searching for the member."""

    search_fields = ("member_id",)
    search_help_text = _("member's id, name, phone or e-mail")
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return MemberNamingList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        found = members_found(text, contacts=request.user.has_perm(VIEW_CONTACTS))
        return queryset.filter(member_id__in=found.values("pk")), False

    @display(description=_("member"))
    def shown_member(self, row: Any) -> SafeString | str:
        return member_link(vars(row).get("member"), row.member_id)


def member_link(member: Member | None, member_id: int | None) -> SafeString | str:
    if member is not None:
        return link(member, change_url("members_member", member.pk))
    return unknown() if member_id is None else gettext("erased")
