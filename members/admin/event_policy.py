"""How long events are kept: said with the number that would go, before it applies."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from core.admin.base import OneRowAdmin
from core.admin.display import change_url, list_url, number
from members.models import EventPolicy
from members.models.event_policy import GROUPS
from members.services.forgetting import count_forgettable

SURE = "sure"


class PolicyForm(ModelForm):
    class Meta:
        model = EventPolicy
        fields = tuple(GROUPS)
        widgets = dict.fromkeys(GROUPS, UnfoldAdminIntegerFieldWidget)


@admin.register(EventPolicy)
class EventPolicyAdmin(OneRowAdmin):
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        policy = self.viewable(request, object_id)
        may = self.has_change_permission(request, policy)
        form = PolicyForm(request.POST or None if may else None, instance=policy)
        if request.method == "POST" and may and form.is_valid():
            if SURE not in request.POST:
                return self._ask(request, form)
            form.save()
            self.log_change(request, policy, "")
            self.message_user(request, gettext("The policy was saved. It is carried out every night."))
            return HttpResponseRedirect(change_url("members_eventpolicy", policy.pk))
        coming = _counted(*count_forgettable(EventPolicy(**_kept(policy)), now=timezone.now()))
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("How long are events kept?"),
            heading=gettext("Days after which events are forgotten; empty: never"),
            obj=policy,
            form=form,
            verb=gettext("Count what would go") if may else "",
            back=list_url("members_behaviourevent"),
            facts=[(_("goes in the coming night"), coming)],
        )

    def _ask(self, request: HttpRequest, form: PolicyForm) -> HttpResponse:
        wanted = EventPolicy(**form.cleaned_data)
        count, more = count_forgettable(wanted, now=timezone.now())
        return self.page(
            request,
            "rekindle/confirm.html",
            title=gettext("Forget events?"),
            sentences=[
                gettext("The coming night would delete %(count)s.") % {"count": _counted(count, more)},
                gettext("Every rating stays, and of each member the latest event of each kind, both without any text."),
                gettext("Facts do not change."),
                gettext("Rules that ask what somebody did longer ago than this count what is left."),
            ],
            hidden=[*((name, "" if days is None else days) for name, days in form.cleaned_data.items()), (SURE, "1")],
            verb=gettext("Save policy"),
            back=change_url("members_eventpolicy", 1),
            danger=count > 0,
        )


def _kept(policy: EventPolicy) -> dict[str, int | None]:
    """As it is stored: a form that was refused has written into the object."""
    stored = EventPolicy.objects.filter(pk=policy.pk).values(*GROUPS).first()
    return dict(stored or {})


def _counted(count: int, more: bool) -> str:
    if more:
        return gettext("more than %(count)s events") % {"count": number(count)}
    return ngettext("%(count)s event", "%(count)s events", count) % {"count": number(count)}
