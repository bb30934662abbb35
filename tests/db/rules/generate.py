"""Random rules and rows, seeded. Values are few, so that equal ones meet often; nulls are many."""

import datetime

CITIES = ["Wuhan", "wuhan", "WUHAN", "武汉", "武汉市", "100%", "a_b", "axb", "Wu%", "ünïcode", " ", "Wuhan "]
PIECES = ["Wu", "wu", "uhan", "武", "%", "_", "a_", "ü", "市", " ", "Wuhan", "b"]
NUMBERS = [-1, 0, 1, 2, 3, 5, 60, 2**62]
RATIOS = [0.0, 0.1, 0.2, 0.1 + 0.2, 1.0, 2.5, -1.5, 1e-9, 1e18]
SHARES = [0.0, 0.1, 0.25, 1 / 3, 1.0]
AS_OF = datetime.date(2026, 2, 26)
DATES = [AS_OF + datetime.timedelta(days=shift) for shift in (-400, -90, -89, -2, -1, 0, 1, 2, 6, 7, 400)]
BIRTHDAYS = [(1, 1), (2, 25), (2, 26), (2, 28), (2, 29), (3, 1), (3, 2), (12, 31)]
DAYS = [1, 2, 3, 4, 7, 90, 366]
TAGS = ["VIP", "vip", "tea", "100%", "none has it"]

POOLS = {
    "city": CITIES,
    "order_count": NUMBERS,
    "days_since": NUMBERS[:-1],
    "overdue_ratio": RATIOS,
    "revenue_minor": NUMBERS,
    "refund_rate": SHARES,
    "last_order_at": DATES,
    "birth_date": DATES,
    "subscribed": [True, False],
    "gender": ["female", "male", "other"],
    "level": [1, 2, 3],
}
ORDERED = ["<", "<=", ">", ">=", "between"]
MISSING = ["is_null", "is_not_null"]
OPERATORS = {
    "city": ["=", "!=", "in", "not_in", "contains", "starts_with", *MISSING],
    "order_count": ["=", "!=", *ORDERED, "in", "not_in", *MISSING],
    "days_since": ["=", "!=", *ORDERED, "in", "not_in", *MISSING],
    "overdue_ratio": ["=", "!=", *ORDERED, *MISSING],
    "revenue_minor": ["=", "!=", *ORDERED, *MISSING],
    "refund_rate": ["=", "!=", *ORDERED, *MISSING],
    "last_order_at": ["=", "!=", *ORDERED, *MISSING, "before", "after", "within_last_days", "within_next_days"],
    "birth_date": ["=", "before", "within_next_days", *["is_anniversary_within_days"] * 4, *MISSING],
    "subscribed": ["=", "!=", *MISSING],
    "gender": ["=", "!=", "in", "not_in", *MISSING],
    "level": ["=", "!=", "in", "not_in", *MISSING],
    "tags": ["has_tag"],
}


def random_row(random, member_id):
    row = {name: random.choice(pool) if random.random() < 0.7 else None for name, pool in POOLS.items()}
    row["id"] = member_id
    row["tags"] = {tag for tag in TAGS[:-1] if random.random() < 0.3}
    row["birth_date:month_day"] = random.choice(BIRTHDAYS) if random.random() < 0.7 else None
    return row


def random_rule(random, depth=3, segments=()):
    if depth and random.random() < 0.6:
        rules = [random_rule(random, depth - 1, segments) for _ in range(random.randint(1, 3))]
        denied = random.choice([{}, {"not": False}, {"not": True}])
        return {"combinator": random.choice(["and", "or"]), "rules": rules, **denied}
    if random.random() < 0.05:
        return {"everyone": True}
    if segments and random.random() < 0.3:
        return {"in_segment": random.choice(segments)}
    return random_leaf(random)


def random_leaf(random):
    name = random.choice(list(OPERATORS))
    operator = random.choice(OPERATORS[name])
    leaf = {"field": name, "operator": operator}
    if operator in MISSING:
        return leaf
    return {**leaf, "value": _value(random, name, operator)}


def _value(random, name, operator):
    if operator.endswith("_days"):
        return random.choice(DAYS)
    if operator == "has_tag":
        return random.choice(TAGS)
    if operator in ("contains", "starts_with"):
        return random.choice(PIECES)
    pool = POOLS[name]
    if operator == "between":
        return [_written(value) for value in sorted([random.choice(pool), random.choice(pool)])]
    if operator in ("in", "not_in"):
        return [_written(random.choice(pool)) for _ in range(random.randint(1, 4))]
    return _written(random.choice(pool))


def _written(value):
    return value.isoformat() if isinstance(value, datetime.date) else value
