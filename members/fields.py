"""What rules may ask of a member's profile."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from members.models import Gender, MemberTag
from rules.fields import Field, FieldType

PROFILE = _("Profile")


def members_tagged(tag: str) -> QuerySet[MemberTag, Any]:
    """This function will select the ids of the members who have a tag."""
    return MemberTag.objects.filter(tag=tag).values("member_id")


PROFILE_FIELDS = (
    Field(name="external_id", type=FieldType.TEXT, label=_("Member number"), group=PROFILE, nullable=False),
    Field(
        name="gender",
        type=FieldType.ENUMERATION,
        label=_("Gender"),
        group=PROFILE,
        choices=tuple((gender.value, gender.label) for gender in Gender),
    ),
    Field(
        name="age",
        type=FieldType.NUMBER,
        label=_("Age"),
        unit="years",
        group=PROFILE,
        help=_("Known only where the year of birth is."),
    ),
    Field(name="city", type=FieldType.TEXT, label=_("City"), group=PROFILE),
    Field(name="province", type=FieldType.TEXT, label=_("Province"), group=PROFILE),
    Field(
        name="birth_date",
        type=FieldType.DATE,
        label=_("Birthday"),
        column="birth_day",
        month_day_column="birth_key",
        group=PROFILE,
        help=_("An anniversary needs the month and day alone; comparing dates needs the year too."),
    ),
    Field(name="registered_at", type=FieldType.DATE, label=_("Registered on"), column="registered_day", group=PROFILE),
    Field(name="source", type=FieldType.TEXT, label=_("Source"), group=PROFILE, help=_("Where the member came from.")),
    Field(name="language", type=FieldType.TEXT, label=_("Language"), group=PROFILE),
    Field(name="tags", type=FieldType.TAGS, label=_("Tags"), group=PROFILE, nullable=False, members_with=members_tagged),
)
