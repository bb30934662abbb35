"""A member's growth: what it adds up to, and giving or taking it. Every call may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit import Subject
from core.api.auth import api_key_of
from core.api.fields import BodyIn, InstantField, KnownText, TextField
from core.api.pages import CursorPages
from core.api.schema import request_example
from core.api.views import ApiView
from core.models import Scope
from members.api.lookup import found_member, member_number
from members.api.points import WholeField
from members.models import EarningCurrency, EarningRule, Member
from members.models.earning import OCCASIONS
from members.services.earning.todo import Task, rules_to_do, tasks_of
from members.services.earning.words import rule_sentence
from members.services.growth.entries import award_growth, growth_of
from members.services.growth.standing import growth_entries_of


@extend_schema_serializer(examples=[request_example({"value": 50, "reason": "fair", "reference": "fair-2026-17"})])
class AwardGrowthIn(BodyIn):
    value = WholeField(help_text=_("with a minus it is taken back"))
    reference = TextField(help_text=_("your own number of this call's reason; the same again is the same entry"))
    reason = TextField(required=False, allow_blank=True, default="")


class GrowthEntryOut(serializers.Serializer[Any]):
    """`counts_at` is the moment an entry belongs to: what is taken back for an order belongs to the order's own day."""

    reference = serializers.CharField()
    value = serializers.IntegerField()
    reason = KnownText()
    rule = serializers.CharField(source="rule.name", default=None, allow_null=True, help_text=_("the rule that made it"))
    at = InstantField()
    counts_at = InstantField()


class GrowthOut(serializers.Serializer[Any]):
    growth = serializers.IntegerField()


class MemberGrowth(ApiView):
    """What a member's growth adds up to, whenever it came; giving growth and taking it back."""

    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.POINTS_WRITE}
    audits = Subject(Member, member_number, counted=True)

    @extend_schema(operation_id="members_growth", responses=GrowthOut)
    def get(self, request: Request, external_id: str) -> Response:
        """The sum of all entries."""
        return Response(GrowthOut({"growth": growth_of(found_member(external_id).pk)}).data)

    @extend_schema(
        operation_id="members_growth_award", request=AwardGrowthIn, responses={201: GrowthEntryOut, 200: GrowthEntryOut}
    )
    def post(self, request: Request, external_id: str) -> Response:
        """Give growth, or with a minus take it back, never more than there is (409 `insufficient_growth`). The same
        reference again answers with the first entry; with another value it is refused (409)."""
        receipt = award_growth(
            **self.parsed(AwardGrowthIn),
            member_id=found_member(external_id).pk,
            now=timezone.now(),
            by=api_key_of(request).name,
        )
        return Response(GrowthEntryOut(receipt.entry).data, status=201 if receipt.created else 200)


class MemberGrowthEntries(ApiView):
    """What made a member's growth, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="members_growth_entries", responses=GrowthEntryOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        return self.page(
            growth_entries_of(found_member(external_id).pk).select_related("rule"), order=("-id",), render=GrowthEntryOut
        )


class TaskOut(serializers.Serializer[Any]):
    """`left` is how often it earns yet today, `null` without a limit; `done` how often it earned at all."""

    rule = serializers.CharField(source="rule.name")
    says = serializers.SerializerMethodField(help_text=_("the rule as a sentence, in the language asked for"))
    currency = serializers.ChoiceField(EarningCurrency.choices, source="rule.currency")
    occasion = serializers.ChoiceField(OCCASIONS, source="rule.occasion")
    amount = serializers.IntegerField(source="rule.amount")
    done = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(["open", "later", "done"])

    @extend_schema_field(OpenApiTypes.STR)
    def get_says(self, task: Task) -> str:
        return rule_sentence(task.rule)


class MemberGrowthTasks(ApiView):
    """What a member can still earn by doing something."""

    scopes = {"GET": Scope.MEMBERS_READ}

    pagination_class = CursorPages

    @extend_schema(operation_id="members_growth_tasks", responses=TaskOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        """The rules for events and a complete profile that hold now, each with how often the member was thanked for it."""
        member_id, now = found_member(external_id).pk, timezone.now()

        def render(rules: Sequence[EarningRule]) -> list[Any]:
            return list(TaskOut(tasks_of(rules, member_id=member_id, now=now), many=True).data)

        return self.page(rules_to_do(member_id=member_id, now=now), order=("id",), render=render)
