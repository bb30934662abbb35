"""Calls of every address: mostly almost right, so that they come far, sometimes anything at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import URLPattern, get_resolver
from hypothesis import strategies as st

from core.api.views import PAGE_PARAMETERS, ApiView

# What stands in the paths, and what each is called in the shop of the test.
NAMES = {"members": ["m1"], "orders": ["default", "o1"], "segments": ["everyone"], "campaigns": ["back"]}
NAMES |= {
    "coupon-templates": ["ten"],
    "coupons": ["TEN10"],
    "jobs": ["1"],
    "imports": ["1"],
    "reports": ["churn"],
    "rewards": ["five"],
}
NASTY = [
    "\0", "\n", " ", ".", "..", "/", "%", "?", "#", "é", "茶", "\U0001f600", "x" * 10_000, "'", "\\", "-1", "null", "\u202e",
]  # fmt: skip
WORDS = [
    "m1", "everyone", "ten", "back", "manual", "date", "schedule", "segment_entered", "issue_coupon", "send_message", "sms",
    "email", "fixed", "percent_off", "gift", "and", "or", ">=", "=", "between", "in", "is_null", "order_count", "tags",
    "revenue_minor", "last_order_at", "birth_date", "lifecycle_stage", "2026-02-29", "--02-29", "2026-03-01", "paid", "true",
    "2026-03-01T00:00:00+08:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "quality", "female", "{{ a }}",
]  # fmt: skip
RULE = {"combinator": "and", "rules": [{"field": "city", "operator": "in", "value": ["a"]}, {"in_segment": "everyone"}]}
MEMBER = {
    "external_id": "m1", "name": "a", "birth_date": "--02-29", "phone": "13800138000", "email": "a@example.com",
    "registered_at": "2025-01-01", "time_zone": "Asia/Shanghai", "tags": ["a"], "attributes": {"a": 1},
    "identifiers": [{"source": "a", "kind": "b", "value": "c"}], "consents": {"sms": True},
}  # fmt: skip
ORDER = {
    "external_id": "o1", "member": "m1", "placed_at": "2026-03-01T00:00:00+08:00", "status": "paid", "total_minor": 100,
    "lines": [{"product": "p", "sku": "s", "category": "c", "quantity": 1, "unit_price_minor": 100}], "remark": "r",
    "refunds": [{"amount_minor": 1, "reason": "quality", "at": "2026-03-02"}],
}  # fmt: skip
EVENT = {
    "id": "e1", "member": "m1", "kind": "review", "at": "2026-03-01T00:00:00+08:00", "session_id": "s", "rating": 5,
    "dwell_seconds": 1.5, "product": "p", "category": "c", "properties": {"a": 1}, "value": 1,
}  # fmt: skip
CAMPAIGN = {
    "slug": "back", "name": "C", "trigger": {"kind": "date", "field": "birth_date"}, "audience": RULE, "control_share": 0.1,
    "exclusion": {"field": "order_count", "operator": "<", "value": 1}, "re_entry": {"policy": "every", "days": 30},
    "steps": [
        {"kind": "issue_coupon", "template": "ten"},
        {"kind": "send_message", "channel": "email", "subject": "s", "body": "{{ member.name }}"},
    ],
    "starts_at": "2026-03-01T00:00:00+08:00", "ends_at": None, "attribution_days": 7,
}  # fmt: skip
TEMPLATE = {
    "slug": "ten", "name": "T", "benefit": {"kind": "percent_off", "percent_off": 15, "max_minor": 10}, "valid_days": 3,
    "minimum_minor": 1, "total_limit": 5, "per_member_limit": 1, "code": "X", "link": "http://a.example", "categories": [],
}  # fmt: skip
SEGMENT = {"slug": "everyone", "name": "S", "rule": RULE, "description": ""}
# The body that fits an address: the longest beginning that matches wins.
BODIES = {
    "members/": MEMBER,
    "members/bulk/": {"items": [MEMBER]},
    "orders/bulk/": {"items": [ORDER]},
    "events/bulk/": {"items": [EVENT]},
    "segments/": SEGMENT,
    "segments/preview/": {"rule": RULE, "as_of": "2027-01-01T00:00:00Z"},
    "campaigns/": CAMPAIGN,
    "coupon-templates/": TEMPLATE,
    "coupon-templates/<segment:slug>/issue/": {"member": "m1"},
    "coupons/": {"order": "o1", "member": "m1", "amount_minor": 100},
    "coupons/<segment:code>/roll-back/": {"order": "o1"},
}


@dataclass(frozen=True)
class Call:
    method: str
    route: str
    address: str
    body: bytes
    key: str | None


def _views() -> Iterator[tuple[str, type[ApiView]]]:
    def below(resolver: Any, prefix: str) -> Iterator[tuple[str, type[ApiView]]]:
        for each in resolver.url_patterns:
            path = prefix + str(each.pattern)
            if not isinstance(each, URLPattern):
                yield from below(each, path)
            elif issubclass(getattr(each.callback, "cls", object), ApiView):
                yield path.removeprefix("api/v1/"), each.callback.cls

    return below(get_resolver(), "")


# From the addresses themselves: a new one is tried without anybody's doing.
OPERATIONS = sorted(((method, route, view) for route, view in _views() for method in view.scopes), key=lambda each: each[:2])

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
odd = st.one_of(st.sampled_from(NASTY), st.sampled_from(WORDS), text)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([0, -1, 2**31, 2**63, 10**30]), st.floats(), odd
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(list(MEMBER)) | text, inner, max_size=4),
    max_leaves=15,
)


def _places(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [here, *(place for key, value in inner for place in _places(value, (*here, key)))]


def _changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copied = copy.copy(document)
    copied[place[0]] = _changed(document[place[0]], place[1:], value)
    return copied


def _fitting(route: str) -> Any:
    return BODIES[max((beginning for beginning in BODIES if route.startswith(beginning)), key=len, default="members/")]


@st.composite
def bodies(draw: st.DrawFn, route: str) -> bytes:
    """The body that fits, as it is or with one or two values of it replaced by anything; now and then anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=50) | documents.map(_json))
    document = _fitting(route)
    for _each in range(draw(st.integers(0, 2))):
        document = _changed(document, draw(st.sampled_from(_places(document))), draw(documents))
    return _json(document)


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


@st.composite
def calls(draw: st.DrawFn) -> Call:
    method, route, view = draw(st.sampled_from(OPERATIONS))
    parameters = sorted(PAGE_PARAMETERS if view.pagination_class else ())
    parameters += list(view.query_in().fields) if view.query_in else []
    asked = draw(st.dictionaries(st.sampled_from(parameters), odd, max_size=2)) if parameters else {}
    query = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
    known = iter(NAMES.get(route.partition("/")[0], []))
    first, *rest = route.split("<")
    path = first
    for part in rest:
        name = next(known)
        path += quote(draw(odd) if draw(st.integers(0, 4)) == 0 else name, safe="") + part.partition(">")[2]
    key = draw(st.none() | st.none() | text)
    return Call(method, route, f"/api/v1/{path}?{query}", draw(bodies(route)), key)
