"""The shapes of segments, previews and models."""

from __future__ import annotations

from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from core.api.fields import AsOfField, BodyIn, FromField, InstantField, KnownText, RuleField, TextField, ToField
from core.api.schema import request_example
from core.periods import date_of
from retention.api.received import IdsField
from retention.models import ModelKind, ScoringModel, Segment, SegmentSize
from retention.services.segments import edition_of

AWAY = {
    "slug": "away",
    "name": "Away for two months",
    "rule": {
        "combinator": "and",
        "rules": [
            {"field": "days_since_last_order", "operator": ">=", "value": 60},
            {"field": "order_count", "operator": ">=", "value": 2},
        ],
    },
}

EDITION = _("the edition that was read: when somebody saved another meanwhile, 409 `changed_meanwhile`")


class SegmentQuery(serializers.Serializer[Any]):
    search = serializers.CharField(required=False, max_length=200, help_text=_("a part of the name or the short name"))
    static = serializers.BooleanField(required=False, default=None, help_text=_("true: fixed lists, false: rules"))
    failing = serializers.BooleanField(required=False, default=None, help_text=_("true: those that cannot be counted"))


class OneOfTwo(BodyIn):
    """A segment has a rule or is a fixed list of members; which of the two is needed, says `needs_one`."""

    needs_one = True

    def to_internal_value(self, data: Any) -> Any:
        problems = self._problems(data) if isinstance(data, dict) else {}
        try:
            read = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**cast(dict[str, Any], error.detail), **problems}) from error
        if problems:
            raise serializers.ValidationError(problems)
        return read

    def _problems(self, data: dict[str, Any]) -> dict[str, Any]:
        named = {"rule", "members"} & data.keys()
        if len(named) == 2:
            message = _("A segment has a rule or members, not both.")
            return {"members": [serializers.ErrorDetail(str(message), "both")]}
        if not named and self.needs_one:
            message = _("Give a rule, or the members of a fixed list.")
            return {"rule": [serializers.ErrorDetail(str(message), "required")]}
        return {}


@extend_schema_serializer(component_name="SegmentItem", examples=[request_example(AWAY)])
class SegmentIn(OneOfTwo):
    """With `rule`; or with `members` (at most 10,000 ids, more by segments/{slug}/members/), which makes a fixed list."""

    slug = TextField(max_length=100)
    name = TextField()
    rule = RuleField(required=False)
    members = IdsField(required=False)
    description = TextField(required=False, allow_blank=True, max_length=2000)


@extend_schema_serializer(component_name="SegmentReplacement")
class SegmentPutIn(OneOfTwo):
    """The whole of a segment but its short name, which the address gives."""

    slug = TextField(max_length=100, required=False)
    name = TextField()
    rule = RuleField(required=False)
    members = IdsField(required=False)
    description = TextField(required=False, allow_blank=True, max_length=2000)
    edition = TextField(required=False, max_length=16, help_text=EDITION)


@extend_schema_serializer(component_name="SegmentChange")
class SegmentPatchIn(OneOfTwo):
    """What to change of a segment; the rest stays."""

    needs_one = False

    slug = TextField(max_length=100, required=False)
    name = TextField(required=False)
    rule = RuleField(required=False)
    members = IdsField(required=False)
    description = TextField(required=False, allow_blank=True, max_length=2000)
    edition = TextField(required=False, max_length=16, help_text=EDITION)


