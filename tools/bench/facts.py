"""Everybody's facts from all orders and events: ours against the best statement that one would write by hand.

By hand there are three ways to keep what was counted: into a fresh table that takes the old one's place, by an upsert over
every row, or not at all (the count alone, which is the limit of all three).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from tools.bench.database import AS_OF, SCALES, Scale, middle, run_sql, seeded, shop, spent
from tools.bench.figures import note

MOST_TIMES_BEST = 1.3
RUNS = 3


def run(size: str) -> list[str]:
    """This function will measure a first count and a full one again, and name the targets that were missed."""
    return list(_measure(size, SCALES[size]))


def _measure(size: str, scale: Scale) -> Iterator[str]:
    with seeded(scale):
        note("facts", "first count, by us", size=size, **spent(_count_all).rounded())
    with shop(scale):
        _demand_same()
        # In turns, because a machine is faster at one time than at another.
        rounds = [{name: spent(way) for name, way in WAYS.items()} for _ in range(RUNS)]
        everybody = spent(lambda: run_sql(upsert_everybody()))
    for name in WAYS:
        note("facts", name, size=size, **middle([each[name] for each in rounds]).rounded())
    note("facts", "by hand, upsert over every row", size=size, **everybody.rounded())
    times = {name: statistics.median(each[OURS].cpu / max(each[name].cpu, 0.01) for each in rounds) for name in WAYS}
    by_clock = statistics.median(each[OURS].seconds / each[LIMIT].seconds for each in rounds)
    note(
        "facts",
        OURS,
        size=size,
        times_limit=round(by_clock, 2),
        times_limit_cpu=round(times[LIMIT], 2),
        times_fresh_table_cpu=round(times[FRESH], 2),
    )
    if min(by_clock, times[LIMIT]) > MOST_TIMES_BEST:
        yield f"facts: a full count takes {by_clock:.2f} times the best SQL by hand (at most {MOST_TIMES_BEST})"


def _count_all() -> None:
    from django.db import connection, transaction

    from retention.services.facts import count_all

    with transaction.atomic():
        count_all(as_of=AS_OF, changed_at=AS_OF)
        connection.check_constraints()


def _into_fresh_table() -> None:
    """With its key, under another name; the renaming itself takes no time."""
    run_sql(f"CREATE TABLE fresh_facts AS {BY_HAND}")
    run_sql("ALTER TABLE fresh_facts ADD PRIMARY KEY (member_id)")
    run_sql("DROP TABLE fresh_facts")


def upsert_everybody() -> str:
    """This function will write the statement that most engines run every night."""
    from retention.services.facts import COLUMNS

    names = ["member_id", *COLUMNS, "windows_day"]
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names[1:])
    return (
        f"INSERT INTO retention_memberfacts ({', '.join(names)}) SELECT {', '.join(names)} FROM ({BY_HAND}) AS counted"
        f" ON CONFLICT (member_id) DO UPDATE SET {changes}"
    )


def _demand_same() -> None:
    """A comparison counts only where both count the same."""
    from django.db import connection

    from retention.services.facts import COLUMNS

    names = ", ".join(["member_id", *COLUMNS])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM (SELECT {names} FROM ({BY_HAND}) AS counted"
            f" EXCEPT SELECT {names} FROM retention_memberfacts) AS differing"
        )
        (differing,) = cursor.fetchone()
    if differing:
        raise RuntimeError(f"the statement by hand counts {differing} members otherwise than we do")


OURS, LIMIT, FRESH = "full again, by us", "by hand, counted only (the limit)", "by hand, into a fresh table"

LAST_DAY = 20_634
"""The shop day number of 2026-06-30."""

BY_HAND = f"""
SELECT member.id AS member_id,
    COALESCE(order_count, 0) AS order_count, COALESCE(order_days, 0) AS order_days,
    COALESCE(revenue_minor, 0) AS revenue_minor, COALESCE(total_minor, 0) AS total_minor,
    COALESCE(discount_minor, 0) AS discount_minor, COALESCE(coupon_order_count, 0) AS coupon_order_count,
    COALESCE(refund_count, 0) AS refund_count, COALESCE(refunded_order_count, 0) AS refunded_order_count,
    first_order_day, last_order_day, previous_order_day,
    COALESCE(order_count_30d, 0) AS order_count_30d, COALESCE(order_count_90d, 0) AS order_count_90d,
    COALESCE(order_count_180d, 0) AS order_count_180d, COALESCE(order_count_365d, 0) AS order_count_365d,
    COALESCE(revenue_minor_30d, 0) AS revenue_minor_30d, COALESCE(revenue_minor_90d, 0) AS revenue_minor_90d,
    COALESCE(revenue_minor_180d, 0) AS revenue_minor_180d, COALESCE(revenue_minor_365d, 0) AS revenue_minor_365d,
    preferred_hour, preferred_channel, favourite_category, last_visit_day, COALESCE(carts_left_30d, 0) AS carts_left_30d,
    COALESCE(complaint_count_90d, 0) AS complaint_count_90d, COALESCE(rating_count, 0) AS rating_count,
    COALESCE(rating_sum, 0) AS rating_sum, last_contacted_day, COALESCE(messages_30d, 0) AS messages_30d,
    COALESCE(coupons_redeemed_90d, 0) AS coupons_redeemed_90d, COALESCE(account.available, 0) AS points_balance,
    COALESCE(grown.value, 0) AS growth_value, {LAST_DAY} AS windows_day
