"""The form of a campaign in its four parts: when, who, what, within. What is right is decided by the service it feeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.formsets import ORDERING_FIELD_NAME, BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from campaigns.actions import actions
from campaigns.actions.wording import COUPON_WORDS, LINK_WORDS, MEMBER_WORDS, POINTS_WORDS, SHOP_WORDS
from campaigns.channels import channels
from campaigns.models import Campaign
from campaigns.selectors.screens import template_choices
from campaigns.triggers import triggers
from core.admin.forms import ShopInstantField, WholeNumberField, add_problems, free_slug
from core.admin.rules import RuleField, RuleWidget
from core.errors import DomainError, FieldProblem
from members.fields import tier_choices
from members.models import LeapDay, Purpose
from retention.models import Segment

KIND_FIELDS: Mapping[str, tuple[str, ...]] = {
    "manual": (),
    "schedule": ("every", "weekday", "day", "at"),
    "segment_entered": ("segment", "include_current"),
    "date": ("field", "days_before", "at", "leap_day"),
    "tier_changed": ("direction", "tier"),
    "tier_dropping": ("days_before",),
}
"""The inputs of each kind of trigger; one input may serve several."""

EVERY = [("day", _("every day")), ("week", _("every week")), ("month", _("every month"))]
WEEKDAYS = [
    ("monday", _("Monday")),
    ("tuesday", _("Tuesday")),
    ("wednesday", _("Wednesday")),
    ("thursday", _("Thursday")),
    ("friday", _("Friday")),
    ("saturday", _("Saturday")),
    ("sunday", _("Sunday")),
]
DATE_FIELDS = [
    ("birth_date", _("the birthday")),
    ("registered_at", _("the anniversary of the registration")),
    ("points_expiry", _("the last day of points")),
    ("coupon_expiry", _("the last day of a coupon")),
]
DIRECTIONS = [("either", _("up or down")), ("upgraded", _("up")), ("downgraded", _("down"))]
LEAP_DAYS = [("", _("as the shop does")), *LeapDay.choices]
RE_ENTRY = [
    ("", _("as usual for this trigger")),
    ("once", _("once ever")),
    ("every", _("again, after some days")),
    ("per_occurrence", _("again at each occasion")),
]
WORDS: Mapping[str, Any] = {
    "member.name": _("member's name"),
    "member.external_id": _("member number"),
    "campaign.name": _("name of the campaign"),
    "shop.name": _("name of the shop"),
    "points.available": _("points available"),
    "points.expiring": _("points that end next"),
    "points.expires_on": _("last day of those points"),
    "unsubscribe_url": _("link to unsubscribe"),
    "preferences_url": _("link to choose what one gets"),
    "coupon.code": _("coupon code"),
    "coupon.name": _("name of the coupon"),
    "coupon.valid_until": _("last day of the coupon"),
    "coupon.link": _("link of the coupon"),
}
STEP_PATH = re.compile(r"^steps\[(\d+)\]\.?(.*)$")


class CampaignForm(forms.Form):
    """Every input of the four parts but the steps, which are a formset of their own."""

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    slug = forms.SlugField(
        label=_("short name"),
        max_length=100,
        allow_unicode=True,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How the API calls it; empty: made from the name."),
    )
    seen = forms.CharField(max_length=16, required=False, widget=forms.HiddenInput)
    # when
    trigger_kind = forms.ChoiceField(label=_("it fires"), widget=UnfoldAdminSelectWidget)
    every = forms.ChoiceField(label=_("how often"), choices=EVERY, required=False, widget=UnfoldAdminSelectWidget)
    weekday = forms.ChoiceField(label=_("on"), choices=WEEKDAYS, required=False, widget=UnfoldAdminSelectWidget)
    day = WholeNumberField(
        label=_("on day of the month"), required=False, help_text=_("31 is the last day of shorter months.")
    )
    segment = forms.ChoiceField(label=_("the segment"), required=False, widget=UnfoldAdminSelectWidget)
    include_current = forms.BooleanField(
        label=_("also those who are in it at the start"), required=False, widget=UnfoldBooleanSwitchWidget
    )
    field = forms.ChoiceField(label=_("which day"), choices=DATE_FIELDS, required=False, widget=UnfoldAdminSelectWidget)
    days_before = WholeNumberField(
        label=_("days before it"), required=False, help_text=_("0 is the day itself; before a tier drops, at least 1.")
    )
    direction = forms.ChoiceField(label=_("which way"), choices=DIRECTIONS, required=False, widget=UnfoldAdminSelectWidget)
    tier = forms.ChoiceField(label=_("to which tier"), required=False, widget=UnfoldAdminSelectWidget)
    leap_day = forms.ChoiceField(
        label=_("who was born on 29 February has it, in common years,"),
        choices=LEAP_DAYS,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    at = forms.CharField(label=_("at"), max_length=5, required=False, widget=UnfoldAdminTextInputWidget({"type": "time"}))
    # who
    audience = RuleField(label=_("who gets it"))
    exclusion = RuleField(label=_("but not"), required=False, widget=RuleWidget(counted=False))
    # within
    control_percent = WholeNumberField(
        label=_("control group, percent"),
        min_value=0,
        max_value=90,
        help_text=_("So many are due but left alone: the difference to them is what the campaign does."),
    )
    attribution_days = WholeNumberField(
        label=_("orders count for … days"), help_text=_("after a member was due, for both groups alike")
    )
    re_entry_policy = forms.ChoiceField(
        label=_("a member gets it"), choices=RE_ENTRY, required=False, widget=UnfoldAdminSelectWidget
    )
    re_entry_days = WholeNumberField(label=_("days between"), required=False)
    starts_at = ShopInstantField(label=_("not before"), required=False)
    ends_at = ShopInstantField(label=_("not after"), required=False)

    PATHS: Mapping[str, str] = {
        "trigger": "trigger_kind",
        **{f"trigger.{name}": name for names in KIND_FIELDS.values() for name in names},
        "control_share": "control_percent",
        "re_entry": "re_entry_policy",
        "re_entry.days": "re_entry_days",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["trigger_kind"], [(each.code, each.label) for each in triggers if each.code in KIND_FIELDS])
        _choose(self.fields["tier"], [("", _("any")), *tier_choices()])
        _choose(self.fields["segment"], list(Segment.objects.order_by("name").values_list("slug", "name")))

    def look_again(self, words: str, edition: str) -> None:
        """This function will say what somebody else saved, and take the next save for an answer to that."""
        self.add_error(None, words)
        self.data = {**self.data.dict(), "seen": edition}  # type: ignore[attr-defined]  # of a request: a QueryDict

    def clean_slug(self) -> str:
        return str(self.cleaned_data.get("slug") or free_slug(Campaign, self.cleaned_data.get("name", "")))

    def document(self) -> dict[str, Any]:
        """This function will write the form as the contract's campaign item, steps left out."""
        given = self.cleaned_data
        document = {
            "slug": given["slug"],
            "name": given["name"],
            "trigger": self._trigger(),
            "audience": given["audience"],
            "exclusion": given["exclusion"],
            "control_share": given["control_percent"] / 100,
            "attribution_days": given["attribution_days"],
            "starts_at": given["starts_at"].isoformat() if given["starts_at"] else None,
            "ends_at": given["ends_at"].isoformat() if given["ends_at"] else None,
        }
        if given["re_entry_policy"]:
            document["re_entry"] = {"policy": given["re_entry_policy"]}
            if given["re_entry_policy"] == "every" and given["re_entry_days"] is not None:
                document["re_entry"]["days"] = given["re_entry_days"]
        return document

    def _trigger(self) -> dict[str, Any]:
        """Only what belongs to the chosen kind, and of a schedule only what belongs to its turn."""
        given = self.cleaned_data
        kind = given["trigger_kind"]
        unused = {"weekday"} if given["every"] != "week" else set()
        unused |= {"day"} if given["every"] != "month" else set()
        chosen = {name: given[name] for name in KIND_FIELDS[kind] if name not in unused}
        return {"kind": kind, **{name: value for name, value in chosen.items() if value not in (None, "")}}


