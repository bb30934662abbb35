"""Earning rules as sentences, and the days on which more is earned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import Mark, badge, list_url
from core.admin.forms import MoneyField, ShopInstantField, WholeNumberField, add_problems
from core.conf import shop_zone
from core.errors import DomainError
from members.models import EARNING_EVENTS, EarningCurrency, EarningDays, EarningRule, Shop, Waiting
from members.models.earning import OCCASIONS
from members.services.earning.circumstances import tier_choices
from members.services.earning.rules import DAYS_TERMS, TERMS, begin_rule, change_rule, end_rule, save_days
from members.services.earning.words import rule_sentence

HOLDS = Mark(_("in force"), "green", "check_circle")
AHEAD = Mark(_("begins later"), "blue", "schedule")
ENDED = Mark(_("ended"), "grey", "event_busy")


def _text(label: Any, *, most: int, help_text: Any = "", required: bool = False) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=most, help_text=help_text, widget=UnfoldAdminTextInputWidget
    )


def _choice(label: Any, choices: Any, *, required: bool = True) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=required, widget=UnfoldAdminSelectWidget)


class RuleForm(forms.Form):
    """A rule's terms, in the order in which its sentence says them."""

    name = _text(_("name"), most=100, required=True, help_text=_("stands on every entry the rule makes"))
    amount = WholeNumberField(label=_("how much"))
    currency = _choice(_("of what"), EarningCurrency.choices)
    occasion = _choice(_("for what"), OCCASIONS)
    per_minor = MoneyField(
        label=_("for every full"), required=False, help_text=_("of an order less its refunds; what is over earns nothing")
    )
    shop = forms.ModelChoiceField(
        label=_("only in the shop"),
        queryset=Shop.objects.order_by("name"),
        required=False,
        empty_label=_("any"),
        widget=UnfoldAdminSelectWidget,
    )
    category = _text(_("only in the category"), most=200)
    payment_method = _text(_("only when paid with"), most=60, help_text=_("as your orders write it"))
    tier = _choice(_("only for the tier"), [], required=False)
    property_name = _text(_("only if the property"), most=100, help_text=_("as your events write it, such as accepted"))
    property_value = _text(_("is"), most=200, help_text=_("such as true"))
    daily_limit = WholeNumberField(label=_("at most … times a day"), required=False, help_text=_("empty: no limit"))
    lifetime_limit = WholeNumberField(label=_("at most … times in all"), required=False, help_text=_("empty: no limit"))
    waiting = _choice(_("points can be used"), Waiting.choices, required=False)
    wait_days = WholeNumberField(label=_("how many days"), required=False)
    valid_from = ShopInstantField(label=_("from"), required=False, help_text=_("empty: now"))
    valid_until = ShopInstantField(label=_("until"), required=False, help_text=_("empty: until it is ended"))

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        tier: Any = self.fields["tier"]
        tier.choices = [("", _("any")), *tier_choices()]

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in TERMS}


def _state(begins: Any, ends: Any) -> Mark:
    now = timezone.now()
    if ends is not None and ends <= now:
        return ENDED
    return AHEAD if begins > now else HOLDS


