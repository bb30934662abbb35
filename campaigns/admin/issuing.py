"""A coupon given by hand, on a member's page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.coupons.issue import issue_one
from campaigns.selectors.screens import template_choices
from core.admin.audit import note
from core.admin.base import RekindleAdmin
from core.admin.display import change_url
from core.admin.forms import add_problems
from core.admin.panels import MemberAction, member_actions
from core.errors import DomainError
from members.models import Member

PERMISSION = "campaigns.add_coupon"


class IssueForm(forms.Form):
    template = forms.ChoiceField(label=_("coupon"), widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["template"].choices = template_choices()  # type: ignore[attr-defined]


def issue_view(page: RekindleAdmin, request: HttpRequest, member_id: int) -> HttpResponse:
    """This function will give a member one coupon, within the template's limits."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    member = get_object_or_404(Member, pk=member_id)
    back = change_url("members_member", member.pk)
    form = IssueForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            coupon = issue_one(template_slug=form.cleaned_data["template"], member_id=member.pk, now=timezone.now())
        except DomainError as error:
            add_problems(form, error)
        else:
            note(request, coupon, added=True)
            messages.success(request, gettext("The coupon was issued."))
            return HttpResponseRedirect(f"{back}#panel-coupons")
    title = gettext("Issue a coupon to %(member)s") % {"member": member}
    return page.page(request, "rekindle/form.html", title=title, form=form, verb=gettext("Issue coupon"), back=back)


def issue_url(member: Member) -> str | None:
    """This function will return where a coupon is given; nothing where there is none to give."""
    return reverse("admin:campaigns_coupon_issue", args=[member.pk]) if template_choices() else None


member_actions.register(MemberAction("coupon", _("Issue coupon"), "confirmation_number", 30, PERMISSION, issue_url))
