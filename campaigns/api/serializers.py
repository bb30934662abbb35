"""The shapes of campaigns, templates, coupons and messages. The services read items to write; `...In` tells their shape."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from campaigns.models import (
    Arm,
    Campaign,
    CampaignStatus,
    CouponState,
    CouponTemplate,
    DeliveryState,
    EnrolmentStatus,
    Origin,
)
from campaigns.models.coupon import BenefitKind
from campaigns.selectors.documents import document_of as campaign_document
from campaigns.selectors.documents import edition_of
from campaigns.selectors.listings import CouponStanding
from campaigns.services.template_documents import document_of as template_document
from core.api.fields import BodyIn, InstantField, KnownText, MinorField, RuleField, TextField, shown_instant
from core.api.schema import request_example

WIN_BACK = {
    "slug": "win-back",
    "name": "Win back",
    "trigger": {"kind": "segment_entered", "segment": "away"},
    "audience": {"everyone": True},
    "exclusion": {"field": "refund_count", "operator": ">=", "value": 3},
    "steps": [
        {"kind": "issue_coupon", "template": "ten"},
        {"kind": "send_message", "channel": "sms", "body": "{{ member.name }}, 10 for you: {{ coupon.code }}"},
    ],
    "control_share": 0.1,
    "attribution_days": 14,
}
TEN = {
    "slug": "ten",
    "name": "10 off 100",
    "benefit": {"kind": "fixed", "amount_minor": 1000},
    "minimum_minor": 10000,
    "valid_days": 14,
    "per_member_limit": 1,
}
CHECKOUT = {"order": "20260301-7", "member": "tb-1001", "amount_minor": 25800}

# --- campaigns


class CampaignQuery(serializers.Serializer[Any]):
    status = serializers.ChoiceField(CampaignStatus.choices, required=False)


EDITION = _("the edition that was read: when somebody saved another meanwhile, 409 `changed_meanwhile`")


class TriggerField(serializers.Serializer[Any]):
    """When members become due; the other keys depend on the kind."""

    kind = serializers.CharField(help_text="manual, schedule, segment_entered, date, tier_changed, tier_dropping")


class StepField(serializers.Serializer[Any]):
    """What happens; the other keys depend on the kind: issue_coupon {template}, grant_points {points},
    send_message {channel, purpose?, subject?, body, track?}. `track`: links go by an address of ours, and the first click of
    each message is known."""

    kind = serializers.CharField(help_text="issue_coupon, grant_points, send_message")


class ReEntryField(serializers.Serializer[Any]):
    """Whether a member may be let in again."""

    policy = serializers.ChoiceField(["once", "every", "per_occurrence"])
    days = serializers.IntegerField(required=False, allow_null=True, min_value=1)


class Changes(serializers.Serializer[Any]):
    """Some keys of an item: none has to be there, and one that is left out stays as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, partial=True, **kwargs)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            field.required, field.default = False, serializers.empty
        return fields


@extend_schema_serializer(component_name="CampaignItem", examples=[request_example(WIN_BACK)])
class CampaignIn(serializers.Serializer[Any]):
    """A draft to write."""

    slug = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200)
    trigger = TriggerField()
    audience = RuleField()
    exclusion = RuleField(required=False, allow_null=True)
    steps = StepField(many=True)
    control_share = serializers.FloatField(required=False, default=0.1, min_value=0, max_value=0.9)
    re_entry = ReEntryField(required=False)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    attribution_days = serializers.IntegerField(required=False, default=14, min_value=1, max_value=90)


class EditionIn(serializers.Serializer[Any]):
    edition = TextField(max_length=16)


@extend_schema_serializer(component_name="CampaignReplacement")
class CampaignPutIn(CampaignIn):
    """A whole new content of a draft."""

    slug = serializers.CharField(max_length=100, required=False)
    edition = TextField(required=False, max_length=16, help_text=EDITION)


@extend_schema_serializer(component_name="CampaignChange", examples=[request_example({"control_share": 0.2})])
class CampaignChangeIn(Changes, CampaignPutIn):
    """The keys of a draft to change; the others stay."""


