"""What rules may ask of a member's profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from members.models import (
    AttributeDefinition,
    AttributeType,
    Gender,
    JsonBoolean,
    JsonDay,
    JsonNumber,
    JsonText,
    MemberTag,
    Tier,
)
from rules.fields import Field, FieldType

PROFILE, ATTRIBUTES = _("Profile"), _("Custom attributes")
ATTRIBUTE = "attributes."
"""What the field of an attribute begins with, before the attribute's name."""
READ_AS: dict[str, tuple[FieldType, type[JsonText | JsonNumber | JsonBoolean | JsonDay]]] = {
    AttributeType.TEXT: (FieldType.TEXT, JsonText),
    AttributeType.NUMBER: (FieldType.DECIMAL, JsonNumber),
    AttributeType.BOOLEAN: (FieldType.BOOLEAN, JsonBoolean),
    AttributeType.DATE: (FieldType.DATE, JsonDay),
}
"""How rules take each type of attribute, and what reads it out of a member's row."""


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
        help=_(
            "An anniversary needs the month and day alone; comparing dates needs the year too. "
            "Birthdays by the lunar calendar are missing here; the birthday trigger of campaigns keeps them."
        ),
    ),
    Field(name="registered_at", type=FieldType.DATE, label=_("Registered on"), column="registered_day", group=PROFILE),
    Field(name="source", type=FieldType.TEXT, label=_("Source"), group=PROFILE, help=_("Where the member came from.")),
    Field(name="language", type=FieldType.TEXT, label=_("Language"), group=PROFILE),
    Field(name="occupation", type=FieldType.TEXT, label=_("Occupation"), group=PROFILE),
    Field(
        name="random_bucket",
        type=FieldType.NUMBER,
        label=_("Random bucket"),
        group=PROFILE,
        nullable=False,
        help=_("0 to 9999, drawn once for each member: less than 1000 is a random tenth of all members."),
    ),
    Field(name="tags", type=FieldType.TAGS, label=_("Tags"), group=PROFILE, nullable=False, members_with=members_tagged),
)


def tier_choices() -> tuple[tuple[str, str], ...]:
    """This function will give the tiers of the shop, lowest first: short name and name. Empty while it has none."""
    return tuple(Tier.objects.in_force().values_list("slug", "name"))


def attribute_fields() -> list[Field]:
    """This function will give a field for each attribute that is declared now, in the order of their names.

    They read a JSON column `attributes` of whatever rules are asked of.
    """
    declared = AttributeDefinition.objects.order_by("name").values_list("name", "label", "type")
    return [_attribute_field(name, label, type_) for name, label, type_ in declared]


def _attribute_field(name: str, label: str, type_: str) -> Field:
    read_as, reader = READ_AS[type_]
    return Field(
        name=f"{ATTRIBUTE}{name}", type=read_as, label=label or name, group=ATTRIBUTES, expression=_reading(reader, name)
    )


def _reading(reader: type[JsonText | JsonNumber | JsonBoolean | JsonDay], name: str) -> Callable[[], Any]:
    return lambda: reader(F("attributes"), name)
