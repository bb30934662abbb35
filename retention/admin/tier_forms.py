"""The form of the shop's tiers: the rules above, a card a tier. What is right is decided by the service it feeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.formsets import ORDERING_FIELD_NAME, BaseFormSet, formset_factory
from django.utils.dates import MONTHS
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from core.admin.forms import WholeNumberField, add_problems
from core.conf import shop_currency
from core.errors import DomainError
from core.money import DECIMALS
from members.models import DowngradePolicy, DowngradeStep, ReviewRule, Tier, TierMeasure, TierScheme, TierWindow
from members.models.tier import MOST_TIERS
from members.services.tiers.drafts import BENEFITS, RULES, SchemeDraft, TierDraft

TIER_PATH = re.compile(r"^tiers\[(\d+)\]\.?(.*)$")


def _label(model: type[Tier] | type[TierScheme], name: str) -> Any:
    return model._meta.get_field(name).verbose_name  # type: ignore[union-attr]


def _help(model: type[Tier], name: str) -> Any:
    return model._meta.get_field(name).help_text  # type: ignore[union-attr]


def _choice(name: str, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=_label(TierScheme, name), choices=choices.choices, widget=UnfoldAdminSelectWidget)


class SchemeForm(forms.Form):
    """What is measured, and when a tier is lost."""

    measure = _choice("measure", TierMeasure)
    window = _choice("window", TierWindow)
    window_days = WholeNumberField(label=_label(TierScheme, "window_days"))
    downgrade = _choice("downgrade", DowngradePolicy)
    review = _choice("review", ReviewRule)
    review_days = WholeNumberField(label=_label(TierScheme, "review_days"))
    review_month = forms.TypedChoiceField(
        label=_("month"), choices=list(MONTHS.items()), coerce=int, widget=UnfoldAdminSelectWidget
    )
    review_on = WholeNumberField(label=_("day"))
    step = _choice("step", DowngradeStep)
    grace_days = WholeNumberField(label=_label(TierScheme, "grace_days"))
    # What the page was made from: of two people who change tiers at once the second is told.
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    PATHS: Mapping[str, str] = {"review_key": "review_on"}

    def rules(self) -> dict[str, Any]:
        given = self.cleaned_data
        key = {"review_key": given["review_month"] * 100 + given["review_on"]} if "review_on" in given else {}
        return {**{name: given[name] for name in RULES if name != "review_key"}, **key}


class TierForm(forms.Form):
    """One tier and what it gives."""

    tier_id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    slug = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_label(Tier, "name"), max_length=100, widget=UnfoldAdminTextInputWidget)
    threshold = forms.DecimalField(
        label=_label(Tier, "threshold"),
        max_digits=15,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text=_("Money in whole units of the currency, else orders or growth; the lowest tier begins at 0."),
    )
    discount_percent = WholeNumberField(
        label=_label(Tier, "discount_percent"), help_text=_help(Tier, "discount_percent"), min_value=0
    )
    points_multiplier = forms.DecimalField(
        label=_label(Tier, "points_multiplier"),
        max_digits=4,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
    )
    birthday_gift = forms.CharField(
        label=_label(Tier, "birthday_gift"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
    )
    birthday_points = WholeNumberField(label=_label(Tier, "birthday_points"), min_value=0)
    service_agent = forms.CharField(
        label=_label(Tier, "service_agent"),
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_help(Tier, "service_agent"),
    )
    early_access_hours = WholeNumberField(
        label=_label(Tier, "early_access_hours"), help_text=_help(Tier, "early_access_hours"), min_value=0
    )
    priority_dispatch = forms.BooleanField(
        label=_label(Tier, "priority_dispatch"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    def draft(self, *, money: bool) -> TierDraft:
        given = self.cleaned_data
        threshold: Decimal = given["threshold"]
        benefits = {name: given[name] for name in BENEFITS}
        whole = int(threshold.scaleb(_decimals())) if money else int(threshold)
        return TierDraft(given["name"], whole, given["slug"], given["tier_id"], **benefits)


if TYPE_CHECKING:
    TiersBase = BaseFormSet[TierForm]
else:
    TiersBase = BaseFormSet  # Django's own cannot be asked for its element outside a type checker


class BaseTierFormSet(TiersBase):
    ordering_widget = forms.HiddenInput

    def in_order(self) -> list[TierForm]:
        """This function will return every card as it stands on screen."""
        return sorted(self.forms, key=_place) if self.is_bound else list(self.forms)

    def kept(self) -> list[TierForm]:
        """This function will return the cards that were not taken out, in the order on screen."""
        return [form for form in self.in_order() if not form.cleaned_data.get("DELETE")]


def _place(form: TierForm) -> int:
    """A card that names no place stands last."""
    written = str(form[ORDERING_FIELD_NAME].value() or "")
    return int(written) if written.isdecimal() and len(written) < 10 else 10**9


TierFormSet: type[BaseTierFormSet] = formset_factory(  # type: ignore[assignment]
    TierForm, formset=BaseTierFormSet, extra=0, can_order=True, can_delete=True, max_num=MOST_TIERS
)
NEW_TIER: dict[str, Any] = {
    "discount_percent": 0,
    "points_multiplier": 1,
    "birthday_points": 0,
    "early_access_hours": 0,
}


def written(draft: SchemeDraft, *, version: int) -> tuple[SchemeForm, BaseTierFormSet]:
    """This function will fill both forms from a draft."""
    rules = {name: getattr(draft, name) for name in RULES}
    month, on = divmod(draft.review_key, 100)
    form = SchemeForm(initial={**rules, "review_month": month, "review_on": on, "version": version})
    money = draft.measure == TierMeasure.SPEND
    cards = [{**asdict(tier), "threshold": _shown(tier.threshold, money)} for tier in draft.tiers]
    return form, TierFormSet(initial=cards, prefix="tiers")


def read(form: SchemeForm, tiers: BaseTierFormSet) -> SchemeDraft | None:
    """This function will read a draft from both forms; None where something is not filled in as it could be."""
    if not (form.is_valid() & tiers.is_valid()):
        return None
    rules = form.rules()
    money = rules["measure"] == TierMeasure.SPEND
    broken = [card for card in tiers.kept() if not money and card.cleaned_data["threshold"] % 1]
    for card in broken:
        card.add_error("threshold", _("A whole number."))
    return None if broken else SchemeDraft(tuple(card.draft(money=money) for card in tiers.kept()), **rules)


def show_problems(form: SchemeForm, tiers: BaseTierFormSet, error: DomainError) -> None:
    """This function will put each problem where it belongs: at a field of the rules, or of a tier."""
    kept, elsewhere = tiers.kept(), []
    for problem in error.problems:
        found = TIER_PATH.match(problem.path)
        if found and int(found[1]) < len(kept):
            card = kept[int(found[1])]
            card.add_error(found[2] if found[2] in card.fields else None, str(problem.message))
        else:
            elsewhere.append(problem)
    if elsewhere or not error.problems:
        add_problems(form, type(error)(error.message, problems=elsewhere), fields=form.PATHS)


def _shown(threshold: int | None, money: bool) -> Decimal | None:
    if threshold is None or not money:
        return None if threshold is None else Decimal(threshold)
    amount = Decimal(threshold).scaleb(-_decimals())
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount


def _decimals() -> int:
    return DECIMALS.get(shop_currency(), 2)
