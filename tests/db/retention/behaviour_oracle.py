"""What rules on behaviour and attributes mean, in plain Python over rows read as dicts: no code of rules/ or features."""

from __future__ import annotations

import datetime
from typing import Any

from campaigns.models import Coupon, Enrolment
from core.conf import shop_zone
from members.models import BehaviourEvent, Member, Order, OrderLine, Refund
from tests.db.rules.oracle import COMPARISONS, Oracle

Row = dict[str, Any]
LINE_FIELDS = {"category", "product", "sku"}
ORDER_COLUMNS = {"amount_minor": "revenue", "hour": "placed_hour"}


class BehaviourOracle(Oracle):
    """`as_of` is an instant; nothing later is known."""

    def __init__(self, as_of: datetime.datetime) -> None:
        super().__init__(as_of=as_of.astimezone(shop_zone()).date())
        self.instant = as_of
        lines: dict[int, list[Row]] = {}
        for line in OrderLine.objects.values(
            "order_id", "sku", "quantity", "amount_minor", "product__code", "product__category__name"
        ):
            lines.setdefault(line["order_id"], []).append(
                {**line, "product": line["product__code"], "category": line["product__category__name"]}
            )
        refunds: dict[int, int] = {}
        for refund in Refund.objects.values("order_id", "amount_minor", "refunded_at"):
            known = refund["amount_minor"] if refund["refunded_at"] <= as_of else 0
            refunds[refund["order_id"]] = refunds.get(refund["order_id"], 0) + known
        self.deeds: dict[tuple[int, str], list[Row]] = {}
        for order in Order.objects.values("shop__slug", *(field.attname for field in Order._meta.concrete_fields)):
            order |= {"at": order["placed_at"], "shop": order["shop__slug"], "lines": lines.get(order["id"], [])}
            order["refunded_minor"] = refunds.get(order["id"], 0)
            order["revenue"] = order["total_minor"] - order["refunded_minor"]
            for name, moment in (("shipping_days", "shipped_at"), ("delivery_days", "delivered_at")):
                order[name] = order[moment] and (self.date_of(order[moment]) - self.date_of(order["placed_at"])).days
            if order["status"] != "cancelled":
                self.deeds.setdefault((order["member_id"], "order"), []).append(order)
        for refund in (
            Refund.objects.filter(refunded_at__lte=as_of).exclude(order__status="cancelled").select_related("order")
        ):
            told = {"at": refund.order.placed_at, "reason": refund.reason, "amount_minor": refund.amount_minor}
            told["shop"] = refund.order.shop.slug
            self.deeds.setdefault((refund.order.member_id, "refund"), []).append(told)
        for event in BehaviourEvent.objects.values("product__code", "product__category__name", *EVENT_COLUMNS):
            event |= {"at": event["occurred_at"], "product": event["product__code"]}
            event["category"] = event["category"] or event["product__category__name"]
            event |= {name: event["properties"].get(name) for name in ("channel", "campaign", "template")}
            self.deeds.setdefault((event["member_id"], event["kind"]), []).append(event)
        gave = dict(Enrolment.objects.values_list("pk", "campaign__slug"))
        for coupon in Coupon.objects.values("member_id", "template__slug", "enrolment_id", "issued_at"):
            told = {"at": coupon["issued_at"], "template": coupon["template__slug"]}
            told["campaign"] = gave.get(coupon["enrolment_id"])
            self.deeds.setdefault((coupon["member_id"], "coupon_issued"), []).append(told)

    def leaf(self, rule: Row, row: Row) -> bool | None:
        if "did" in rule:
            return self.did(rule, row["id"])
        if rule["field"].startswith("attributes."):
            return self.attribute(rule, row)
        if rule["field"] in CONTACTS:
            row = {**row, rule["field"]: CONTACTS[rule["field"]](self, row["id"])}
        answer: bool | None = super().leaf(rule, row)
        return answer

    def did(self, rule: Row, member_id: int) -> bool:
        done = [deed for deed in self.deeds.get((member_id, rule["did"]), []) if self.in_window(rule, deed)]
        where = {name: asked if isinstance(asked, dict) else plain(asked) for name, asked in rule.get("where", {}).items()}
        whole = {name: asked for name, asked in where.items() if rule["did"] != "order" or name not in LINE_FIELDS}
        parts = {name: asked for name, asked in where.items() if name not in whole}
        done = [deed for deed in done if meets(deed, whole, rule["did"])]
        if parts:
            done = [deed for deed in done if any(meets(line, parts) for line in deed["lines"])]
        if "sum" not in rule:
            days = {self.day_of(deed) for deed in done}
            return compare(rule["operator"], len(days) if rule.get("distinct_days") else len(done), rule["times"])
        return compare(rule["operator"], self.added_up(rule, done, parts), rule["value"])

    def added_up(self, rule: Row, done: list[Row], parts: Row) -> Any:
        name = rule["sum"]
        if rule["did"] == "order" and name in {"lines_minor", "quantity"}:
            column = "amount_minor" if name == "lines_minor" else name
            return sum(line[column] for deed in done for line in deed["lines"] if meets(line, parts))
        column = ORDER_COLUMNS.get(name, name) if rule["did"] == "order" else name
        return sum(deed[column] for deed in done if deed[column] is not None)

    def in_window(self, rule: Row, deed: Row) -> bool:
        if deed["at"] > self.instant:
            return False
        ago = (self.as_of - self.day_of(deed)).days
        if "within_days" in rule:
            return 0 <= ago < rule["within_days"]
        if "between_days_ago" in rule:
            return min(rule["between_days_ago"]) <= ago <= max(rule["between_days_ago"])
        return "since" not in rule or self.day_of(deed).isoformat() >= rule["since"]

    def day_of(self, deed: Row) -> datetime.date:
        return self.date_of(deed["at"])

    def date_of(self, moment: datetime.datetime) -> datetime.date:
        return moment.astimezone(shop_zone()).date()

    def days_of(self, kind: str, member_id: int, within: int | None = None) -> list[datetime.date]:
        known = [deed for deed in self.deeds.get((member_id, kind), []) if self.in_window({}, deed)]
        days = [self.day_of(deed) for deed in known]
        return [day for day in days if within is None or (self.as_of - day).days < within]

    def attribute(self, rule: Row, row: Row) -> bool | None:
        name = rule["field"].removeprefix("attributes.")
        has = row["attributes"].get(name)
        fits = {
            "text": isinstance(has, str) and has != "",
            "number": isinstance(has, int | float) and not isinstance(has, bool),
            "boolean": isinstance(has, bool),
            "date": is_date(has),
        }[row["types"][name]]
        has = has if fits else None
        if row["types"][name] == "date" and has is not None:
            has = datetime.date.fromisoformat(has)
        if row["types"][name] == "number" and has is not None:
            has = float(has)  # jsonb gives 1e308 back as a whole number of 309 digits
        answer: bool | None = Oracle.leaf(self, {**rule, "field": "it"}, {"it": has})
        return answer


