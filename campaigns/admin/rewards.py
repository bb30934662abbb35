"""Rewards: what points buy, made here; who had what, read here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from campaigns.admin.coupons import benefit_words
from campaigns.admin.lists import OfMembersAdmin
from campaigns.models import Reward, RewardKind, RewardUse
from campaigns.selectors.listings import template_listing
from campaigns.services.rewards import delete_reward, save_reward
from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import Mark, badge, change_url, link, list_url, money, number, when
from core.admin.forms import MoneyField, WholeNumberField, add_problems, free_slug
from core.errors import DomainError

OFFERED = Mark(_("offered"), "green", "storefront")
WITHDRAWN = Mark(_("not offered"), "grey", "block")
GIVEN = Mark(_("given"), "green", "redeem")
ROLLED_BACK = Mark(_("rolled back"), "orange", "undo")


class RewardForm(forms.Form):
    """What it costs, what it gives, and how many there are."""

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    slug = forms.SlugField(
        label=_("short name"),
        max_length=100,
        allow_unicode=True,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How the API calls it; empty: made from the name. It stays as it is."),
    )
    points = WholeNumberField(label=_("costs points"))
    kind = forms.ChoiceField(label=_("gives"), choices=RewardKind.choices, widget=UnfoldAdminSelectWidget)
    amount_minor = MoneyField(label=_("money off"), required=False)
    template = forms.ChoiceField(label=_("coupon"), required=False, widget=UnfoldAdminSelectWidget)
    gift = forms.CharField(label=_("gift"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)
    stock = WholeNumberField(label=_("in total"), required=False, help_text=_("empty: no limit"))
    per_member_limit = WholeNumberField(label=_("per member"), required=False, help_text=_("empty: no limit"))
    offered = forms.BooleanField(label=_("offered"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget)

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        templates: Any = self.fields["template"]
        found = template_listing().order_by("-pk")[:200]
        templates.choices = [
            ("", _("choose a coupon")),
            *((each.slug, f"{each.name} ({benefit_words(each)})") for each in found),
        ]

    def clean_slug(self) -> str:
        return str(self.cleaned_data.get("slug") or free_slug(Reward, self.cleaned_data.get("name", "")))


@admin.register(Reward)
class RewardAdmin(RekindleAdmin):
    empty_says = _("Rewards are what members can have for their points: money off, a coupon, a gift.")
    list_display = ("name", "cost", "gives", "used_up", "state")
    list_filter = ("offered",)
    list_select_related = ("template",)
    search_fields = ("name", "slug")
    ordering = ("-id",)
    sortable_by = ()

    @display(description=_("costs points"))
    def cost(self, reward: Reward) -> str:
        return number(reward.points)

    @display(description=_("gives"))
    def gives(self, reward: Reward) -> str:
        return reward_words(reward)

    @display(description=_("redeemed, limit"))
    def used_up(self, reward: Reward) -> str:
        limit = gettext("no limit") if reward.stock is None else number(reward.stock)
        return f"{number(reward.redeemed)} · {limit}"

    @display(description=_("state"))
    def state(self, reward: Reward) -> SafeString:
        return badge(OFFERED if reward.offered else WITHDRAWN)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RewardForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and (reward := self._saved(form, None)):
            self.log_addition(request, reward, gettext("made"))
            messages.success(request, gettext("The reward was made."))
            return HttpResponseRedirect(list_url("campaigns_reward"))
        return self._form_page(request, form, title=gettext("New reward"), verb=gettext("Make the reward"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        reward = self.viewable(request, object_id)
        may = self.has_change_permission(request, reward)
        initial = {name: getattr(reward, name) for name in RewardForm.base_fields if name != "template"}
        initial["template"] = reward.template.slug if reward.template else ""
        form = RewardForm(request.POST or None if may else None, initial=initial)
        form.fields["slug"].disabled = True
        for field in () if may else form.fields.values():
            field.disabled = True
        if request.method == "POST" and may and form.is_valid() and self._saved(form, reward.slug):
            self.log_change(request, reward, gettext("edited: %(fields)s") % {"fields": ", ".join(form.changed_data)})
            messages.success(request, gettext("The reward was saved."))
            return HttpResponseRedirect(list_url("campaigns_reward"))
        return self._form_page(
            request, form, title=reward.name, verb=gettext("Save the reward") if may else "", reward=reward
        )

    def _saved(self, form: RewardForm, slug: str | None) -> Reward | None:
        try:
            return save_reward(slug=slug, terms=form.cleaned_data, now=timezone.now())
        except DomainError as error:
            add_problems(form, error)
            return None

    def _form_page(
        self, request: HttpRequest, form: RewardForm, *, title: str, verb: str, reward: Reward | None = None
    ) -> HttpResponse:
        times = reward.redeemed if reward else 0
        said = ngettext("Members had it %(count)s time.", "Members had it %(count)s times.", times) % {
            "count": number(times)
        }
        return self.page(
            request,
            "campaigns/admin/reward_form.html",
            title=title,
            obj=reward,
            form=form,
            verb=verb,
            said=said if reward else "",
            uses_url=list_url("campaigns_rewarduse", reward__id__exact=reward.pk) if reward else "",
            back=list_url("campaigns_reward"),
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        reward = self.viewable(request, object_id)
        if not self.has_delete_permission(request, reward):
            raise PermissionDenied

        def do() -> str:
            delete_reward(slug=reward.slug)
            return gettext("The reward “%(name)s” was deleted.") % {"name": reward.name}

        return confirmed(
            self,
            request,
            obj=reward,
            title=gettext("Delete %(name)s?") % {"name": reward.name},
            sentences=lambda: [gettext("A reward that anybody had stays; this one then is not deleted.")],
            verb=gettext("Delete the reward"),
            do=do,
            back=list_url("campaigns_reward"),
            danger=True,
        )


def reward_words(reward: Reward) -> str:
    """This function will say what a reward gives: ¥5 off, a coupon's words, a gift."""
    if reward.kind == RewardKind.MONEY_OFF:
        return gettext("%(amount)s off") % {"amount": money(reward.amount_minor)}
    return reward.gift if reward.template is None else benefit_words(reward.template)


@admin.register(RewardUse)
class RewardUseAdmin(OfMembersAdmin):
    empty_says = _("Whenever a member has a reward for points, it stands here.")
    list_display = ("used", "shown_member", "shown_reward", "cost", "state", "reference")
    list_display_links = None
    list_filter = ("reward",)
    list_select_related = ("reward",)
    ordering = ("-id",)
    fields = ("used", "shown_reward", "cost", "state", "reference", "by")
    readonly_fields = fields

    @display(description=_("at"))
    def used(self, use: RewardUse) -> SafeString:
        return when(use.used_at)

    @display(description=_("reward"))
    def shown_reward(self, use: RewardUse) -> SafeString:
        return link(use.reward, change_url("campaigns_reward", use.reward_id))

    @display(description=_("points"))
    def cost(self, use: RewardUse) -> str:
        return number(use.points)

    @display(description=_("state"))
    def state(self, use: RewardUse) -> SafeString:
        return badge(GIVEN if use.rolled_back_at is None else ROLLED_BACK)
