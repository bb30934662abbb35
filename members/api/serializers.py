"""The shapes of members and orders on the way out, and of what lists may be asked."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from core.api.fields import AsOfField, FromField, InstantField, KnownText, TextField, ToField
from core.api.schema import request_example
from core.conf import shop_currency
from core.registry import member_list_feeds, member_list_filters
from members.api.bulk import MOST_ITEMS
from members.models import Gender, Member, Order, OrderLine, OrderStatus, Purpose, RefundReason

MEMBER = request_example(
    {
        "external_id": "tb-1001",
        "name": "王芳",
        "gender": "female",
        "birth_date": "--02-29",
        "phone": "13800138000",
        "city": "成都",
        "tags": ["vip"],
        "consents": {"sms": True},
    }
)
ORDER = request_example(
    {
        "external_id": "20260301-7",
        "member": "tb-1001",
        "placed_at": "2026-03-01T23:30:00+08:00",
        "status": "completed",
        "total_minor": 25800,
        "lines": [{"product": "P1", "category": "茶", "quantity": 2, "unit_price_minor": 12900}],
    }
)


def _without_id(example: OpenApiExample) -> dict[str, Any]:
    return {name: value for name, value in example.value.items() if name != "external_id"}


# --- members

CALENDARS = ("solar", "lunar", "lunar_leap")


class MemberQuery(serializers.Serializer[Any]):
    """What the list of members can be asked."""

    search = TextField(
        required=False,
        help_text=_("the beginning of an id or a name, or a whole phone number, e-mail address or identifier"),
    )
    city = TextField(required=False)
    province = TextField(required=False)
    gender = serializers.ChoiceField(Gender.choices, required=False)
    source = TextField(required=False)  # type: ignore[assignment]
    tag = TextField(required=False, help_text=_("members who carry this tag"))
    registered_from = FromField(required=False, help_text=_("a date, or a time with offset; included"))
    registered_to = ToField(required=False, help_text=_("a date, which is included, or a time with offset, which is not"))
    first_seen_from = FromField(required=False, help_text=_("when we first heard of the member"))
    first_seen_to = ToField(required=False)
    as_of = AsOfField(required=False, help_text=_("when the scores hold; default: the last refresh"))

    def get_fields(self) -> dict[str, Any]:
        """With what higher apps answer."""
        own: dict[str, Any] = super().get_fields()
        own |= {each.code: TextField(required=False, help_text=each.help) for each in member_list_filters}
        helps: dict[str, Any] = {each.code: each.help for each in member_list_feeds}
        return own | {code: FromField(required=False, help_text=help_text) for code, help_text in helps.items()}


class MemberDetailQuery(serializers.Serializer[Any]):
    """What one member can be asked."""

    as_of = AsOfField(required=False, help_text=_("when the scores hold; default: the last refresh"))


class IdentifierOut(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    value = serializers.CharField()


class MemberOut(serializers.Serializer[Any]):
    """A member. Unknown values are null; `facts` and `scores` carry the rule language's field names. `changed_at` is when
    something last came in about the member: null where nothing did since that is noted."""

    external_id = serializers.CharField()
    name = KnownText()
    gender = serializers.ChoiceField(Gender.choices, allow_null=True)
    birth_date = serializers.SerializerMethodField()
    birth_calendar = serializers.SerializerMethodField(help_text=_("by which calendar `birth_date` is told"))
    phone = KnownText()
    email = KnownText()
    city = KnownText()
    province = KnownText()
    registered_at = InstantField(allow_null=True)
    source = KnownText()  # type: ignore[assignment]
    time_zone = KnownText()
    language = KnownText()
    occupation = KnownText()
    family = KnownText()
    hobbies = serializers.SerializerMethodField()
    referrer = KnownText(help_text=_("the external id of who brought the member, as it was told"))
    tags = serializers.SerializerMethodField()
    attributes = serializers.DictField()
    identifiers = IdentifierOut(many=True)
    consents = serializers.SerializerMethodField()
    made_up_fields = serializers.ListField(
        child=serializers.CharField(), help_text=_("fields invented for the demonstration")
    )

    def to_representation(self, instance: Member) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        shown["gender"] = shown["gender"] or None
        return shown

    @extend_schema_field({"type": "string", "nullable": True, "example": "1990-02-29"})
    def get_birth_date(self, member: Member) -> str | None:
        return member.birth_date_text or None

    @extend_schema_field(serializers.ChoiceField(CALENDARS, allow_null=True))
    def get_birth_calendar(self, member: Member) -> str | None:
        return None if member.birth_key is None else member.birth_calendar or "solar"

    def get_hobbies(self, member: Member) -> list[str]:
        return member.hobbies.split("|") if member.hobbies else []

    def get_tags(self, member: Member) -> list[str]:
        return sorted(tag.tag for tag in member.tags.all())

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "boolean"}, "example": {"sms": True}})
    def get_consents(self, member: Member) -> dict[str, bool]:
        """Of marketing; every purpose, with its history, is at `members/{external_id}/consents/`."""
        said = (each for each in member.consents.all() if each.purpose == Purpose.MARKETING)
        return {consent.channel: consent.granted for consent in said}


WORD = {
    "oneOf": [
        {"type": "boolean"},
        {
            "type": "object",
            "required": ["granted"],
            "properties": {
                "granted": {"type": "boolean"},
                "at": {"type": "string", "format": "date-time", "nullable": True},
                "proof": {"type": "string", "nullable": True},
                "text_version": {"type": "string", "nullable": True},
            },
        },
    ]
}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "boolean"},
            {"type": "object", "properties": dict.fromkeys(Purpose.values, WORD)},
        ],
        "description": "true or false is about marketing",
    }
)
class ConsentField(serializers.JSONField):
    """A channel's words: about marketing, or by purpose."""