FROM members_member AS member
LEFT JOIN members_pointsaccount AS account ON account.member_id = member.id
LEFT JOIN (
    SELECT member_id, SUM(value)::bigint AS value FROM members_growthentry WHERE day <= {LAST_DAY} GROUP BY member_id
) AS grown ON grown.member_id = member.id
LEFT JOIN (
    SELECT member_id, COUNT(*)::integer AS order_count, CARDINALITY(ARRAY_AGG(DISTINCT placed_day ORDER BY placed_day DESC))
        AS order_days, SUM(revenue_minor)::bigint AS revenue_minor, SUM(total_minor)::bigint AS total_minor,
        SUM(discount_minor)::bigint AS discount_minor,
        (COUNT(*) FILTER (WHERE coupon_code <> ''))::integer AS coupon_order_count,
        SUM(refund_count)::integer AS refund_count,
        (COUNT(*) FILTER (WHERE refund_count > 0))::integer AS refunded_order_count,
        MIN(placed_day) AS first_order_day, MAX(placed_day) AS last_order_day,
        (ARRAY_AGG(DISTINCT placed_day ORDER BY placed_day DESC))[2] AS previous_order_day,
        (COUNT(*) FILTER (WHERE placed_day > {LAST_DAY} - 30))::integer AS order_count_30d,
        (COUNT(*) FILTER (WHERE placed_day > {LAST_DAY} - 90))::integer AS order_count_90d,
        (COUNT(*) FILTER (WHERE placed_day > {LAST_DAY} - 180))::integer AS order_count_180d,
        (COUNT(*) FILTER (WHERE placed_day > {LAST_DAY} - 365))::integer AS order_count_365d,
        (SUM(revenue_minor) FILTER (WHERE placed_day > {LAST_DAY} - 30))::bigint AS revenue_minor_30d,
        (SUM(revenue_minor) FILTER (WHERE placed_day > {LAST_DAY} - 90))::bigint AS revenue_minor_90d,
        (SUM(revenue_minor) FILTER (WHERE placed_day > {LAST_DAY} - 180))::bigint AS revenue_minor_180d,
        (SUM(revenue_minor) FILTER (WHERE placed_day > {LAST_DAY} - 365))::bigint AS revenue_minor_365d,
        MODE() WITHIN GROUP (ORDER BY placed_hour) AS preferred_hour,
        MODE() WITHIN GROUP (ORDER BY NULLIF(channel, '')) AS preferred_channel
    FROM members_order WHERE status <> 'cancelled' AND placed_day <= {LAST_DAY} GROUP BY member_id
) AS ordered ON ordered.member_id = member.id
LEFT JOIN (
    SELECT member_id,
        MAX(day) FILTER (WHERE kind IN
            ('visit', 'view', 'search', 'favourite', 'cart_add', 'cart_remove', 'checkout')) AS last_visit_day,
        (COUNT(*) FILTER (WHERE kind = 'complaint' AND day > {LAST_DAY} - 90))::integer AS complaint_count_90d,
        MAX(day) FILTER (WHERE kind = 'message_sent') AS last_contacted_day,
        (COUNT(*) FILTER (WHERE kind = 'message_sent' AND day > {LAST_DAY} - 30))::integer AS messages_30d,
        (COUNT(*) FILTER (WHERE kind = 'coupon_redeemed' AND day > {LAST_DAY} - 90))::integer AS coupons_redeemed_90d,
        COUNT(rating)::integer AS rating_count, SUM(rating)::integer AS rating_sum
    FROM members_behaviourevent WHERE day <= {LAST_DAY} GROUP BY member_id
) AS did ON did.member_id = member.id
LEFT JOIN (
    SELECT member_id, COUNT(DISTINCT day)::integer AS carts_left_30d
    FROM members_behaviourevent AS filled
    WHERE kind = 'cart_add' AND day BETWEEN {LAST_DAY} - 29 AND {LAST_DAY}
        AND NOT EXISTS (SELECT 1 FROM members_behaviourevent AS other WHERE other.member_id = filled.member_id
            AND other.kind = 'checkout' AND other.day BETWEEN filled.day AND LEAST(filled.day + 1, {LAST_DAY}))
        AND NOT EXISTS (SELECT 1 FROM members_order AS placed WHERE placed.member_id = filled.member_id
            AND placed.status <> 'cancelled' AND placed.placed_day BETWEEN filled.day AND LEAST(filled.day + 1, {LAST_DAY}))
    GROUP BY member_id
) AS carts ON carts.member_id = member.id
LEFT JOIN (
    SELECT placed.member_id, MODE() WITHIN GROUP (ORDER BY category.name COLLATE "C") AS favourite_category
    FROM members_orderline AS line JOIN members_order AS placed ON placed.id = line.order_id
        JOIN members_product AS product ON product.id = line.product_id
        JOIN members_category AS category ON category.id = product.category_id
    WHERE placed.status <> 'cancelled' AND placed.placed_day <= {LAST_DAY} GROUP BY placed.member_id
) AS favoured ON favoured.member_id = member.id
"""

WAYS: dict[str, Callable[[], object]] = {
    LIMIT: lambda: run_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {BY_HAND}"),
    FRESH: _into_fresh_table,
    OURS: _count_all,
}