class InForceFilter(admin.SimpleListFilter):
    """Rules that ended stay for what they made; people look at those that hold."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("ended", _("ended")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("in force and to come")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_state(self.value() or "standing", now=timezone.now())


@admin.register(EarningRule)
class EarningRuleAdmin(RekindleAdmin):
    empty_says = _("Without rules nothing is earned: orders, reviews, birthdays give points and growth as rules say.")
    list_before_template = "members/admin/earning.html"
    list_display = ("name", "says", "state", "span")
    list_filter = (InForceFilter,)
    list_select_related = ("shop",)
    search_fields = ("name",)
    ordering = ("-id",)
    sortable_by = ()

    @display(description=_("what it gives"))
    def says(self, rule: EarningRule) -> str:
        return rule_sentence(rule)

    @display(description=_("state"))
    def state(self, rule: EarningRule) -> SafeString:
        return badge(_state(rule.valid_from, rule.valid_until))

    @display(description=_("from, until"))
    def span(self, rule: EarningRule) -> str:
        return span_words(rule.valid_from, rule.valid_until)

    def has_delete_permission(self, request: HttpRequest, obj: EarningRule | None = None) -> bool:
        """A rule is ended: what it gave names it for ever."""
        return False

    def get_urls(self) -> list[Any]:
        end = self.admin_site.admin_view(self.end_view)
        return [path("<path:object_id>/end/", end, name="members_earningrule_end"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RuleForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            span = {name: form.cleaned_data[name] for name in ("valid_from", "valid_until")}
            try:
                rule = begin_rule(terms=form.terms(), **span, now=timezone.now())
            except DomainError as error:
                add_problems(form, error)
            else:
                self.log_addition(request, rule, gettext("made"))
                messages.success(request, gettext("The rule was made: %(rule)s.") % {"rule": rule_sentence(rule)})
                return HttpResponseRedirect(list_url("members_earningrule"))
        return self._form_page(request, form, title=gettext("New earning rule"), verb=gettext("Make the rule"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        rule = self.viewable(request, object_id)
        over = _state(rule.valid_from, rule.valid_until) is ENDED
        may = self.has_change_permission(request, rule) and not over
        initial = {name: getattr(rule, name) for name in (*TERMS, "valid_from", "valid_until")}
        form = RuleForm(request.POST or None if may else None, initial=initial)
        form.fields["valid_from"].disabled = _state(rule.valid_from, rule.valid_until) is not AHEAD
        for field in () if may else form.fields.values():
            field.disabled = True
        if request.method == "POST" and may and form.is_valid():
            span = {name: form.cleaned_data[name] for name in ("valid_from", "valid_until")}
            try:
                changed = change_rule(rule_id=rule.pk, terms=form.terms(), **span, now=timezone.now())
            except DomainError as error:
                add_problems(form, error)
            else:
                self.log_change(request, changed, gettext("edited: %(fields)s") % {"fields": ", ".join(form.changed_data)})
                messages.success(
                    request, gettext("The rule holds from now on: %(rule)s.") % {"rule": rule_sentence(changed)}
                )
                return HttpResponseRedirect(list_url("members_earningrule"))
        return self._form_page(request, form, title=rule.name, verb=gettext("Save the rule") if may else "", rule=rule)

    def _form_page(
        self, request: HttpRequest, form: RuleForm, *, title: str, verb: str, rule: EarningRule | None = None
    ) -> HttpResponse:
        currency = "members_growthentry" if rule and rule.currency == EarningCurrency.GROWTH else "members_ledgerentry"
        ends = rule is not None and bool(verb)
        return self.page(
            request,
            "members/admin/earning_rule.html",
            title=title,
            obj=rule,
            form=form,
            verb=verb,
            rule=rule,
            event_kinds="|".join(EARNING_EVENTS),
            sentence=rule_sentence(rule) if rule else "",
            span=span_words(rule.valid_from, rule.valid_until) if rule else "",
            entries_url=list_url(currency, rule_id=rule.pk) if rule else "",
            end_url=reverse("admin:members_earningrule_end", args=[rule.pk]) if rule and ends else "",
            back=list_url("members_earningrule"),
        )

    def end_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule = self.changeable(request, object_id)

        def do() -> str:
            ended = end_rule(rule_id=rule.pk, now=timezone.now())
            self.log_change(request, ended, gettext("ended"))
            return gettext("“%(rule)s” has ended.") % {"rule": ended}

        return confirmed(
            self,
            request,
            obj=rule,
            title=gettext("End “%(rule)s” now?") % {"rule": rule},
            sentences=lambda: [
                rule_sentence(rule),
                gettext("What was ordered or done until now still earns; nothing that was earned is taken back."),
            ],
            verb=gettext("End the rule"),
            do=do,
            back=list_url("members_earningrule"),
        )


def span_words(begins: datetime, ends: datetime | None) -> str:
    """This function will say from when until when something holds, on the shop's clock."""
    if ends is None:
        return gettext("from %(begins)s") % {"begins": _minute(begins)}
    return gettext("%(begins)s to %(ends)s") % {"begins": _minute(begins), "ends": _minute(ends)}


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(shop_zone()):%Y-%m-%d %H:%M}"


