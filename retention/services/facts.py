"""The stored facts: one statement that aggregates orders and events, for everybody or for the members whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    Count,
    DateTimeField,
    Expression,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce
from django_cte import CTE, with_cte

from core.conf import shop_zone
from core.periods import day_number, start_of
from core.sql import insert_from_select
from members.models import BehaviourEvent, Member, Order, OrderLine, OrderStatus, Refund
from retention.features.cadence import cadence_aggregates
from retention.features.events import carts_left, event_aggregates
from retention.features.loyalty import balances, growth
from retention.features.orders import COUNTED, READ, order_aggregates
from retention.features.preferences import favourite_categories, kept_categories, preference_aggregates
from retention.models import DueMember, MemberFacts
from retention.models.facts import FACT_COLUMNS

UNKNOWN = frozenset(name for name in FACT_COLUMNS if MemberFacts._meta.get_field(name).null)
"""What stays missing where there is nothing to tell it from; everything else is then 0."""
COLUMNS = FACT_COLUMNS
ROW = ("member", *COLUMNS, "windows_day")


class Differ(Func):
    """Whether the first half of the values is not the second half; missing is a value like any other."""

    output_field = BooleanField()
    same_as = "IS NOT"

    def as_sql(self, compiler: Any, connection: Any, *_given: Any, **_context: Any) -> Any:
        compiled = [compiler.compile(each) for each in self.source_expressions]
        half = len(compiled) // 2
        left, right = (", ".join(sql for sql, _params in side) for side in (compiled[:half], compiled[half:]))
        return f"(({left}) {self.same_as} ({right}))", [each for _sql, params in compiled for each in params]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        written = self.copy()
        written.same_as = "IS DISTINCT FROM"
        return written.as_sql(compiler, connection, **context)


def count_all(*, as_of: datetime, changed_at: datetime) -> int:
    """This function will bring everybody's facts to `as_of` and return how many rows it wrote: those that differ, which
    changed at `changed_at`."""
    return _write(differing_facts(as_of=as_of), Value(changed_at, output_field=DateTimeField()))


def count_due(*, as_of: datetime, changed_at: datetime) -> int:
    """This function will write the facts of the members in DueMember as of `as_of` and return how many there are.

    Those about whom something came in changed at `changed_at`; whose days alone went on, did not.
    """
    came_in = When(pk__in=DueMember.objects.filter(changed=True).values("member_id"), then=Value(changed_at))
    changed = Case(came_in, default=None, output_field=DateTimeField())
    return _write(fresh_facts(as_of=as_of, due_only=True), changed)


def _write(rows: QuerySet[Member, tuple[Any, ...]], changed_at: Expression) -> int:
    noted = rows.annotate(noted_at=changed_at).values_list("id", *COLUMNS, "windows_day", "noted_at")
    row, rewritten = (*ROW, "changed_at"), [*COLUMNS, "windows_day"]
    return insert_from_select(MemberFacts, noted, row, conflict=["member"], update=rewritten, renew=["changed_at"])


def note_changes(member_ids: QuerySet[Any, Any], *, changed_at: datetime) -> int:
    """This function will note that these members changed, where this refresh has not done so yet."""
    before = Q(changed_at__isnull=True) | Q(changed_at__lt=changed_at)
    return MemberFacts.objects.filter(before, pk__in=member_ids).update(changed_at=changed_at)


def fresh_facts(
    *, as_of: datetime, due_only: bool = False, only: Collection[str] = COLUMNS
) -> QuerySet[Member, tuple[Any, ...]]:
    """This function will select the facts of every (due) member as of `as_of`, in the order of ROW.

    Members without orders and events are there with zeros. Nothing is read that was placed, happened or
    was given back later than `as_of`. With `only` the other columns are left out, and not worked out either.
    """
    day = day_number(as_of, shop_zone())
    read_orders, read_events = COUNTED & placed_until(as_of), happened_until(as_of)
    events = BehaviourEvent.objects.filter(read_events)
    lines = OrderLine.objects.filter(~Q(order__status=OrderStatus.CANCELLED), placed_until(as_of, of="order__"))
    members = Member.objects.all()
    if due_only:
        due = DueMember.objects.values("member_id")
        events, members = events.filter(member_id__in=due), members.filter(pk__in=due)
        lines = lines.filter(order__member_id__in=due.filter(changed=True))
    later, orders, columns_of_orders = orders_as_of(as_of, due_only=due_only)
    read = CTE(orders.values("member_id", **columns_of_orders), name="read")
    added_up = _asked({**order_aggregates(day=day), **cadence_aggregates(), **preference_aggregates()}, only)
    ordered = CTE(read.queryset().values("member_id").annotate(**added_up), name="ordered")
    done = _asked(event_aggregates(day=day), only)
    favoured = favourite_categories(lines)
    if due_only:
        favoured = favoured.union(kept_categories(), all=True)
    carts = carts_left(events, day=day, read_events=read_events, read_orders=read_orders)
    sources: dict[CTE, Sequence[str]] = {
        ordered: (*added_up,),
        CTE(events.values("member_id").annotate(**done), name="did"): (*done,),
        CTE(carts, name="carts"): ("carts_left_30d",),
        CTE(balances(due_only=due_only), name="points"): ("points_balance",),
        CTE(growth(day=day, due_only=due_only), name="growth"): ("growth_value",),
        CTE(favoured, name="favoured"): ("favourite_category",),
    }
    told: dict[str, Any] = {}
    sources = {source: asked for source, names in sources.items() if (asked := [name for name in names if name in only])}
    for source, names in sources.items():
        members = source.join(members, id=source.col.member_id, _join_type="LEFT OUTER JOIN")
        told |= {name: getattr(source.col, name) for name in names}
    chosen = [name for name in COLUMNS if name in only]
    columns = {name: told[name] if name in UNKNOWN else Coalesce(told[name], 0) for name in chosen}
    rows = members.annotate(**columns, windows_day=Value(day)).values_list("id", *chosen, "windows_day")
    return with_cte(*([later] if later else []), read, *sources, select=rows)


def _asked(aggregates: Mapping[str, Any], only: Collection[str]) -> dict[str, Any]:
    return {name: aggregate for name, aggregate in aggregates.items() if name in only}


def orders_as_of(as_of: datetime, *, due_only: bool = False) -> tuple[CTE | None, QuerySet[Order], dict[str, Any]]:
    """This function will select the orders of everybody, or of due members, that count as of `as_of`, and say under the
    names of READ what each was worth then. A table expression that comes with them stands before the statement.
    """
    orders = Order.objects.filter(COUNTED & placed_until(as_of))
    if due_only:
        orders = orders.filter(member_id__in=DueMember.objects.values("member_id"))
    later, given_back = _refunded_later(as_of)
    if later is not None:
        orders = later.join(orders, id=later.col.order_id, _join_type="LEFT OUTER JOIN")
    return later, orders, {**READ, **given_back}


def _refunded_later(as_of: datetime) -> tuple[CTE | None, dict[str, Any]]:
    """What refunds given after `as_of` took off each order, and the columns of READ without it; None where there are none.

    Orders carry their refunds added up, so the ordinary count reads no refund at all: only one that looks back, or meets a
    refund dated ahead, pays for the join.
    """
    refunds = Refund.objects.filter(refunded_at__gt=as_of)
    if not refunds.exists():
        return None, {}
    later = CTE(refunds.values("order_id").annotate(amount=Sum("amount_minor"), number=Count("pk")), name="later")
    revenue = F("revenue_minor") + Cast(Coalesce(later.col.amount, 0), BigIntegerField())
    given = F("refund_count") - Cast(Coalesce(later.col.number, 0), IntegerField())
    return later, {"revenue": revenue, "refunds_given": given}


def differing_facts(*, as_of: datetime, due_only: bool = False) -> QuerySet[Member, tuple[Any, ...]]:
    """This function will select the fresh facts that are not stored just so; only `windows_day` may lag behind.

    Compared side by side in the order of members. A difference of sets would first sort two tables of everybody.
    """
    stored = (F(f"facts__{name}") for name in COLUMNS)
    return fresh_facts(as_of=as_of, due_only=due_only).filter(Differ(*map(F, COLUMNS), *stored))


def placed_until(as_of: datetime, *, of: str = "") -> Q:
    """This function will select the orders placed up to `as_of`, for a day's last moment by the day alone.

    `of` is the way to the order from what is selected.
    """
    day = day_number(as_of, shop_zone())
    return Q(**{f"{of}placed_day__lte": day}) if _is_over(day, as_of) else Q(**{f"{of}placed_at__lte": as_of})


def happened_until(as_of: datetime) -> Q:
    """This function will select the events up to `as_of`, likewise."""
    day = day_number(as_of, shop_zone())
    return Q(day__lte=day) if _is_over(day, as_of) else Q(occurred_at__lte=as_of)


def _is_over(day: int, as_of: datetime) -> bool:
    return start_of(day + 1, shop_zone()) - as_of <= datetime.resolution