def initial_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """This function will fill the form from a campaign item: what `document` wrote, read back."""
    trigger = document.get("trigger") or {}
    re_entry = document.get("re_entry") or {}
    return {
        **{name: document.get(name) for name in ("name", "slug", "audience", "exclusion", "attribution_days")},
        **{name: trigger[name] for names in KIND_FIELDS.values() for name in names if name in trigger},
        "trigger_kind": trigger.get("kind"),
        "control_percent": round(float(document.get("control_share") or 0) * 100),
        "re_entry_policy": re_entry.get("policy", ""),
        "re_entry_days": re_entry.get("days"),
    }


NEW: Mapping[str, Any] = {
    "trigger_kind": "manual",
    "at": "09:00",
    "days_before": 0,
    "control_percent": 10,
    "attribution_days": 14,
}


class StepForm(forms.Form):
    """One step: a coupon, points, or a message."""

    kind = forms.ChoiceField(label=_("what"), widget=UnfoldAdminSelectWidget)
    template = forms.ChoiceField(label=_("which coupon"), required=False, widget=UnfoldAdminSelectWidget)
    points = WholeNumberField(label=_("how many points"), required=False, min_value=1)
    channel = forms.ChoiceField(label=pgettext_lazy("channel", "by"), required=False, widget=UnfoldAdminSelectWidget)
    purpose = forms.ChoiceField(
        label=_("as"),
        required=False,
        choices=Purpose.choices,
        initial=Purpose.MARKETING,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Only who agreed to it gets the message. Service: about an order, points or a coupon that one has."),
    )
    subject = forms.CharField(
        label=_("subject"),
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Of an e-mail; empty: its first line."),
    )
    body = forms.CharField(
        label=_("message"),
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 4}),
        help_text=_("Words in double braces are filled in for each member; the preview shows how."),
    )
    track = forms.BooleanField(
        label=_("tell who clicks"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_(
            "Its links go by an address of ours, and each member's first click is kept, so that rules can ask who clicked. "
            "Say so in your privacy notice. Links to unsubscribe stay as they are."
        ),
    )

    def __init__(self, *args: Any, templates: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["kind"], [(each.code, each.label) for each in actions if each.code in STEP_FIELDS])
        _choose(self.fields["template"], templates)
        _choose(self.fields["channel"], [(each.code, each.label) for each in channels])

    def words(self) -> list[tuple[str, Any]]:
        """This function will list what can be put into a message, each with what it stands for."""
        return [(word, WORDS[word]) for word in (*MEMBER_WORDS, *SHOP_WORDS, *POINTS_WORDS, *LINK_WORDS, *COUPON_WORDS)]

    def step(self) -> dict[str, Any]:
        given = self.cleaned_data
        step = {"kind": given["kind"], **{name: given[name] for name in STEP_FIELDS[given["kind"]]}}
        for name in ("subject", "purpose"):
            if not step.get(name):
                step.pop(name, None)
        return step


STEP_FIELDS: Mapping[str, tuple[str, ...]] = {
    "issue_coupon": ("template",),
    "grant_points": ("points",),
    "send_message": ("channel", "purpose", "subject", "body", "track"),
}


if TYPE_CHECKING:
    StepsBase = BaseFormSet[StepForm]
else:
    StepsBase = BaseFormSet  # Django's own cannot be asked for its element outside a type checker


class OrderInput(forms.HiddenInput):
    """Where a step stands; written by the arrows."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"data-step-order": "", **(attrs or {})})


class TakeOutInput(forms.CheckboxInput):
    """Whether a step is taken out; ticked by its cross, or by hand without the script."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"data-step-delete": "", **(attrs or {})})


class BaseStepFormSet(StepsBase):
    ordering_widget = OrderInput
    deletion_widget = TakeOutInput

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["form_kwargs"] = {"templates": template_choices()}
        super().__init__(*args, **kwargs)

    def in_order(self) -> list[StepForm]:
        """This function will return every step as it stands on screen: what was moved stays moved when saving is refused."""
        return sorted(self.forms, key=_place) if self.is_bound else list(self.forms)

    def kept(self) -> list[StepForm]:
        """This function will return the steps that were not taken out, in the order on screen."""
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        return sorted(kept, key=lambda form: (form.cleaned_data.get(ORDERING_FIELD_NAME) or 0, self.forms.index(form)))


def _place(form: StepForm) -> int:
    """A form that names no place stands last."""
    written = str(form[ORDERING_FIELD_NAME].value() or "")
    return int(written) if written.isdecimal() and len(written) < 10 else 10**9


StepFormSet: type[BaseStepFormSet] = formset_factory(  # type: ignore[assignment]
    StepForm, formset=BaseStepFormSet, extra=0, can_order=True, can_delete=True, max_num=20
)


def show_problems(form: CampaignForm, steps: BaseStepFormSet, error: DomainError) -> None:
    """This function will put each problem where it belongs: at a field, at a step's field, inside a rule."""
    kept = steps.kept()
    elsewhere = []
    for problem in error.problems:
        found = STEP_PATH.match(problem.path)
        if found and int(found[1]) < len(kept):
            step = kept[int(found[1])]
            name = found[2].split(".")[0].split("[")[0]
            step.add_error(name if name in step.fields else None, str(problem.message))
        else:
            elsewhere.append(problem)
    for rule in ("audience", "exclusion"):
        form.fields[rule].widget.problems = [
            FieldProblem(each.path.removeprefix(rule).removeprefix("."), each.code, each.message)
            for each in elsewhere
            if each.path == rule or each.path.startswith((f"{rule}.", f"{rule}["))
        ]
    if elsewhere or not error.problems:
        add_problems(form, type(error)(error.message, problems=elsewhere), fields=form.PATHS)


def _choose(field: forms.Field, choices: list[tuple[str, Any]]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