@extend_schema_serializer(component_name="Campaign")
class CampaignOut(CampaignIn):
    """A campaign: the item it was written as, and how it stands."""

    status = serializers.ChoiceField(CampaignStatus.choices)
    version = serializers.IntegerField(help_text=_("frozen when the campaign starts"))
    edition = serializers.CharField(help_text=_("another one after each change of a draft"))
    paused_reason = KnownText()
    created_at = InstantField()
    activated_at = InstantField(allow_null=True)
    finished_at = InstantField(allow_null=True)

    def to_representation(self, instance: Campaign) -> dict[str, Any]:
        return campaign_document(instance) | {
            "status": instance.status,
            "version": instance.version.number if instance.version else None,
            "edition": edition_of(instance),
            "paused_reason": instance.paused_reason or None,
            **{name: shown_instant(getattr(instance, name)) for name in ("created_at", "activated_at", "finished_at")},
        }


class EnrolmentQuery(serializers.Serializer[Any]):
    status = serializers.ChoiceField(EnrolmentStatus.choices, required=False)
    reason = TextField(required=False)
    arm = serializers.ChoiceField(Arm.choices, required=False)
    member = TextField(required=False, help_text=_("the member's external id"))


class EnrolmentOut(serializers.Serializer[Any]):
    """A member was due once, and what became of it."""

    member = serializers.CharField(allow_null=True)
    occurrence = serializers.CharField()
    arm = serializers.ChoiceField(Arm.choices)
    status = serializers.ChoiceField(EnrolmentStatus.choices)
    reason = KnownText()
    due_at = InstantField()
    decided_at = InstantField(allow_null=True)


class LiftOut(serializers.Serializer[Any]):
    """Treated against control; null while one of the groups is empty."""

    absolute = serializers.FloatField(allow_null=True)
    relative = serializers.FloatField(allow_null=True)
    interval_95 = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2, allow_null=True)
    p_value = serializers.FloatField(allow_null=True)


class ClicksOut(serializers.Serializer[Any]):
    """Of the messages with tracked links that were sent: in how many of them something was clicked."""

    sent = serializers.IntegerField()
    clicked = serializers.IntegerField()


class CampaignReportOut(serializers.Serializer[Any]):
    """due = fired + held out + suppressed + failed + waiting, always."""

    due = serializers.IntegerField()
    fired = serializers.IntegerField()
    held_out = serializers.IntegerField()
    suppressed = serializers.DictField(child=serializers.IntegerField())
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    treated = serializers.IntegerField()
    control = serializers.IntegerField()
    conversions = serializers.IntegerField()
    revenue_minor = serializers.IntegerField()
    lift = LiftOut()
    cost_minor = serializers.IntegerField()
    net_minor = serializers.IntegerField(allow_null=True)
    clicks = ClicksOut(allow_null=True, help_text=_("null where no message with tracked links was sent"))


# --- coupon templates


class TemplateQuery(serializers.Serializer[Any]):
    origin = serializers.ChoiceField(Origin.choices, required=False)


class BenefitField(serializers.Serializer[Any]):
    """What the coupon gives: `fixed` needs amount_minor, `percent_off` needs percent_off."""

    kind = serializers.ChoiceField(BenefitKind.choices)
    amount_minor = serializers.IntegerField(required=False, min_value=1)
    percent_off = serializers.IntegerField(required=False, min_value=1, max_value=100, help_text=_("15 is 8.5折"))
    max_minor = serializers.IntegerField(required=False, min_value=1)
    gift = serializers.CharField(required=False)


@extend_schema_serializer(component_name="CouponTemplateItem", examples=[request_example(TEN)])
class TemplateIn(serializers.Serializer[Any]):
    """A coupon template to write."""

    slug = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200)
    origin = serializers.ChoiceField(Origin.choices, required=False, default=Origin.OWN.value)
    benefit = BenefitField()
    minimum_minor = serializers.IntegerField(required=False, default=0, min_value=0)
    valid_days = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    valid_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    total_limit = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    per_member_limit = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    code = serializers.CharField(
        required=False, allow_null=True, help_text=_("one public code for all; absent: a unique code a member")
    )
    link = serializers.URLField(required=False, allow_null=True)
    categories = serializers.ListField(child=serializers.CharField(), required=False)
    stacking_group = serializers.CharField(required=False, allow_null=True)


