"""A catalogue with a field of every type, for tests of the rule language."""

from collections.abc import Callable
from typing import Any

from rules.fields import Field, FieldCatalogue, FieldType


def catalogue(members_with: Callable[[str], Any] = lambda tag: ()) -> FieldCatalogue:
    """This function will make a catalogue whose `city` and so on are columns of a test's own table."""
    return FieldCatalogue(
        [
            Field(name="city", type=FieldType.TEXT, label="City", group="Profile"),
            Field(name="order_count", type=FieldType.NUMBER, label="Order count", unit="orders", nullable=False),
            Field(name="days_since", type=FieldType.NUMBER, label="Days since last order", unit="days"),
            Field(name="overdue_ratio", type=FieldType.DECIMAL, label="Overdue ratio", help="How late they are"),
            Field(name="revenue_minor", type=FieldType.MONEY, label="Revenue"),
            Field(name="refund_rate", type=FieldType.SHARE, label="Refund rate"),
            Field(
                name="birth_date",
                type=FieldType.DATE,
                label="Birth date",
                column="birth_day",
                month_day_column="birth_month_day",
            ),
            Field(name="last_order_at", type=FieldType.DATE, label="Last order", column="last_order_day"),
            Field(name="subscribed", type=FieldType.BOOLEAN, label="Subscribed"),
            Field(
                name="gender",
                type=FieldType.ENUMERATION,
                label="Gender",
                choices=(("female", "Female"), ("male", "Male"), ("other", "Other")),
            ),
            Field(
                name="level",
                type=FieldType.ENUMERATION,
                label="RFM level",
                choices=((1, "Low"), (2, "Middle"), (3, "High")),
            ),
            Field(name="tags", type=FieldType.TAGS, label="Tags", members_with=members_with),
        ]
    )
