"""The form of a member's profile. What it may hold is decided by the ingest, which every other way in goes through too."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from members.models import BirthCalendar, Channel, Gender, Member, Purpose

PROFILE = (
    "name", "gender", "birth_date", "birth_calendar", "phone", "email", "city", "province", "language", "time_zone",
    "occupation", "family", "referrer",
)  # fmt: skip
CONTACTS = ("phone", "email")
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
    birth_calendar = forms.ChoiceField(
        label=_("calendar of the birthday"),
        required=False,
        choices=[("", _("solar")), *BirthCalendar.choices],
        widget=UnfoldAdminSelectWidget,
    )
    phone = _text(_("phone"), most=40)
    email = _text(_("e-mail"), most=254)
    city = _text(_("city"))
    province = _text(_("province"))
    language = _text(_("language"), most=16)
    time_zone = _text(_("time zone"), help_text=_("empty: the shop's"), most=64)
    occupation = _text(_("occupation"), most=100)
    family = _text(_("family"), most=300)
    hobbies = _text(_("hobbies"), help_text=_("words with commas between them"), most=500)
    referrer = _text(_("referred by"), help_text=_("the id in the shop of who brought them"), most=200)
    tags = _text(_("tags"), help_text=_("words with commas between them"), most=2000)

    def __init__(self, data: Any = None, *, member: Member, contacts: bool = True) -> None:
        """`contacts`: whoever fills it in may see phone and e-mail; who may not does not change them either."""
        consents = {each.channel: each.granted for each in member.consents.all() if each.purpose == Purpose.MARKETING}
        initial: dict[str, Any] = {name: getattr(member, name, "") for name in PROFILE}
        initial["birth_date"] = member.birth_date_text
        initial["hobbies"] = ", ".join(member.hobbies.split("|")) if member.hobbies else ""
        initial["tags"] = ", ".join(sorted(each.tag for each in member.tags.all()))
        for channel in Channel:
            initial[CONSENT_PREFIX + channel] = consents.get(channel, False)
        super().__init__(data, initial=initial)
        for name in () if contacts else CONTACTS:
            del self.fields[name]
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
            elif name == "hobbies":
                item["hobbies"] = [word for word in value.replace("，", ",").split(",") if word.strip()]
            elif name in {"birth_date", "birth_calendar"}:
                item["birth_date"] = self.cleaned_data["birth_date"] or None
                item["birth_calendar"] = self.cleaned_data["birth_calendar"] or "solar"
            elif name.startswith(CONSENT_PREFIX):
                item.setdefault("consents", {})[name.removeprefix(CONSENT_PREFIX)] = value
            else:
                item[name] = value or None
        return item


def _words(text: str) -> list[str]:
    words = (word.strip() for word in text.replace("，", ",").split(","))
    return sorted({word for word in words if word})
