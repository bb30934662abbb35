"""Rules in few words, and the day they are asked on."""

import datetime

TODAY = datetime.date(2026, 5, 10)


LEAP_DAYS = ["feb28", "mar1"]


def leaf(field, operator, *value):
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


def denied(*rules, combinator="and"):
    return {"combinator": combinator, "not": True, "rules": list(rules)}
