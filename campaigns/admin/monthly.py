"""The monthly report: what last month was like on one page that prints, and who gets it by e-mail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import date as date_text
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.models import MonthlyPolicy, MonthlyReport, MonthlyState
from campaigns.services.monthly.content import month_before
from campaigns.services.monthly.keeping import make_monthly, send_monthly
from campaigns.services.monthly.words import month_words
from core.admin.base import OneRowAdmin, ReadOnlyAdmin
from core.admin.confirm import confirmed
from core.admin.display import Mark, badge, change_url, list_url, when
from core.conf import shop_zone

STATES = {
    MonthlyState.MADE: Mark(_("not sent"), "grey", "draft"),
    MonthlyState.SENDING: Mark(_("being sent"), "blue", "outgoing_mail"),
    MonthlyState.SENT: Mark(_("sent"), "green", "mark_email_read"),
    MonthlyState.FAILED: Mark(_("could not be sent"), "red", "error"),
}
MOST_RECIPIENTS = 50


@admin.register(MonthlyReport)
class MonthlyReportAdmin(ReadOnlyAdmin):
    empty_says = _(
        "On the first morning of each month a page is made about the month before: what was sold, where members stand, what "
        "campaigns did. Make the last month's now, or wait for it."
    )
    list_before_template = "campaigns/admin/monthly_list.html"
    list_display = ("shown_month", "shown_state", "made", "sent")
    ordering = ("-month",)
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("make/", wrap(self.make_view), name="campaigns_monthlyreport_make"),
            path("<object_id>/send/", wrap(self.send_view), name="campaigns_monthlyreport_send"),
        ]
        return own + super().get_urls()

    def has_make_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("campaigns.add_monthlyreport"))

    @display(description=_("month"))
    def shown_month(self, report: MonthlyReport) -> str:
        return date_text(report.month, "YEAR_MONTH_FORMAT")

    @display(description=_("state"))
    def shown_state(self, report: MonthlyReport) -> SafeString:
        return badge(STATES[MonthlyState(report.state)])

    @display(description=_("made"))
    def made(self, report: MonthlyReport) -> SafeString:
        return when(report.made_at)

    @display(description=_("sent"))
    def sent(self, report: MonthlyReport) -> SafeString | str:
        if report.sent_at is None:
            return gettext("not yet")
        words = ngettext("%(when)s to %(count)d address", "%(when)s to %(count)d addresses", report.sent_to)
        return SafeString(words % {"when": when(report.sent_at), "count": report.sent_to})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        report = self.viewable(request, object_id)
        unsent = report.state in (MonthlyState.MADE, MonthlyState.FAILED)
        return self.page(
            request,
            "campaigns/admin/monthly.html",
            title=gettext("What was %(month)s like?") % {"month": date_text(report.month, "YEAR_MONTH_FORMAT")},
            obj=report,
            report=month_words(report),
            state=badge(STATES[MonthlyState(report.state)]),
            error=report.error,
            may_make=unsent and self.has_make_permission(request),
            send_url=reverse("admin:campaigns_monthlyreport_send", args=[report.pk]),
        )

    def make_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_make_permission(request):
            raise PermissionDenied
        now = timezone.now()
        month = month_before(now.astimezone(shop_zone()).date().replace(day=1))

        def do() -> str:
            make_monthly(month=month, now=now)
            return gettext("The report was made.")

        return confirmed(
            self,
            request,
            obj=None,
            title=gettext("Make the report of %(month)s?") % {"month": date_text(month, "YEAR_MONTH_FORMAT")},
            sentences=lambda: [gettext("It is counted from what is known now. One that was sent stays as it was sent.")],
            verb=gettext("Make the report"),
            do=do,
            back=list_url("campaigns_monthlyreport"),
        )

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        report = self.viewable(request, object_id)
        if not self.has_make_permission(request):
            raise PermissionDenied
        addresses = (MonthlyPolicy.objects.first() or MonthlyPolicy()).addresses

        def do() -> str:
            if send_monthly(report=report, now=timezone.now()):
                return gettext("The report was sent.")
            return gettext("The report was not sent: its page says why.")

        words = ngettext("It goes to %(count)d address.", "It goes to %(count)d addresses.", len(addresses))
        nobody = gettext("Nobody is on the list yet: say first who gets the monthly report.")
        return confirmed(
            self,
            request,
            obj=report,
            title=gettext("Send this report now?"),
            sentences=lambda: [words % {"count": len(addresses)} if addresses else nobody],
            verb=gettext("Send the report"),
            do=do,
            back=change_url("campaigns_monthlyreport", report.pk),
        )


class MonthlyPolicyForm(forms.ModelForm):
    class Meta:
        model = MonthlyPolicy
        fields = ("recipients", "language")
        widgets = {"recipients": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def clean_recipients(self) -> str:
        """Each address once, one a line; the wrong one is named."""
        addresses = list(dict.fromkeys(self.cleaned_data["recipients"].replace(",", " ").replace(";", " ").split()))
        for address in addresses:
            try:
                validate_email(address)
            except ValidationError as error:
                raise ValidationError(gettext("“%(address)s” is no e-mail address.") % {"address": address}) from error
        if len(addresses) > MOST_RECIPIENTS:
            raise ValidationError(gettext("At most %(most)d addresses.") % {"most": MOST_RECIPIENTS})
        return "\n".join(addresses)


@admin.register(MonthlyPolicy)
class MonthlyPolicyAdmin(OneRowAdmin):
    form = MonthlyPolicyForm
