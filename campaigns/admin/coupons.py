"""Coupons: templates are made here, coupons and their uses are read here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from campaigns.admin.issuing import issue_view
from campaigns.admin.lists import OfMembersAdmin
from campaigns.admin.marks import COUPON, HOLDS, ROLLED_BACK
from campaigns.models import BenefitKind, Coupon, CouponState, CouponTemplate, Origin, Redemption
from campaigns.services.template_documents import BENEFIT_ALLOWS
from campaigns.services.templates import change_template, create_template, delete_template, document_of
from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import badge, list_url, money, number, when
from core.admin.forms import MoneyField, ShopInstantField, WholeNumberField, add_problems, free_slug
from core.errors import DomainError


class TemplateForm(forms.Form):
    """What a coupon gives and within which limits, in the words of the contract's document."""

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    slug = forms.SlugField(
        label=_("short name"),
        max_length=100,
        allow_unicode=True,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How campaigns and the API call it; empty: made from the name. It stays as it is."),
    )
    origin = forms.ChoiceField(label=_("origin"), choices=Origin.choices, widget=UnfoldAdminSelectWidget)
    kind = forms.ChoiceField(label=_("gives"), choices=BenefitKind.choices, widget=UnfoldAdminSelectWidget)
    amount_minor = MoneyField(label=_("amount off"), required=False)
    percent_off = WholeNumberField(label=_("percent off"), required=False, help_text=_("of every hundred; 15 is 8.5折"))
    max_minor = MoneyField(label=_("at most"), required=False)
    gift = forms.CharField(label=_("gift"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)
    minimum_minor = MoneyField(label=_("from an order of"), required=False, help_text=_("empty: any order"))
    valid_days = WholeNumberField(label=_("valid for … days"), required=False, help_text=_("from the day it is given"))
    valid_from = ShopInstantField(label=_("valid from"), required=False)
    valid_until = ShopInstantField(label=_("valid until"), required=False)
    total_limit = WholeNumberField(label=_("in total"), required=False, help_text=_("empty: no limit"))
    per_member_limit = WholeNumberField(label=_("per member"), required=False, help_text=_("empty: no limit"))
    code = forms.CharField(
        label=_("public code"),
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("one code for all; empty: every member gets a code of their own"),
    )
    link = forms.URLField(
        label=_("link"), max_length=500, required=False, assume_scheme="https", widget=UnfoldAdminTextInputWidget
    )
    categories = forms.CharField(
        label=_("only for categories"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("words with commas between them"),
    )
    stacking_group = forms.CharField(
        label=_("not together with others of group"), max_length=60, required=False, widget=UnfoldAdminTextInputWidget
    )

    BENEFIT = ("amount_minor", "percent_off", "max_minor", "gift")
    PLAIN = (
        "slug", "name", "origin", "minimum_minor", "valid_days", "valid_from", "valid_until", "total_limit",
        "per_member_limit", "code", "link", "stacking_group",
    )  # fmt: skip
    PATHS = {"benefit": "kind", **{f"benefit.{name}": name for name in BENEFIT}}

    def clean_slug(self) -> str:
        return str(self.cleaned_data.get("slug") or free_slug(CouponTemplate, self.cleaned_data.get("name", "")))

    def document(self) -> dict[str, Any]:
        """What belongs to another kind of benefit is not on screen, and not what is meant."""
        given = self.cleaned_data
        document = {name: given[name] for name in self.PLAIN if given.get(name) not in (None, "")}
        for name in ("valid_from", "valid_until"):
            if name in document:
                document[name] = document[name].isoformat()
        words = (word.strip() for word in given["categories"].replace("，", ",").split(","))
        allowed = BENEFIT_ALLOWS[BenefitKind(given["kind"])]
        benefit = {name: given[name] for name in self.BENEFIT if name in allowed and given.get(name) not in (None, "")}
        return {**document, "benefit": {"kind": given["kind"], **benefit}, "categories": [word for word in words if word]}


def _initial_of(template: CouponTemplate) -> dict[str, Any]:
    document = document_of(template)
    benefit = document.pop("benefit")
    instants = {"valid_from": template.valid_from, "valid_until": template.valid_until}
    return {**document, **benefit, **instants, "categories": ", ".join(template.categories)}


@admin.register(CouponTemplate)
class CouponTemplateAdmin(RekindleAdmin):
    empty_says = _(
        "A template says what a coupon gives, how long it holds and how many there are; campaigns give coupons from it."
    )
    list_display = ("name", "gives", "validity", "used_up", "shown_code")
    search_fields = ("name", "slug")
    ordering = ("-id",)
    sortable_by = ()

    @display(description=_("gives"))
    def gives(self, template: CouponTemplate) -> str:
        return benefit_words(template)

    @display(description=_("valid"))
    def validity(self, template: CouponTemplate) -> SafeString | str:
        if template.valid_days:
            words = ngettext("%(count)d day from issue", "%(count)d days from issue", template.valid_days)
            return words % {"count": template.valid_days}
        return when(template.valid_until) if template.valid_until else gettext("without end")

    @display(description=_("issued, redeemed, limit"))
    def used_up(self, template: CouponTemplate) -> str:
        limit = gettext("no limit") if template.total_limit is None else number(template.total_limit)
        return f"{number(template.issued)} · {number(template.redeemed)} · {limit}"

    @display(description=_("public code"))
    def shown_code(self, template: CouponTemplate) -> str:
        return template.code or gettext("a code each")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TemplateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                template = create_template(document=form.document(), now=timezone.now())
            except DomainError as error:
                add_problems(form, error, fields=form.PATHS)
            else:
                self.log_addition(request, template, gettext("made"))
                messages.success(request, gettext("The coupon template was made. Campaigns can give it now."))
                return HttpResponseRedirect(list_url("campaigns_coupontemplate"))
        return self._form_page(request, form, title=gettext("New coupon template"), verb=gettext("Make the template"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        template = self.viewable(request, object_id)
        may = self.has_change_permission(request, template)
        form = TemplateForm(request.POST or None if may else None, initial=_initial_of(template))
        form.fields["slug"].disabled = True
        for field in () if may else form.fields.values():
            field.disabled = True
        if request.method == "POST" and may and form.is_valid():
            try:
                change_template(slug=template.slug, document=form.document())
            except DomainError as error:
                add_problems(form, error, fields=form.PATHS)
            else:
                self.log_change(request, template, gettext("edited: %(fields)s") % {"fields": ", ".join(form.changed_data)})
                messages.success(request, gettext("The coupon template was saved."))
                return HttpResponseRedirect(list_url("campaigns_coupontemplate"))
        return self._form_page(
            request, form, title=template.name, verb=gettext("Save template") if may else "", template=template
        )

    def _form_page(
        self, request: HttpRequest, form: TemplateForm, *, title: str, verb: str, template: CouponTemplate | None = None
    ) -> HttpResponse:
        return self.page(
            request,
            "campaigns/admin/template_form.html",
            title=title,
            obj=template,
            form=form,
            verb=verb,
            template=template,
            back=list_url("campaigns_coupontemplate"),
            coupons_url=list_url("campaigns_coupon", template__id__exact=template.pk) if template else "",
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        template = self.viewable(request, object_id)
        if not self.has_delete_permission(request, template):
            raise PermissionDenied

        def do() -> str:
            delete_template(slug=template.slug)
            return gettext("The coupon template “%(name)s” was deleted.") % {"name": template.name}

        return confirmed(
            self,
            request,
            obj=template,
            title=gettext("Delete %(name)s?") % {"name": template.name},
            sentences=lambda: [gettext("A template that was given or used to anybody stays; this one then is not deleted.")],
            verb=gettext("Delete the template"),
            do=do,
            back=list_url("campaigns_coupontemplate"),
            danger=True,
        )


def benefit_words(template: CouponTemplate) -> str:
    """This function will say what a coupon gives: ¥10 off from ¥100, 15% off at most ¥50."""
    match template.benefit:
        case BenefitKind.FIXED:
            said = gettext("%(amount)s off") % {"amount": money(template.amount_minor)}
        case BenefitKind.PERCENT_OFF:
            said = gettext("%(percent)s%% off") % {"percent": template.percent_off}
            if template.max_minor is not None:
                said = gettext("%(said)s, at most %(amount)s") % {"said": said, "amount": money(template.max_minor)}
        case BenefitKind.GIFT:
            said = template.gift or str(BenefitKind.GIFT.label)
        case _:
            said = template.get_benefit_display()
    if template.minimum_minor:
        return gettext("%(said)s from %(amount)s") % {"said": said, "amount": money(template.minimum_minor)}
    return said


@admin.register(Coupon)
class CouponAdmin(OfMembersAdmin):
    empty_says = _("Coupons that campaigns give stand here, one row each, with their code and state.")
    list_display = ("shown_code", "shown_member", "shown_template", "shown_state", "issued", "until")
    list_filter = ("state", "template")
    list_select_related = ("template",)
    ordering = ("-id",)
    search_help_text = _("code, or member's id, name, phone or e-mail")
    fields = ("shown_code", "shown_template", "shown_state", "issued", "until")
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.issue_view)
        return [path("issue/<int:member_id>/", view, name="campaigns_coupon_issue"), *super().get_urls()]

    def issue_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        return issue_view(self, request, member_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        coded = queryset.filter(code=search_term.strip().upper(), public=False)
        return (coded, False) if coded.exists() else super().get_search_results(request, queryset, search_term)

    @display(description=_("code"))
    def shown_code(self, coupon: Coupon) -> str:
        return coupon.code

    @display(description=_("coupon"))
    def shown_template(self, coupon: Coupon) -> str:
        return str(coupon.template)

    @display(description=_("state"))
    def shown_state(self, coupon: Coupon) -> SafeString:
        return badge(COUPON[CouponState(coupon.state)])

    @display(description=_("issued"))
    def issued(self, coupon: Coupon) -> SafeString:
        return when(coupon.issued_at)

    @display(description=_("valid until"))
    def until(self, coupon: Coupon) -> SafeString | str:
        return when(coupon.valid_until) if coupon.valid_until else gettext("without end")


@admin.register(Redemption)
class RedemptionAdmin(OfMembersAdmin):
    empty_says = _("When a till or a shop redeems a coupon, the use stands here.")
    list_display = ("code", "order", "shown_member", "shown_template", "amount", "discount", "used", "holds")
    list_filter = ("template",)
    list_select_related = ("template",)
    ordering = ("-id",)
    fields = ("code", "order", "shown_template", "amount", "discount", "used", "holds")
    readonly_fields = fields

    @display(description=_("coupon"))
    def shown_template(self, redemption: Redemption) -> str:
        return str(redemption.template)

    @display(description=_("order amount"))
    def amount(self, redemption: Redemption) -> str:
        return money(redemption.amount_minor)

    @display(description=_("discount given"))
    def discount(self, redemption: Redemption) -> str:
        return money(redemption.discount_minor)

    @display(description=_("redeemed at"))
    def used(self, redemption: Redemption) -> SafeString:
        return when(redemption.redeemed_at)

    @display(description=_("state"))
    def holds(self, redemption: Redemption) -> SafeString:
        return badge(HOLDS if redemption.rolled_back_at is None else ROLLED_BACK)
