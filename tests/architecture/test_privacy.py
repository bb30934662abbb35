"""What no new table and no new address may forget: everything can be handed out and forgotten, every change is told of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import ForeignKey, Model
from django.urls import URLPattern, URLResolver

from config.api import version_one
from core.api.views import ApiView
from core.registry import member_data
from members.models import PERSONAL_NUMBERS, PERSONAL_TEXTS, Member

OUR_APPS = ("core", "members", "retention", "campaigns")

NOT_KEPT = {
    "members.DirtyMark": "a number that waits for the next refresh, gone with it",
    "members.Erasure": "the receipt itself: a number that stands for nobody",
    "members.ErasedId": "a keyed hash, by which the same receipt is found again",
    "retention.BuildTouched": "numbers to look at again while a new rule is filled, gone with that",
}
"""Tables that know of members and that no handler exports or erases, and why."""

UNAUDITED = {
    "OrderList": "orders are told by the shop; an import's journal and the order itself say when",
    "OrderDetail": "as OrderList",
    "OrdersBulk": "as OrderList",
    "EventPost": "events are appended by the shop and never changed",
    "EventsBulk": "as EventPost",
    "ImportPost": "the import keeps who gave it, when, and a journal of every change",
    "ImportStart": "as ImportPost",
    "ImportUndo": "as ImportPost",
    "JobCancel": "the job itself says that it was stopped and when",
    "RulePreview": "counts, and changes nothing",
    "RuleExplain": "explains, and changes nothing",
    "CouponValidate": "asks, and changes nothing",
    "CouponRedeem": "a redemption is itself the record of what happened, and a till does not wait for a second one",
    "CouponRollBack": "as CouponRedeem",
    "RewardRedeem": "the use of a reward is itself the record, beside the ledger's entry",
    "RewardRollBack": "as RewardRedeem",
}
"""Addresses that are written to and leave nothing in the audit trail, and why."""


def our_models() -> list[type[Model]]:
    return [model for app in OUR_APPS for model in apps.get_app_config(app).get_models() if model._meta.managed]


def knows_of_members(model: type[Model], seen: frozenset[type[Model]] = frozenset()) -> bool:
    """Whether a row stands for one member: by a column of its own, or by the row that it hangs on."""
    if model._meta.label == "members.Member" or any(f.attname == "member_id" for f in model._meta.concrete_fields):
        return True
    above = {f.related_model for f in model._meta.concrete_fields if isinstance(f, ForeignKey)} - seen - {model}
    return any(isinstance(up, type) and knows_of_members(up, seen | {model}) for up in above)


def addresses(patterns: list[Any]) -> Iterator[type[ApiView]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if isinstance(view, type) and issubclass(view, ApiView):
                yield view


class TestHandlers:
    def test_hand_out_and_take_away_every_table_that_knows_of_members(self) -> None:
        covered = {name for handler in member_data for holding in handler.holds for name in holding.models}
        knowing = {model._meta.label for model in our_models() if knows_of_members(model)}
        assert knowing - covered - NOT_KEPT.keys() == set(), "give them to a MemberDataHandler, or say here why not"

    def test_name_tables_that_exist_and_kinds_once(self) -> None:
        labels = {model._meta.label for model in our_models()}
        holdings = [holding for handler in member_data for holding in handler.holds]
        assert {name for holding in holdings for name in holding.models} <= labels
        codes = [holding.code for holding in holdings]
        assert len(codes) == len(set(codes))

    def test_say_why_not_only_of_tables_that_exist(self) -> None:
        labels = {model._meta.label for model in our_models()}
        assert NOT_KEPT.keys() <= labels


class TestAnErasedRow:
    def test_may_hold_nothing_that_a_member_told(self) -> None:
        """`attributes` and `made_up_fields` are documents: no portable condition, the erasure empties them."""
        ours = {"id", "external_id", "created_at", "random_bucket", "erased_at", "attributes", "made_up_fields"}
        told = {field.name for field in Member._meta.concrete_fields} - ours
        assert told == {*PERSONAL_TEXTS, *PERSONAL_NUMBERS}, "add the new column: the constraint keeps it empty"


class TestAuditTrail:
    def test_hears_of_every_address_that_changes_something(self) -> None:
        writing = {
            view.__name__
            for view in addresses(version_one)
            if {"post", "put", "patch", "delete"} & {name for name in view.http_method_names if hasattr(view, name)}
            and view.audits is None
        }
        assert writing - UNAUDITED.keys() == set(), "give them a Subject, or say here why not"
        assert UNAUDITED.keys() - writing == set()