class SegmentOut(serializers.Serializer[Any]):
    """A segment. `members` is what the last refresh counted; null until one has."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = KnownText()
    rule = serializers.SerializerMethodField()
    sentence = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()
    edition = serializers.SerializerMethodField()
    static = serializers.BooleanField(help_text=_("a fixed list, without a rule"))
    members = serializers.IntegerField(source="member_count", allow_null=True)
    as_of = InstantField(allow_null=True)
    counted = serializers.SerializerMethodField()
    seconds = serializers.FloatField(allow_null=True, help_text=_("how long the last count took"))
    changed_at = InstantField(allow_null=True)
    entered = serializers.IntegerField(help_text=_("who came at `changed_at`"))
    left = serializers.IntegerField(help_text=_("who went at `changed_at`"))
    error = KnownText()
    created_at = InstantField()

    @extend_schema_field(
        serializers.BooleanField(help_text=_("`members` are those of this rule and of those inside it as they are"))
    )
    def get_counted(self, segment: Segment) -> bool:
        return segment.as_of is not None and segment.failure is None and segment.pk not in self.context["pending"]

    @extend_schema_field(RuleField(allow_null=True))
    def get_rule(self, segment: Segment) -> Any:
        return segment.version.rule if segment.version else None

    @extend_schema_field(serializers.CharField(allow_null=True, help_text=_("the rule in words")))
    def get_sentence(self, segment: Segment) -> str | None:
        return self.context["sentences"].get(segment.slug) or None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_version(self, segment: Segment) -> int | None:
        return segment.version.number if segment.version else None

    @extend_schema_field(serializers.CharField(help_text=_("another one after each change of rule, name or description")))
    def get_edition(self, segment: Segment) -> str:
        return edition_of(segment)


class SegmentMemberOut(serializers.Serializer[Any]):
    external_id = serializers.CharField(allow_null=True)
    entered_at = InstantField()


class TransitionQuery(serializers.Serializer[Any]):
    entered = serializers.BooleanField(required=False, help_text=_("true: who came, false: who left"))
    at_from = FromField(required=False, help_text=_("a date, or a time with offset; included"))
    at_to = ToField(required=False, help_text=_("a date, which is included, or a time with offset, which is not"))
    format = serializers.ChoiceField(["json", "csv"], required=False, help_text=_("csv: all of them in one file"))

    def get_fields(self) -> dict[str, Any]:
        """`from` and `to` are the same ends by shorter names, as reports have them."""
        fields = super().get_fields()
        return {**fields, "from": FromField(required=False, source="at_from"), "to": ToField(required=False, source="at_to")}


class TransitionOut(serializers.Serializer[Any]):
    member = serializers.CharField(allow_null=True)
    entered = serializers.BooleanField()
    at = InstantField()


class SizeOut(serializers.Serializer[Any]):
    """How many members the segment had at the end of a shop day."""

    date = serializers.SerializerMethodField()
    members = serializers.IntegerField()

    @extend_schema_field(serializers.DateField)
    def get_date(self, size: SegmentSize) -> str:
        return date_of(size.day).isoformat()


class VersionOut(serializers.Serializer[Any]):
    """A rule as it was saved."""

    version = serializers.IntegerField(source="number")
    rule = RuleField()
    sentence = serializers.SerializerMethodField()
    created_at = InstantField()
    created_by = KnownText()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_sentence(self, version: Any) -> str | None:
        return self.context["sentences"].get(version.pk) or None


class OverlapQuery(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {"with": serializers.CharField(max_length=100, help_text=_("the other segment's short name"))}


class OverlapOut(serializers.Serializer[Any]):
    """Members in both, in the first (the address's) alone, in the second alone."""

    segment = serializers.CharField()
    both = serializers.IntegerField()
    only_first = serializers.IntegerField()
    only_second = serializers.IntegerField()
    as_of = InstantField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {"segment": fields.pop("segment"), "with": serializers.CharField(), **fields}


@extend_schema_serializer(examples=[request_example({"rule": AWAY["rule"]})])
class PreviewIn(BodyIn):
    rule = RuleField()
    as_of = AsOfField(required=False, allow_null=True, help_text=_("default: the last refresh"))


class PreviewOut(serializers.Serializer[Any]):
    """Whom a rule means: how many, their share of all members, some of their ids, the rule in words."""

    count = serializers.IntegerField()
    share = serializers.FloatField()
    sample = serializers.ListField(child=serializers.CharField())
    sentence = serializers.CharField()


class ModelQuery(serializers.Serializer[Any]):
    history = serializers.BooleanField(required=False, default=False, help_text=_("every fit, not the current ones alone"))


@extend_schema_serializer(component_name="ScoringModel")
class ModelOut(serializers.Serializer[Any]):
    """A published fit. Of each kind one is current."""

    kind = serializers.ChoiceField(ModelKind.choices)
    current = serializers.BooleanField()
    parameters = serializers.DictField()
    time_unit = serializers.SerializerMethodField()
    log_likelihood = serializers.FloatField(allow_null=True)
    fitted_at = InstantField()
    as_of = InstantField()
    members = serializers.IntegerField()
    metrics = serializers.DictField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_time_unit(self, model: ScoringModel) -> str | None:
        return TIME_UNITS.get(model.kind)


TIME_UNITS: dict[str, str] = {ModelKind.RHYTHM: "day", ModelKind.BG_NBD: "week", ModelKind.CHURN: "day"}
"""What the parameters' times are counted in, where they have times."""
