"""Serializer fields that several faces share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR, day_of, start_of, within_calendar

LONGEST_NAME = 60
"""Characters of an unknown key that a refusal repeats."""
LARGEST_MINOR = 10**15
"""The most an amount can be: sums of a million of them still fit 64 bits."""


class InstantField(serializers.DateTimeField):
    """ISO 8601 with an offset; without one the shop's zone is meant. Written in the shop's zone, with its offset."""

    default_error_messages = {"out_of_range": _("Give a time between the years {first} and {last}.")}

    def to_internal_value(self, value: Any) -> datetime:
        try:
            instant = super().to_internal_value(value)
        except OverflowError:
            self.fail("out_of_range", first=FIRST_YEAR, last=LAST_YEAR)
        if not within_calendar(instant):
            self.fail("out_of_range", first=FIRST_YEAR, last=LAST_YEAR)
        return instant.astimezone(UTC)


class AsOfField(InstantField):
    """When something shall hold; a date alone means its last moment, as `--as-of` of the commands reads it."""

    def to_internal_value(self, value: Any) -> datetime:
        on = _date_alone(value)
        if on is not None and FIRST_YEAR <= on.year <= LAST_YEAR:
            return start_of(day_of(on) + 1, shop_zone()) - datetime.resolution
        return super().to_internal_value(value)


def _date_alone(value: Any) -> date | None:
    if not isinstance(value, str) or len(value) != len("2026-01-31"):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


@extend_schema_field({"type": "string", "example": "2026-01-31"})
class FromField(serializers.Field[datetime, str, Any, datetime]):
    """Where a period begins: an instant, or a date, which means the start of the shop's day."""

    default_error_messages = {"invalid": _("Give a date (2026-01-31) or a time (2026-01-31T18:00:00+08:00).")}
    days_later = 0

    def to_internal_value(self, value: Any) -> datetime:
        try:
            on = date.fromisoformat(value) if len(value) == len("2026-01-31") else None
        except ValueError:
            self.fail("invalid")
        if on is None:
            return InstantField().run_validation(value)
        if not FIRST_YEAR <= on.year <= LAST_YEAR:
            self.fail("invalid")
        return start_of(day_of(on) + self.days_later, shop_zone())

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class ToField(FromField):
    """Where a period ends: an instant that is not part of it any more, or a date, the whole of which still is."""

    days_later = 1


class MinorField(serializers.IntegerField):
    """Money in minor units (fen, cents), never negative."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=LARGEST_MINOR, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Text as it is: no trimming (an id may begin with a space), nothing but text (a number is a mistake), bounded."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class KnownText(serializers.CharField):
    """A text column where empty means not known: null for those who read."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: str) -> str | None:  # type: ignore[override]
        return value or None


@extend_schema_field(
    {
        "type": "object",
        "description": "A rule of the rule language; rules/schema/ describes it.",
        "example": {"field": "days_since_last_order", "operator": ">=", "value": 60},
    }
)
class RuleField(serializers.JSONField):
    """A rule; what it says is for the rule language to judge."""


def shown_instant(instant: datetime | None) -> str | None:
    """This function will write an instant as InstantField does."""
    return None if instant is None else str(InstantField().to_representation(instant))


class BodyIn(serializers.Serializer[Any]):
    """A body whose keys are all known: one with a typing mistake must not be taken for one left out."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data) if isinstance(data, dict) else {}
        try:
            read = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**unknown, **cast(dict[str, Any], error.detail)}) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return read

    def _unknown(self, data: dict[Any, Any]) -> dict[str, Any]:
        message = _("There is no such key. Known are: %(known)s.") % {"known": ", ".join(self.fields)}
        names = [str(key)[:LONGEST_NAME] for key in data if key not in self.fields]
        return {name: [serializers.ErrorDetail(message, "unknown_key")] for name in names}