# --- Multiplied days


class DaysForm(forms.Form):
    """When more is earned, and how much more."""

    name = _text(_("name"), most=100, required=True)
    currency = _choice(_("what is multiplied"), EarningCurrency.choices)
    factor = forms.DecimalField(
        label=_("times"),
        max_digits=4,
        decimal_places=2,
        initial=2,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text=_("2 doubles what is earned; where several hold at once the largest wins"),
    )
    starts_at = ShopInstantField(label=_("from"))
    ends_at = ShopInstantField(label=_("until"), required=False, help_text=_("empty: without end"))
    weekday = forms.TypedChoiceField(
        label=_("only on the weekday"),
        choices=[("", _("any")), *((str(number), name) for number, name in WEEKDAYS.items())],
        coerce=int,
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    month_day = WholeNumberField(label=_("only on the day of the month"), required=False, help_text=_("empty: any"))


@admin.register(EarningDays)
class EarningDaysAdmin(RekindleAdmin):
    empty_says = _("On multiplied days more is earned: double points on the 18th, triple growth for a weekend.")
    list_display = ("name", "says", "state", "span")
    search_fields = ("name",)
    ordering = ("-id",)
    sortable_by = ()

    @display(description=_("what is multiplied"))
    def says(self, days: EarningDays) -> str:
        return days_sentence(days)

    @display(description=_("state"))
    def state(self, days: EarningDays) -> SafeString:
        return badge(_state(days.starts_at, days.ends_at))

    @display(description=_("from, until"))
    def span(self, days: EarningDays) -> str:
        return span_words(days.starts_at, days.ends_at)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DaysForm(request.POST or None)
        return self._saved(request, form, None) or self._form_page(request, form, None, may=True)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        days = self.viewable(request, object_id)
        may = self.has_change_permission(request, days)
        form = DaysForm(request.POST or None if may else None, initial={name: getattr(days, name) for name in DAYS_TERMS})
        for field in () if may else form.fields.values():
            field.disabled = True
        return (self._saved(request, form, days) if may else None) or self._form_page(request, form, days, may=may)

    def _saved(self, request: HttpRequest, form: DaysForm, days: EarningDays | None) -> HttpResponse | None:
        if request.method != "POST" or not form.is_valid():
            return None
        try:
            saved = save_days(days_id=days.pk if days else None, terms=form.cleaned_data)
        except DomainError as error:
            add_problems(form, error)
            return None
        if days is None:
            self.log_addition(request, saved, gettext("made"))
        else:
            self.log_change(request, saved, gettext("edited: %(fields)s") % {"fields": ", ".join(form.changed_data)})
        messages.success(request, gettext("The days were saved: %(days)s.") % {"days": days_sentence(saved)})
        return HttpResponseRedirect(list_url("members_earningdays"))

    def _form_page(self, request: HttpRequest, form: DaysForm, days: EarningDays | None, *, may: bool) -> HttpResponse:
        return self.page(
            request,
            "rekindle/form.html",
            title=days.name if days else gettext("New multiplied days"),
            obj=days,
            form=form,
            facts=[(_("what is multiplied"), days_sentence(days))] if days else [],
            verb=gettext("Save the days") if may else "",
            back=list_url("members_earningdays"),
        )


def days_sentence(days: EarningDays) -> str:
    """This function will say what is multiplied by what, and on which days."""
    said = gettext("%(currency)s × %(factor)s") % {
        "currency": EarningCurrency(days.currency).label,
        "factor": f"{days.factor.normalize():f}",
    }
    if days.weekday is not None:
        return gettext("%(said)s every %(weekday)s") % {"said": said, "weekday": WEEKDAYS[days.weekday]}
    if days.month_day is not None:
        return gettext("%(said)s on the %(day)s of every month") % {"said": said, "day": days.month_day}
    return said
