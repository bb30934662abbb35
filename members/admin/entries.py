"""Lists of what happened to members' points and growth: who, when, by which rule or why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import BoundedChangeList, ReadOnlyAdmin
from core.admin.display import change_url, link, when
from members.models import EarningRule, GrowthEntry, LedgerEntry
from members.selectors import members_by_id

Entry = LedgerEntry | GrowthEntry


def rule_link(rule: EarningRule | None) -> SafeString | str:
    """This function will name the rule that made an entry, and lead to it."""
    return link(rule, change_url("members_earningrule", rule.pk)) if rule else ""


class LedgerList(BoundedChangeList):
    """Knows the members of the page by name, read at once."""

    def complete(self, rows: list[Any]) -> None:
        found = members_by_id([entry.member_id for entry in rows])
        for entry in rows:
            vars(entry)["who"] = found.get(entry.member_id)


class EntriesAdmin(ReadOnlyAdmin):
    """Entries, newest first. One's place is on its member's page."""

    list_display_links = None
    list_select_related = ("rule",)
    ordering = ("-id",)
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return LedgerList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The pages of a member and of a rule lead here."""
        return lookup in ("member_id", "rule_id") or super().lookup_allowed(lookup, value, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        entry = self.viewable(request, object_id)
        return HttpResponseRedirect(change_url("members_member", entry.member_id))

    @display(description=_("at"))
    def happened(self, entry: Entry) -> SafeString:
        return when(entry.at)

    @display(description=_("member"))
    def member(self, entry: Entry) -> SafeString | str:
        who = vars(entry).get("who")
        return link(who, change_url("members_member", who.pk)) if who else gettext("erased")

    @display(description=_("rule"))
    def shown_rule(self, entry: Entry) -> SafeString | str:
        return rule_link(entry.rule)

    @display(description=_("reason"))
    def shown_reason(self, entry: Entry) -> str:
        """A rule is reason enough."""
        return "" if entry.rule else entry.reason
