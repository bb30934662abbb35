"""Campaigns: drafted in four parts, started with counts stated, watched by their balance line, judged by their report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from campaigns.admin.drafts import checklist, instants, obstacles, offered, saved, warned
from campaigns.admin.forms import NEW, BaseStepFormSet, CampaignForm, StepFormSet, initial_of
from campaigns.admin.marks import CAMPAIGN
from campaigns.admin.results import balance_line, clicks_line, enrolments_url, reasons_line, result
from campaigns.admin.why import why_view
from campaigns.admin.words import rule_words, start_words, step_words, trigger_words, within_words
from campaigns.models import Campaign, CampaignStatus
from campaigns.reports.results import Balance, campaign_report
from campaigns.selectors.documents import document_of, edition_of
from campaigns.selectors.reach import reach
from campaigns.selectors.screens import outcome_counts
from campaigns.services.lifecycle import (
    activate,
    create_campaign,
    delete_draft,
    finish,
    pause,
    resume,
    start_problems,
    update_draft,
)
from campaigns.services.previews import preview_message
from core.admin.base import BoundedChangeList, RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import badge, change_url, link, list_url, number, when
from core.errors import DomainError
from members.selectors import example_member

LONGEST_PREVIEW = 100_000


class CampaignList(BoundedChangeList):
    """Loads the balance of all campaigns on the page in one statement."""

    def complete(self, rows: list[Any]) -> None:
        counts = outcome_counts([row.pk for row in rows])
        for row in rows:
            vars(row)["counts"] = counts[row.pk]


@admin.register(Campaign)
class CampaignAdmin(RekindleAdmin):
    empty_says = _("A campaign says when it fires, for whom, what they get, and within which limits.")
    list_display = ("name", "state", "fires", "due", "fired", "held_out", "started")
    list_filter = ("status",)
    search_fields = ("name", "slug")
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("version",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return CampaignList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).select_related("version")

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        moves = (self.start_view, self.pause_view, self.resume_view, self.finish_view)
        names = ("start", "pause", "resume", "finish")
        own = [path("preview-message/", wrap(self.preview_view), name="campaigns_message_preview")]
        own.append(path("why/", wrap(lambda request: why_view(self, request)), name="campaigns_why"))
        own += [
            path(f"<object_id>/{name}/", wrap(view), name=f"campaigns_campaign_{name}")
            for name, view in zip(names, moves, strict=True)
        ]
        return own + super().get_urls()

    # --- the list

    @display(description=_("state"))
    def state(self, campaign: Campaign) -> SafeString:
        return badge(CAMPAIGN[CampaignStatus(campaign.status)])

    @display(description=_("fires"))
    def fires(self, campaign: Campaign) -> str:
        return trigger_words(campaign.version.trigger) if campaign.version else ""

    @display(description=_("due"))
    def due(self, campaign: Campaign) -> SafeString:
        return link(number(sum(vars(campaign)["counts"].values())), enrolments_url(campaign))

    @display(description=_("fired"))
    def fired(self, campaign: Campaign) -> SafeString:
        return link(number(vars(campaign)["counts"]["fired"]), enrolments_url(campaign, status="fired"))

    @display(description=_("held out"))
    def held_out(self, campaign: Campaign) -> SafeString:
        return link(number(vars(campaign)["counts"]["held_out"]), enrolments_url(campaign, status="held_out"))

    @display(description=_("started at"))
    def started(self, campaign: Campaign) -> SafeString | str:
        return when(campaign.activated_at) if campaign.activated_at else gettext("not yet")

    # --- drafting

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CampaignForm(request.POST or None, initial={**NEW, **offered(request)})
        steps = StepFormSet(request.POST or None, initial=[{"kind": "send_message"}], prefix="steps")

        def save(document: dict[str, Any]) -> Campaign:
            return create_campaign(document=document, now=timezone.now(), by=request.user.get_username())

        if request.method == "POST" and (campaign := saved(form, steps, save)):
            self.log_addition(request, campaign, gettext("made"))
            messages.success(request, gettext("The draft was saved. Look it over, then start it."))
            warned(request, campaign)
            return HttpResponseRedirect(change_url("campaigns_campaign", campaign.pk))
        return self._form_page(request, form, steps, title=gettext("New campaign"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        campaign = self.viewable(request, object_id)
        if campaign.status == CampaignStatus.DRAFT and self.has_change_permission(request, campaign):
            return self._draft_page(request, campaign)
        return self._result_page(request, campaign)

    def _draft_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        document = document_of(campaign)
        initial = {**NEW, **initial_of(document), **instants(campaign), "seen": edition_of(campaign)}
        form = CampaignForm(request.POST or None, initial=initial)
        steps = StepFormSet(request.POST or None, initial=document.get("steps", []), prefix="steps")

        def save(document: dict[str, Any]) -> Campaign:
            by = request.user.get_username()
            seen = form.cleaned_data["seen"]
            return update_draft(campaign=campaign, document=document, now=timezone.now(), by=by, seen=seen)

        if request.method == "POST" and (kept := saved(form, steps, save)):
            self.log_change(request, campaign, gettext("edited"))
            messages.success(request, gettext("The draft was saved."))
            warned(request, kept)
            return HttpResponseRedirect(change_url("campaigns_campaign", campaign.pk))
        return self._form_page(request, form, steps, title=campaign.name, campaign=campaign)

    def _form_page(
        self,
        request: HttpRequest,
        form: CampaignForm,
        steps: BaseStepFormSet,
        *,
        title: str,
        campaign: Campaign | None = None,
    ) -> HttpResponse:
        problems = start_problems(campaign=campaign, now=timezone.now()) if campaign else []
        return self.page(
            request,
            "campaigns/admin/campaign_form.html",
            title=title,
            obj=campaign,
            form=form,
            steps=steps,
            checklist=checklist(problems) if campaign else [],
            obstacles=obstacles(problems),
            campaign=campaign,
            start_url=_move_url(campaign, "start"),
            preview_url=reverse("admin:campaigns_message_preview"),
            back=list_url("campaigns_campaign"),
            delete_url=reverse("admin:campaigns_campaign_delete", args=[campaign.pk]) if campaign else "",
            may_delete=campaign is not None and self.has_delete_permission(request, campaign),
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        campaign = self.viewable(request, object_id)
        if not self.has_delete_permission(request, campaign):
            raise PermissionDenied

        def do() -> str:
            delete_draft(campaign_id=campaign.pk, by=request.user.get_username())
            return gettext("The draft “%(campaign)s” was deleted.") % {"campaign": campaign.name}

        return confirmed(
            self,
            request,
            obj=campaign,
            title=gettext("Delete the draft %(campaign)s?") % {"campaign": campaign.name},
            sentences=lambda: [gettext("It has reached nobody, and nothing else goes with it.")],
            verb=gettext("Delete the draft"),
            do=do,
            back=list_url("campaigns_campaign"),
            danger=True,
        )

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """This function will answer a message as a member would read it; asked while a step is written."""
        if request.method != "POST":
            return JsonResponse({}, status=405)
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        try:
            asked = _texts(json.loads(request.body[:LONGEST_PREVIEW]))
        except (ValueError, RecursionError, AttributeError):
            return JsonResponse({"problems": [gettext("This is no JSON.")]}, status=400)
        try:
            shown = preview_message(
                subject=asked["subject"],
                body=asked["body"],
                campaign_name=asked["campaign"],
                coupon=asked["coupon"],
                earlier=["issue_coupon"] if asked["coupon"] else [],
                member=example_member(),
                now=timezone.now(),
            )
        except DomainError as error:
            return JsonResponse({"problems": [str(problem.message) for problem in error.problems]}, status=422)
        return JsonResponse({"reader": shown.reader, "subject": shown.subject, "body": shown.body, "warning": shown.warning})

    # --- under way

    def _result_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        version = campaign.version
        assert version is not None, "a campaign is made with its first version"
        report = campaign_report(campaign=campaign)
        still_open = _still_open(campaign, now=timezone.now())
        may = self.has_change_permission(request, campaign)
        return self.page(
            request,
            "campaigns/admin/campaign.html",
            title=campaign.name,
            obj=campaign,
            campaign=campaign,
            state=badge(CAMPAIGN[CampaignStatus(campaign.status)]),
            moves=_moves(campaign) if may else [],
            balance=balance_line(campaign, report.balance),
            suppressed=reasons_line(campaign, "suppressed", report.balance.suppressed),
            failed=reasons_line(campaign, "failed", report.balance.failed),
            clicks=clicks_line(campaign, report.clicks),
            result=result(campaign, report, still_open=still_open),
            when=trigger_words(version.trigger),
            who=rule_words(version.audience),
            but_not=rule_words(version.exclusion) if version.exclusion else "",
            what=step_words(version.steps),
            within=within_words(version),
            version=version,
            still_open=still_open,
            moving=_moving(campaign, report.balance),
        )

    def start_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            partial(activate, seen=request.POST.get("seen", "")),
            title=_("Start %(campaign)s?"),
            verb=_("Start campaign"),
            done=_("“%(campaign)s” is running. The first go out within a minute."),
            sentences=lambda campaign: _start_sentences(campaign),
            hidden=lambda campaign: [("seen", edition_of(campaign))],  # what is started is what was counted here
        )

    def pause_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            pause,
            title=_("Pause %(campaign)s?"),
            verb=_("Pause campaign"),
            done=_("“%(campaign)s” is paused."),
            sentences=lambda campaign: [
                gettext("Nothing new is decided or sent until it is resumed; %(waiting)s wait now.") % _waiting(campaign)
            ],
        )

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            resume,
            title=_("Resume %(campaign)s?"),
            verb=_("Resume campaign"),
            done=_("“%(campaign)s” goes on."),
            sentences=lambda campaign: [
                gettext("It goes on where it was: %(waiting)s wait and are decided within a minute.") % _waiting(campaign)
            ],
        )

    def finish_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move(
            request,
            object_id,
            finish,
            title=_("Finish %(campaign)s?"),
            verb=_("Finish campaign"),
            done=_("“%(campaign)s” is finished."),
            sentences=lambda campaign: [
                gettext("It ends for good: %(waiting)s wait and will get nothing. Its report goes on.") % _waiting(campaign)
            ],
            danger=True,
        )

    def _move(
        self,
        request: HttpRequest,
        object_id: str,
        service: Callable[..., Campaign],
        *,
        title: Any,
        verb: Any,
        done: Any,
        sentences: Callable[[Campaign], list[str]],
        hidden: Callable[[Campaign], list[tuple[str, str]]] = lambda campaign: [],
        danger: bool = False,
    ) -> HttpResponse:
        campaign = self.changeable(request, object_id)
        named = {"campaign": campaign.name}

        def do() -> str:
            service(campaign_id=campaign.pk, now=timezone.now(), by=request.user.get_username())
            self.log_change(request, campaign, str(verb))
            return str(done) % named

        return confirmed(
            self,
            request,
            obj=campaign,
            title=str(title) % named,
            sentences=lambda: sentences(campaign),
            verb=str(verb),
            do=do,
            back=change_url("campaigns_campaign", campaign.pk),
            danger=danger,
            hidden=hidden(campaign),
        )


def _start_sentences(campaign: Campaign) -> list[str]:
    return start_words(campaign.version, reach(campaign.version)) if campaign.version else []


def _texts(asked: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(asked.get(name) or "") for name in ("subject", "body", "campaign", "coupon")}


def _still_open(campaign: Campaign, *, now: datetime) -> bool:
    """Orders are counted for some days after each member was due: until the last window closes, numbers grow."""
    if campaign.version is None or campaign.activated_at is None:
        return False
    if campaign.finished_at is None:
        return True
    return campaign.finished_at + timedelta(days=campaign.version.attribution_days) > now


def _moving(campaign: Campaign, known: Balance) -> bool:
    """While the first are being decided the page looks again by itself: nobody should have to reload it."""
    return campaign.status == CampaignStatus.RUNNING and (known.due == 0 or known.waiting > 0)


def _moves(campaign: Campaign) -> list[tuple[str, str, str]]:
    """This function will list the buttons of a campaign where it stands: address, verb, look."""
    found = {
        CampaignStatus.DRAFT: [("start", gettext("Start…"), "rk-primary")],
        CampaignStatus.RUNNING: [("pause", gettext("Pause…"), ""), ("finish", gettext("Finish…"), "")],
        CampaignStatus.PAUSED: [("resume", gettext("Resume…"), "rk-primary"), ("finish", gettext("Finish…"), "")],
    }.get(CampaignStatus(campaign.status), [])
    return [(_move_url(campaign, name), verb, look) for name, verb, look in found]


def _move_url(campaign: Campaign | None, name: str) -> str:
    return reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk]) if campaign else ""


def _waiting(campaign: Campaign) -> dict[str, str]:
    return {"waiting": number(outcome_counts([campaign.pk])[campaign.pk]["waiting"])}
