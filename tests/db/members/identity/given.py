"""Merges in few words, and everything that a merge could change as one comparable picture."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db.models import Model

from core.registry import checks
from core.sql import rows_as_json
from members.models import DirtyMark, Member, MergeRecord
from members.services.identity import merge_members
from tests.factories import NOW

LATER = NOW + timedelta(hours=1)


UNCOMPARED = {DirtyMark, MergeRecord}


def everything(*, but: Iterable[type[Model]] = ()) -> dict[str, list[Any]]:
    """This function will read all rows of our apps, but marks and the records of merges themselves."""
    models = [model for app in ("members", "retention", "campaigns") for model in apps.get_app_config(app).get_models()]
    return {
        model.__name__: rows_as_json(model._default_manager.order_by("pk"))
        for model in models
        if model._meta.managed and model not in UNCOMPARED | set(but)
    }


def wrong() -> list[str]:
    """This function will say what `verify` would."""
    return [sentence for check in checks for sentence in check.rows()]


def order(external_id: str, member: str, **changes: Any) -> dict[str, Any]:
    item = {"external_id": external_id, "member": member, "placed_at": "2026-06-01T10:00:00+08:00", "status": "paid"}
    return {**item, "total_minor": 100, **changes}


def merge(keep: Member, drop: Member, **changes: Any) -> MergeRecord:
    return merge_members(**{"keep": keep.pk, "drop": drop.pk, "now": NOW, "by": "anna", **changes})