@extend_schema_serializer(component_name="CouponTemplateChange", examples=[request_example({"total_limit": 500})])
class TemplateChangeIn(Changes, TemplateIn):
    """The keys of a template to change; the others stay."""


@extend_schema_serializer(component_name="CouponTemplate")
class TemplateOut(TemplateIn):
    """A template: the item it was written as, and how much of it is used."""

    issued = serializers.IntegerField()
    redeemed = serializers.IntegerField()

    def to_representation(self, instance: CouponTemplate) -> dict[str, Any]:
        return template_document(instance) | {"issued": instance.issued, "redeemed": instance.redeemed}


@extend_schema_serializer(examples=[request_example({"member": "tb-1001"})])
class IssueIn(BodyIn):
    member = TextField(help_text=_("the external id of a member who exists"))


class IssueOut(serializers.Serializer[Any]):
    code = KnownText()
    link = KnownText()
    valid_until = InstantField(allow_null=True)


# --- coupons


@extend_schema_serializer(examples=[request_example({"member": "tb-1001", "amount_minor": 25800})])
class ValidateIn(BodyIn):
    member = TextField(required=False, allow_null=True)
    amount_minor = MinorField(required=False, allow_null=True)


@extend_schema_serializer(examples=[request_example(CHECKOUT)])
class RedeemIn(BodyIn):
    order = TextField(help_text=_("the order's number; the order need not be known yet"))
    member = TextField(required=False, allow_null=True, help_text=_("the member's external id"))
    amount_minor = MinorField()


@extend_schema_serializer(examples=[request_example({"order": "20260301-7"})])
class RollBackIn(BodyIn):
    order = TextField()


class ValidationOut(serializers.Serializer[Any]):
    """The code may be used; without an amount the discount is not known."""

    valid = serializers.BooleanField(default=True)
    code = serializers.CharField()
    template = serializers.CharField()
    benefit = serializers.ChoiceField(BenefitKind.choices)
    minimum_minor = serializers.IntegerField()
    valid_until = InstantField(allow_null=True)
    amount_minor = serializers.IntegerField(allow_null=True)
    discount_minor = serializers.IntegerField(allow_null=True)


class ReceiptOut(serializers.Serializer[Any]):
    """What was agreed when the code was used. The same call again gets the same receipt."""

    code = serializers.CharField()
    order = serializers.CharField()
    member = serializers.CharField(allow_null=True)
    template = serializers.CharField()
    benefit = serializers.ChoiceField(BenefitKind.choices)
    amount_minor = serializers.IntegerField()
    discount_minor = serializers.IntegerField()
    redeemed_at = InstantField()
    rolled_back_at = InstantField(allow_null=True)


class CouponOut(serializers.Serializer[Any]):
    """A coupon as it stands now; a public code on its own has no member."""

    code = KnownText()
    template = serializers.CharField(source="template.slug")
    name = serializers.CharField(source="template.name")
    state = serializers.ChoiceField(CouponState.choices)
    member = serializers.CharField(allow_null=True)
    benefit = serializers.SerializerMethodField()
    minimum_minor = serializers.IntegerField(source="template.minimum_minor")
    issued_at = InstantField(allow_null=True)
    valid_from = InstantField(allow_null=True)
    valid_until = InstantField(allow_null=True)
    order = serializers.CharField(allow_null=True, help_text=_("the order that used it"))
    redeemed_at = InstantField(allow_null=True)

    @extend_schema_field(BenefitField)
    def get_benefit(self, coupon: CouponStanding) -> dict[str, Any]:
        benefit: dict[str, Any] = template_document(coupon.template)["benefit"]
        return benefit


# --- what a member got


class MessageOut(serializers.Serializer[Any]):
    """A message of a campaign to this member, and what became of it."""

    campaign = serializers.CharField()
    channel = serializers.CharField()
    subject = KnownText()
    body = serializers.CharField()
    state = serializers.ChoiceField(DeliveryState.choices)
    reason = KnownText()
    queued_at = InstantField()
    done_at = InstantField(allow_null=True)
    clicked_at = InstantField(allow_null=True, help_text=_("the first click; null also where links are not tracked"))
