"""The stored facts: one aggregate statement over orders, for everybody or for the members whose turn it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django_cte import CTE, with_cte

from core.conf import shop_zone
from core.periods import day_number, start_of
from core.sql import insert_from_select
from members.models import Member, Order
from retention.features.cadence import PREVIOUS, cadence_aggregates
from retention.features.orders import COUNTED, READ, order_aggregates
from retention.models import DueMember, MemberFacts

DAYS = ("first_order_day", "last_order_day", "previous_order_day")
"""What stays missing where there is no order; everything else is then 0."""
COLUMNS = tuple(field.name for field in MemberFacts._meta.concrete_fields if field.name not in {"member", "windows_day"})
ROW = ("member", *COLUMNS, "windows_day")


def count_all(*, as_of: datetime) -> int:
    """This function will bring everybody's facts to `as_of` and return how many rows it wrote: those that differ."""
    return _write(differing_facts(as_of=as_of))


def count_due(*, as_of: datetime) -> int:
    """This function will write the facts of the members in DueMember as of `as_of` and return how many there are."""
    return _write(fresh_facts(as_of=as_of, due_only=True))


def _write(rows: QuerySet[Member, tuple[Any, ...]]) -> int:
    return insert_from_select(MemberFacts, rows, ROW, conflict=["member"], update=[*COLUMNS, "windows_day"])


def fresh_facts(*, as_of: datetime, due_only: bool = False) -> QuerySet[Member, tuple[Any, ...]]:
    """This function will select the facts of every (due) member as orders have them at `as_of`, in the order of ROW.

    Members without orders are there with zeros. Nothing placed later than `as_of` is read.
    """
    day = day_number(as_of, shop_zone())
    orders, members = Order.objects.filter(COUNTED, placed_until(as_of)), Member.objects.all()
    if due_only:
        due = DueMember.objects.values("member_id")
        orders, members = orders.filter(member_id__in=due), members.filter(pk__in=due)
    read = CTE(orders.values("member_id", **READ, previous=PREVIOUS), name="read")
    aggregates = {**order_aggregates(day=day), **cadence_aggregates()}
    added_up = CTE(read.queryset().values("member_id").annotate(**aggregates), name="added_up")
    sums = {
        name: getattr(added_up.col, name) if name in DAYS else Coalesce(getattr(added_up.col, name), 0) for name in COLUMNS
    }
    rows = added_up.join(members, id=added_up.col.member_id, _join_type="LEFT OUTER JOIN").annotate(
        **sums, windows_day=Value(day)
    )
    return with_cte(read, added_up, select=rows.values_list("id", *COLUMNS, "windows_day"))


def differing_facts(*, as_of: datetime) -> QuerySet[Member, tuple[Any, ...]]:
    """This function will select the fresh facts that are not stored just so; only `windows_day` may lag behind."""
    stored = MemberFacts.objects.values_list("member_id", *COLUMNS, Value(day_number(as_of, shop_zone())))
    return fresh_facts(as_of=as_of).difference(stored)


def placed_until(as_of: datetime) -> Q:
    """This function will select the orders placed up to `as_of`, for a day's last moment by the day alone."""
    day = day_number(as_of, shop_zone())
    day_is_over = start_of(day + 1, shop_zone()) - as_of <= datetime.resolution
    return Q(placed_day__lte=day) if day_is_over else Q(placed_at__lte=as_of)
