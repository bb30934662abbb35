"""Messages: what was sent to whom, and the few of which nobody knows whether they arrived."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from campaigns.admin.lists import OfMembersAdmin, member_link
from campaigns.admin.marks import DELIVERY, reason_words
from campaigns.models import Delivery, DeliveryState
from campaigns.selectors.screens import campaign_name, enrolment_of, unknown_messages
from campaigns.services.dispatch import mark_sent, send_again
from core.admin.confirm import confirmed
from core.admin.display import badge, change_url, list_url, masked_email, masked_phone, when
from members.models import Channel
from members.selectors import members_by_id


class OfCampaignFilter(SimpleListFilter):
    """Offered only while a campaign is chosen: one comes here from its page."""

    title = _("campaign")
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        chosen = request.GET.get("campaign", "")
        name = campaign_name(int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else ""
        return [(chosen, name)] if name else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        chosen = self.value()
        return queryset.filter(campaign_id=int(chosen)) if chosen else queryset


class ClickedFilter(SimpleListFilter):
    """Among the messages whose links are tracked; of the others nobody knows."""

    title = _("links")
    parameter_name = "clicked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("either", _("tracked")), ("yes", _("clicked")), ("no", _("tracked, not clicked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.value() is None:
            return queryset
        tracked = queryset.filter(tracked=True)
        return tracked if self.value() == "either" else tracked.filter(clicked_at__isnull=self.value() == "no")


@admin.register(Delivery)
class DeliveryAdmin(OfMembersAdmin):
    empty_says = _("What campaigns send stands here, one row a message, with what became of it.")
    list_display = ("begins", "shown_member", "to", "shown_channel", "shown_state", "why", "queued", "done")
    list_filter = ("state", "channel", ClickedFilter, OfCampaignFilter)
    list_before_template = "campaigns/admin/unknown_messages.html"
    ordering = ("-id",)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("campaigns.change_delivery"))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("<object_id>/sent/", wrap(self.sent_view), name="campaigns_delivery_sent"),
            path("<object_id>/again/", wrap(self.again_view), name="campaigns_delivery_again"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        count = unknown_messages()
        words = ngettext(
            "Of %(count)d message nobody knows whether it arrived: a person decides.",
            "Of %(count)d messages nobody knows whether they arrived: a person decides.",
            count,
        )
        told = {"unknown": words % {"count": count} if count else ""}
        return super().changelist_view(request, {**told, **(extra_context or {})})

    @display(description=_("message"))
    def begins(self, message: Delivery) -> str:
        return Truncator(message.subject or message.body).chars(60)

    @display(description=_("to"))
    def to(self, message: Delivery) -> str:
        return masked(message)

    @display(description=_("channel"))
    def shown_channel(self, message: Delivery) -> str:
        return message.get_channel_display()

    @display(description=_("state"))
    def shown_state(self, message: Delivery) -> SafeString:
        return badge(DELIVERY[DeliveryState(message.state)])

    @display(description=_("reason"))
    def why(self, message: Delivery) -> str:
        return reason_words(message.reason)

    @display(description=_("queued"))
    def queued(self, message: Delivery) -> SafeString:
        return when(message.queued_at)

    @display(description=_("done"))
    def done(self, message: Delivery) -> SafeString | str:
        return when(message.done_at) if message.done_at else gettext("not yet")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        message = self.viewable(request, object_id)
        enrolment = enrolment_of(message)
        return self.page(
            request,
            "campaigns/admin/message.html",
            title=gettext("Message to %(to)s") % {"to": masked(message)},
            message=message,
            member=member_link(members_by_id([message.member_id]).get(message.member_id), message.member_id),
            to=masked(message),
            state=badge(DELIVERY[DeliveryState(message.state)]),
            reason=reason_words(message.reason),
            enrolment=enrolment,
            undecided=message.state == DeliveryState.UNKNOWN and self.has_settle_permission(request),
            sent_url=reverse("admin:campaigns_delivery_sent", args=[message.pk]),
            again_url=reverse("admin:campaigns_delivery_again", args=[message.pk]),
        )

    def sent_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        message = self._settleable(request, object_id)

        def do() -> str:
            mark_sent(delivery_id=message.pk, now=timezone.now(), by=request.user.get_username())
            self.log_change(request, message, gettext("marked as sent"))
            return gettext("Noted: the message arrived.")

        return confirmed(
            self,
            request,
            obj=None,
            title=gettext("Did this message arrive?"),
            sentences=lambda: [gettext("It counts as sent from now on, and is not sent again.")],
            verb=gettext("It was sent"),
            do=do,
            back=change_url("campaigns_delivery", message.pk),
        )

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        message = self._settleable(request, object_id)

        def do() -> str:
            send_again(delivery_id=message.pk, now=timezone.now(), by=request.user.get_username())
            self.log_change(request, message, gettext("sent again"))
            return gettext("The message is queued once more.")

        return confirmed(
            self,
            request,
            obj=None,
            title=gettext("Send this message again?"),
            sentences=lambda: [gettext("If it did arrive the first time, the member gets it twice.")],
            verb=gettext("Send again"),
            do=do,
            back=list_url("campaigns_delivery", state__exact=DeliveryState.UNKNOWN.value),
            danger=True,
        )

    def _settleable(self, request: HttpRequest, object_id: str) -> Delivery:
        message: Delivery = self.viewable(request, object_id)
        if not self.has_settle_permission(request):
            raise PermissionDenied
        return message


def masked(message: Delivery) -> str:
    return masked_phone(message.address) if message.channel == Channel.SMS else masked_email(message.address)
