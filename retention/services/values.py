"""Keeping the values of large tables, so that who writes a rule is offered them at once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Value

from core.sql import insert_from_select
from retention.models import KnownValue
from retention.selectors.values import STORED, is_large


def keep_values(*, now: datetime) -> dict[str, int]:
    """This function will group every list of a large table anew, each in a transaction of its own.

    1. Forget the list's old values.
    2. Insert what one scan of the table finds, the most frequent first and no more than MOST_KEPT.
    Run twice at once, the second waits for the first at the unique constraint and finds nothing left to write.
    """
    kept = 0
    for each in STORED.values():
        if not is_large(each):
            continue
        rows = each.grouped().order_by("-number", "known")[:MOST_KEPT].values_list(Value(each.code), F("known"), F("number"))
        with transaction.atomic():
            KnownValue.objects.filter(code=each.code).delete()
            kept += insert_from_select(KnownValue, rows, ("code", "value", "number"), conflict=("code", "value"))
    return {"values": kept}


MOST_KEPT = 20_000
"""Values of a list that are offered; the rest, each of a few members, can be typed."""
