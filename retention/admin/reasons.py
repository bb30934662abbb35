"""Why members leave: the ordered list with the rule of each reason, and how many leave for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import list_url, number, share
from core.admin.forms import add_problems
from core.admin.rules import RuleField, make_segment_url
from core.errors import InvalidInput
from retention.admin.counting import inside_rule
from retention.fields import CHURN_REASON
from retention.models import ChurnReason, Reason
from retention.selectors import state
from retention.selectors.evidence import counted_by_reason
from retention.selectors.overview import can_list_by_reason
from retention.selectors.reasons import listed
from retention.selectors.sentences import sentences_by_name
from retention.services.reasons import change_reason, move_reason, switch_reason, use_defaults
from rules.errors import RuleErrors

LIST = "admin:retention_churnreason_changelist"
KEPT_SECONDS = 3600
ICONS = {
    Reason.QUALITY: "verified",
    Reason.DESCRIPTION: "image_search",
    Reason.PRICE: "sell",
    Reason.LOGISTICS: "local_shipping",
    Reason.SERVICE: "support_agent",
    Reason.FATIGUE: "notifications_off",
    Reason.COMPETITION: "storefront",
    Reason.NATURAL: "spa",
}


class ReasonForm(forms.Form):
    rule = RuleField(label=_("told by"))


@admin.register(ChurnReason)
class ChurnReasonAdmin(RekindleAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ChurnReason | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("defaults/", wrap(self.defaults_view), name="retention_churnreason_defaults"),
            path("<object_id>/place/", wrap(self.place_view), name="retention_churnreason_place"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """This function will show the list; asked by the page itself, the same with its counts."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)  # which refuses
        live = request.headers.get("X-Requested-With") == "fetch"
        lines = listed()
        context: dict[str, Any] = {
            "lines": _shown(request, lines),
            "live": live,
            "may_change": self.has_change_permission(request),
            "as_of": state().as_of,
        }
        if live:
            context |= _counted(context["lines"])
            return TemplateResponse(request, "retention/admin/parts/reasons.html", context)
        return self.page(
            request,
            "retention/admin/reasons.html",
            title=gettext("Why do we lose members?"),
            defaults_url=reverse("admin:retention_churnreason_defaults"),
            **context,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        line = self.changeable(request, object_id)
        form = ReasonForm(request.POST or None, initial={"rule": line.rule})
        if request.method == "POST" and form.is_valid() and self._change(request, line, form):
            return HttpResponseRedirect(reverse(LIST))
        return self.page(
            request,
            "retention/admin/reason_form.html",
            title=gettext("When is it “%(reason)s”?") % {"reason": line},
            obj=line,
            form=form,
            back=reverse(LIST),
        )

    def _change(self, request: HttpRequest, line: ChurnReason, form: forms.Form) -> bool:
        by = request.user.get_username()
        try:
            change_reason(reason=line.reason, rule=form.cleaned_data["rule"], now=timezone.now(), by=by)
        except InvalidInput as error:
            add_problems(form, error)
            form.fields["rule"].widget.problems = [
                type(each)(inside_rule(each.as_json())["path"], each.code, each.message) for each in error.problems
            ]
            return False
        self.log_change(request, line, gettext("another rule"))
        self.message_user(request, gettext("The rule was saved. The next refresh follows it, within a minute."))
        return True

    def place_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """This function will move a line up or down, pass it over or take it into use."""
        line = self.changeable(request, object_id)
        what = request.POST.get("what", "") if request.method == "POST" else ""
        if what in ("up", "down"):
            move_reason(reason=line.reason, up=what == "up")
            self.log_change(request, line, gettext("another place"))
        elif what in ("on", "off"):
            by = request.user.get_username()
            try:
                switch_reason(reason=line.reason, active=what == "on", now=timezone.now(), by=by)
            except InvalidInput as error:
                messages.error(request, str(error))
            else:
                self.log_change(request, line, gettext("in use") if what == "on" else gettext("passed over"))
        return HttpResponseRedirect(f"{reverse(LIST)}#reason-{line.reason}")

    def defaults_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            return super().changelist_view(request)

        def do() -> str:
            use_defaults(now=timezone.now(), by=request.user.get_username())
            return gettext("The list is as it was at the beginning. The next refresh follows it, within a minute.")

        changed = sum(line.changed_at is not None for line in listed())
        words = ngettext(
            "%(count)d rule of yours is lost, and the order.", "%(count)d rules of yours are lost, and the order.", changed
        )
        return confirmed(
            self,
            request,
            obj=None,
            title=gettext("Use the default reasons?"),
            sentences=lambda: [
                gettext("Every rule and the order go back to what a shop begins with."),
                words % {"count": changed},
            ],
            verb=gettext("Use the defaults"),
            do=do,
            back=reverse(LIST),
            danger=bool(changed),
        )


def _shown(request: HttpRequest, lines: list[ChurnReason]) -> list[dict[str, Any]]:
    listed_here = can_list_by_reason()
    sentences = sentences_by_name({line.reason: line.rule for line in lines})
    return [
        {
            "line": line,
            "icon": ICONS[Reason(line.reason)],
            "sentence": sentences[line.reason],
            "edit_url": reverse("admin:retention_churnreason_change", args=[line.pk]),
            "place_url": reverse("admin:retention_churnreason_place", args=[line.pk]),
            "url": _members_url(request, line.reason, listed_here=listed_here),
            "first": line is lines[0],
            "last": line is lines[-1],
        }
        for line in lines
    ]


def _members_url(request: HttpRequest, reason: str, *, listed_here: bool) -> str:
    """Where the members behind a number are: in the list, or in a large shop in a segment that is made of the reason."""
    if listed_here:
        return list_url("members_member", reason=reason)
    return make_segment_url(request, {"field": CHURN_REASON, "operator": "=", "value": reason})


def _counted(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer on top, and each line's number beside it."""
    try:
        counts = _counts()
    except RuleErrors:
        return {"broken": True}
    leaving = sum(counts.values())
    for each in lines:
        count = counts.get(each["line"].reason, 0)
        each |= {"count": number(count), "share": count / leaving if leaving else 0.0, "share_text": _share(count, leaving)}
    unknown = counts.get(None, 0)
    return {
        "headline": _headline(counts, leaving),
        "unknown": {"count": number(unknown), "share_text": _share(unknown, leaving)} if unknown else None,
    }


def _counts() -> Mapping[str | None, int]:
    """Counted once after each refresh, and each change of the list."""
    known = state()
    changed = [(line.reason, line.active, line.changed_at) for line in listed()]
    key = f"reasons:{known.last_run_id}:{known.day}:{known.signature}:{hash(str(changed))}"
    found: Mapping[str | None, int] | None = cache.get(key)
    if found is None:
        found = counted_by_reason()
        cache.set(key, found, KEPT_SECONDS)
    return found


def _share(count: int, leaving: int) -> str:
    return share(count / leaving) if leaving else ""


def _headline(counts: Mapping[str | None, int], leaving: int) -> str:
    if not leaving:
        return gettext("Nobody is at risk, dormant or lost.")
    told = {reason: count for reason, count in counts.items() if reason not in (None, Reason.NATURAL.value)}
    words = ngettext(
        "%(count)s member is at risk, dormant or lost.", "%(count)s members are at risk, dormant or lost.", leaving
    ) % {"count": number(leaving)}
    if not told:
        return gettext("%(sentence)s No reason is known of any.") % {"sentence": words}
    reason = max(told, key=lambda each: told[each])
    return gettext("%(sentence)s The reason known of most: %(reason)s (%(count)s).") % {
        "sentence": words,
        "reason": Reason(str(reason)).label,
        "count": number(told[reason]),
    }
