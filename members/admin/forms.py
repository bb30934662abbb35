"""The form of a member's profile. What it may hold is decided by the ingest, which every other way in goes through too."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from members.models import Channel, Gender, Member, Purpose
from members.selectors import member_ids_called

PROFILE = ("name", "gender", "birth_date", "phone", "email", "city", "province", "language", "time_zone")
CONSENT_PREFIX = "consent_"


def _text(label: Any, *, help_text: Any = "", most: int = 200) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=most, help_text=help_text, widget=UnfoldAdminTextInputWidget
    )


class ProfileForm(forms.Form):
    """What a support agent may put right, and what the member said about being written to."""

    name = _text(_("name"))
    gender = forms.ChoiceField(
        label=_("gender"),
        required=False,
        choices=[("", _("not known")), *Gender.choices],
        widget=UnfoldAdminSelectWidget,
    )
    birth_date = _text(
        _("birthday"), help_text=_("1990-02-28, or --02-28 when the year is not known; empty: not known"), most=10
    )
    phone = _text(_("phone"), most=40)
    email = _text(_("e-mail"), most=254)
    city = _text(_("city"))
    province = _text(_("province"))
    language = _text(_("language"), most=16)
    time_zone = _text(_("time zone"), help_text=_("empty: the shop's"), most=64)
    tags = _text(_("tags"), help_text=_("words with commas between them"), most=2000)

    def __init__(self, data: Any = None, *, member: Member) -> None:
        consents = {each.channel: each.granted for each in member.consents.all() if each.purpose == Purpose.MARKETING}
        initial: dict[str, Any] = {name: getattr(member, name, "") for name in PROFILE}
        initial["birth_date"] = member.birth_date_text
        initial["tags"] = ", ".join(sorted(each.tag for each in member.tags.all()))
        for channel in Channel:
            initial[CONSENT_PREFIX + channel] = consents.get(channel, False)
        super().__init__(data, initial=initial)
        for channel in Channel:
            self.fields[CONSENT_PREFIX + channel] = forms.BooleanField(
                label=_("may be written to by %(channel)s") % {"channel": channel.label},
                required=False,
                widget=UnfoldBooleanSwitchWidget,
            )

    def item(self, external_id: str) -> dict[str, Any]:
        """This function will return what was changed as an item of the ingest; what was not changed is left out."""
        item: dict[str, Any] = {"external_id": external_id}
        for name in self.changed_data:
            value = self.cleaned_data[name]
            if name == "tags":
                item["tags"] = _words(value)
            elif name.startswith(CONSENT_PREFIX):
                item.setdefault("consents", {})[name.removeprefix(CONSENT_PREFIX)] = value
            else:
                item[name] = value or None
        return item


def _words(text: str) -> list[str]:
    words = (word.strip() for word in text.replace("，", ",").split(","))
    return sorted({word for word in words if word})


class TagForm(forms.Form):
    """A word to put on a member, beside those that are there."""

    tag = forms.CharField(label=_("tag"), max_length=100, widget=UnfoldAdminTextInputWidget)

    def item(self, member: Member) -> dict[str, Any]:
        """This function will return the member's tags with the new one, as an item of the ingest."""
        known = {each.tag for each in member.tags.all()}
        return {"external_id": member.external_id, "tags": sorted({*known, *_words(self.cleaned_data["tag"])})}


class MergeForm(forms.Form):
    """Who else this member is."""

    other = forms.CharField(
        label=_("id of the other member"),
        max_length=200,
        help_text=_("It becomes part of this one. The list of duplicates proposes who might be the same."),
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, data: Any = None, *, member: Member) -> None:
        self.member = member
        super().__init__(data)

    def clean_other(self) -> int:
        """This function will find the other member by its id."""
        named = self.cleaned_data["other"].strip()
        found = member_ids_called([named]).get(named)
        if found is None:
            raise forms.ValidationError(_("There is no such member."))
        if found == self.member.pk:
            raise forms.ValidationError(_("This is the same member."))
        return found