class ConsentsIn(serializers.Serializer[Any]):
    sms = ConsentField(required=False)
    email = ConsentField(required=False)


@extend_schema_serializer(component_name="MemberItem", examples=[MEMBER])
class MemberIn(serializers.Serializer[Any]):
    """A member to write. What is left out stays as it is; null clears a value; a list replaces the old one.

    Stands here for the schema: the ingest reads items, one by one or a thousand, by its own compiled shapes.
    """

    external_id = serializers.CharField(max_length=200)
    name = serializers.CharField(required=False, allow_null=True)
    gender = serializers.ChoiceField(Gender.choices, required=False, allow_null=True)
    birth_date = serializers.CharField(required=False, allow_null=True, help_text=_("“1990-02-29” or “--02-29”"))
    birth_calendar = serializers.ChoiceField(
        CALENDARS, required=False, allow_null=True, help_text=_("comes with `birth_date`; left out: solar")
    )
    phone = serializers.CharField(required=False, allow_null=True)
    email = serializers.CharField(required=False, allow_null=True)
    city = serializers.CharField(required=False, allow_null=True)
    province = serializers.CharField(required=False, allow_null=True)
    registered_at = serializers.DateTimeField(required=False, allow_null=True)
    source = serializers.CharField(required=False, allow_null=True)  # type: ignore[assignment]
    time_zone = serializers.CharField(required=False, allow_null=True)
    language = serializers.CharField(required=False, allow_null=True)
    occupation = serializers.CharField(required=False, allow_null=True)
    family = serializers.CharField(required=False, allow_null=True)
    hobbies = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    referrer = serializers.CharField(
        required=False, allow_null=True, help_text=_("the external id of who brought the member; nobody brings themselves")
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    attributes = serializers.DictField(required=False)
    identifiers = IdentifierOut(many=True, required=False)
    consents = ConsentsIn(required=False)
    consent_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text=_("when the member said what `consents` tells")
    )
    consent_proof = serializers.CharField(required=False, allow_null=True, help_text=_("how you know"))
    consent_text_version = serializers.CharField(required=False, allow_null=True)


@extend_schema_serializer(component_name="MemberChange", examples=[request_example({"city": "成都", "tags": []})])
class MemberChangeIn(MemberIn):
    """The same without the id, which the address gives."""

    external_id = serializers.CharField(max_length=200, required=False, help_text=_("if given, the one of the address"))


@extend_schema_serializer(component_name="MembersBulk", examples=[request_example({"items": [MEMBER.value]})])
class MembersBulkIn(serializers.Serializer[Any]):
    items = serializers.ListField(child=MemberIn(), max_length=MOST_ITEMS)


# --- orders


class OrderQuery(serializers.Serializer[Any]):
    """What the list of orders can be asked."""

    member = TextField(required=False, help_text=_("the member's external id"))
    shop = TextField(required=False)
    status = serializers.ChoiceField(OrderStatus.choices, required=False)
    product = TextField(required=False, help_text=_("orders that hold this product"))
    coupon = TextField(required=False, help_text=_("orders that used this coupon code"))
    placed_from = FromField(required=False, help_text=_("a date, or a time with offset; included"))
    placed_to = ToField(required=False, help_text=_("a date, which is included, or a time with offset, which is not"))


class RefundOut(serializers.Serializer[Any]):
    amount_minor = serializers.IntegerField()
    reason = serializers.ChoiceField(RefundReason.choices)
    at = InstantField(source="refunded_at")


