"""Scoring models in plain words: what each says, how good it was on this shop's own past, why one is not in use."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import OneRowAdmin, ReadOnlyAdmin
from core.admin.display import Mark, badge, change_url, list_url, number, share
from core.admin.rules import make_segment_url
from core.errors import DomainError
from core.services.clock import clock_is_ticking
from retention.admin.model_words import QUESTIONS, group_sentence, headline, shown
from retention.models import ModelKind, ModelPolicy, ScoringModel
from retention.reports.svg import draw
from retention.selectors.listings import fits_shown, last_refusals, models
from retention.selectors.sentences import sentences_of_rules
from retention.services.groups import ask_for_group_list
from retention.services.scoring import ask_for_fit, open_fit

IN_USE = Mark(_("in use"), "green", "check_circle")
AS_RANK = Mark(_("in use as a rank"), "amber", "leaderboard")
REPLACED = Mark(_("replaced"), "grey", "history")
REFUSED = Mark(_("not published"), "red", "block")
FITS_SHOWN = 30


@admin.register(ScoringModel)
class ScoringModelAdmin(ReadOnlyAdmin):
    class Media:
        js = ("rekindle/live.js",)

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("fit/", wrap(self.fit_view), name="retention_fit"),
            path("group/<int:group>/", wrap(self.group_view), name="retention_group"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        current = {model.kind: model for model in models()}
        refused = last_refusals()
        cards = [_card(kind, current.get(kind), refused.get(kind)) for kind in QUESTIONS]
        job = open_fit()
        return self.page(
            request,
            "retention/admin/models.html",
            title=gettext("Models"),
            cards=[card for card in cards if card is not None],
            fits=[_row(each) for each in fits_shown(FITS_SHOWN)],
            fit_url=reverse("admin:retention_fit") if _may_fit(request) else "",
            horizon_url=list_url("retention_modelpolicy") if _may_fit(request) else "",
            job=job,
            job_url=change_url("core_job", job.pk) if job and request.user.has_perm("core.view_job") else "",
            silent=job is not None and not clock_is_ticking(now=timezone.now()),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        model = self.viewable(request, object_id)
        told = shown(model)
        return self.page(
            request,
            "retention/admin/model.html",
            title=str(QUESTIONS[model.kind]),
            obj=model,
            model=model,
            mark=badge(_mark(model)),
            told=told,
            pictures=[(chart.title, draw(chart)) for chart in told.charts],
            leaves=_leaves(request, model),
            groups=_groups(request, model),
            back=list_url("retention_scoringmodel"),
        )

    def fit_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not _may_fit(request):
            raise PermissionDenied
        ask_for_fit(by=request.user.get_username(), now=timezone.now())
        messages.success(request, gettext("The models are being fitted in the background."))
        return HttpResponseRedirect(list_url("retention_scoringmodel"))

    def group_view(self, request: HttpRequest, group: int) -> HttpResponse:
        """A fixed list of who is in a customer group now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("retention.add_segment"):
            raise PermissionDenied
        name = gettext("Customer group %(place)s") % {"place": group + 1}
        try:
            segment = ask_for_group_list(group=group, name=name, by=request.user.get_username(), now=timezone.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(list_url("retention_scoringmodel"))
        messages.success(request, gettext("The list is being filled in the background."))
        return HttpResponseRedirect(change_url("retention_segment", segment.pk))


def _may_fit(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("retention.change_modelpolicy"))


def _mark(model: ScoringModel) -> Mark:
    if model.refusal is not None:
        return REFUSED
    if not model.current:
        return REPLACED
    return AS_RANK if model.kind == ModelKind.CHURN and not model.parameters["calibrated"] else IN_USE


def _card(kind: str, model: ScoringModel | None, refused: ScoringModel | None) -> dict[str, Any] | None:
    """A model in use with its answer; beside it, or instead of it, why the last fit was not published."""
    if model is None and refused is None:
        return None
    told = model or refused
    assert told is not None
    return {
        "question": QUESTIONS[kind],
        "name": told.get_kind_display(),
        "mark": badge(_mark(told)),
        "headline": headline(told),
        "model": told,
        "url": change_url("retention_scoringmodel", told.pk),
        "refused": headline(refused) if model is not None and refused is not None else "",
        "refused_url": change_url("retention_scoringmodel", refused.pk) if model and refused else "",
    }


def _row(model: ScoringModel) -> dict[str, Any]:
    return {
        "name": model.get_kind_display(),
        "mark": badge(_mark(model)),
        "model": model,
        "members": number(model.members),
        "url": change_url("retention_scoringmodel", model.pk),
    }


def _leaves(request: HttpRequest, model: ScoringModel) -> list[dict[str, Any]]:
    """The ends of the small tree: each a rule in words, what became of such members, one click from a segment."""
    leaves = model.metrics.get("leaves", [])
    sentences = sentences_of_rules([leaf["rule"] for leaf in leaves])
    return [
        {
            "sentence": sentence,
            "members": number(leaf["members"]),
            "share": share(leaf["churned"]),
            "url": make_segment_url(request, leaf["rule"]) if sentence else "",
        }
        for leaf, sentence in zip(leaves, sentences, strict=True)
    ]


def _groups(request: HttpRequest, model: ScoringModel) -> list[dict[str, Any]]:
    """Each group with its size, its means in words, and the button that makes a list of it while it is in use."""
    if model.kind != ModelKind.GROUPS or model.refusal is not None:
        return []
    may_make = model.current and request.user.has_perm("retention.add_segment")
    return [
        {
            "place": place + 1,
            "members": number(group["members"]),
            "share": share(group["members"] / max(1, model.members)),
            "sentence": group_sentence(group),
            "url": reverse("admin:retention_group", args=[place]) if may_make else "",
        }
        for place, group in enumerate(model.metrics["groups"])
    ]


@admin.register(ModelPolicy)
class ModelPolicyAdmin(OneRowAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("churn_horizon_days",),
                "description": _(
                    "Choose about as long as most of your members need for two orders. A change takes effect with the next "
                    "fit: fit now on the page of models, or wait for the weekly one."
                ),
            },
        ),
    )