EVENT_COLUMNS = (
    *("member_id", "kind", "occurred_at", "category", "keyword", "rating", "topic", "page"),
    *("dwell_seconds", "response_seconds", "value", "properties"),
)
CONTACTS: dict[str, Any] = {
    "last_contacted_at": lambda oracle, member: max(oracle.days_of("message_sent", member), default=None),
    "messages_30d": lambda oracle, member: len(oracle.days_of("message_sent", member, 30)),
    "coupons_redeemed_90d": lambda oracle, member: len(oracle.days_of("coupon_redeemed", member, 90)),
}
"""Fields that are counts of what the product did."""


def plain(asked: Any) -> Row:
    return {"operator": "in" if isinstance(asked, list) else "=", "value": asked}


def meets(deed: Row, where: Row, kind: str = "") -> bool:
    for name, asked in where.items():
        has = deed[ORDER_COLUMNS.get(name, name) if kind == "order" else name]
        has = None if has == "" else has
        if asked["operator"] == "is_null":
            holds = has is None
        elif asked["operator"] == "is_not_null":
            holds = has is not None
        else:
            holds = has is not None and COMPARISONS[asked["operator"]](has, asked["value"])
        if not holds:
            return False
    return True


def compare(operator: str, has: Any, asked: Any) -> bool:
    return bool(COMPARISONS[operator](has, asked))


def is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def attribute_rows(types: dict[str, str]) -> list[Row]:
    """This function will give every member's attributes beside the types they are declared as."""
    members = Member.objects.values("id", "attributes", "city")
    return [{**row, "city": row["city"] or None, "types": types} for row in members]