class OrderLineOut(serializers.Serializer[Any]):
    product = serializers.CharField(source="product.code")
    name = KnownText(source="product.name")
    sku = KnownText()
    category = serializers.SerializerMethodField()
    quantity = serializers.IntegerField()
    unit_price_minor = serializers.IntegerField()
    amount_minor = serializers.IntegerField()

    def get_category(self, line: OrderLine) -> str | None:
        return line.product.category.name if line.product.category else None


class OrderOut(serializers.Serializer[Any]):
    """An order. Amounts are minor units of `currency`; `revenue_minor` is the total less refunds."""

    external_id = serializers.CharField()
    shop = serializers.CharField(source="shop.slug")
    member = serializers.SerializerMethodField(help_text=_("the member's external id; null once the member was erased"))
    status = serializers.ChoiceField(OrderStatus.choices)
    placed_at = InstantField()
    total_minor = serializers.IntegerField()
    discount_minor = serializers.IntegerField()
    refunded_minor = serializers.IntegerField()
    revenue_minor = serializers.IntegerField()
    paid_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.SerializerMethodField()
    payment_method = KnownText()
    channel = KnownText()
    coupon_code = KnownText()
    points_used = serializers.IntegerField()
    paid_at = InstantField(allow_null=True)
    shipped_at = InstantField(allow_null=True)
    delivered_at = InstantField(allow_null=True)
    completed_at = InstantField(allow_null=True)
    city = KnownText()
    province = KnownText()
    remark = KnownText()
    lines = OrderLineOut(many=True)
    refunds = RefundOut(many=True)

    def get_currency(self, order: Order) -> str:
        return shop_currency()

    def get_member(self, order: Order) -> str | None:
        return None if order.member.erased_at else order.member.external_id


class OrderLineIn(serializers.Serializer[Any]):
    product = serializers.CharField(help_text=_("the product's code"))
    name = serializers.CharField(required=False, allow_null=True, help_text=_("the product's display name"))
    sku = serializers.CharField(required=False, allow_null=True)
    category = serializers.CharField(required=False, allow_null=True)
    quantity = serializers.IntegerField(min_value=0)
    unit_price_minor = serializers.IntegerField(min_value=0)
    amount_minor = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, help_text=_("what the line brought in, if not quantity × unit price")
    )


class RefundIn(serializers.Serializer[Any]):
    amount_minor = serializers.IntegerField(min_value=1)
    reason = serializers.ChoiceField(RefundReason.choices)
    at = serializers.DateTimeField()


@extend_schema_serializer(component_name="OrderItem", examples=[ORDER])
class OrderIn(serializers.Serializer[Any]):
    """An order to write. Posted again it is brought up to date; what is left out stays as it is."""

    external_id = serializers.CharField(max_length=200)
    member = serializers.CharField(help_text=_("the member's external id; an unknown one is created"))
    placed_at = serializers.DateTimeField()
    status = serializers.ChoiceField(OrderStatus.choices)
    total_minor = serializers.IntegerField(min_value=0, help_text=_("list less discounts: what counts as revenue"))
    discount_minor = serializers.IntegerField(required=False, min_value=0)
    paid_minor = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    currency = serializers.CharField(required=False)
    shop = serializers.CharField(required=False, help_text=_("absent: the shop “default”"))
    payment_method = serializers.CharField(required=False, allow_null=True)
    channel = serializers.CharField(required=False, allow_null=True)
    coupon_code = serializers.CharField(required=False, allow_null=True)
    points_used = serializers.IntegerField(required=False, min_value=0)
    paid_at = serializers.DateTimeField(required=False, allow_null=True)
    shipped_at = serializers.DateTimeField(required=False, allow_null=True)
    delivered_at = serializers.DateTimeField(required=False, allow_null=True)
    completed_at = serializers.DateTimeField(required=False, allow_null=True)
    city = serializers.CharField(required=False, allow_null=True)
    province = serializers.CharField(required=False, allow_null=True)
    remark = serializers.CharField(required=False, allow_null=True)
    lines = OrderLineIn(many=True, required=False)
    refunds = RefundIn(many=True, required=False)


@extend_schema_serializer(component_name="OrderChange", examples=[request_example(_without_id(ORDER))])
class OrderChangeIn(OrderIn):
    """The same without shop and number, which the address gives."""

    external_id = serializers.CharField(max_length=200, required=False, help_text=_("if given, the one of the address"))


@extend_schema_serializer(component_name="OrdersBulk", examples=[request_example({"items": [ORDER.value]})])
class OrdersBulkIn(serializers.Serializer[Any]):
    items = serializers.ListField(child=OrderIn(), max_length=MOST_ITEMS)
