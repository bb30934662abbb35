"""Bodies that are damaged, packed, ambiguous or out of all proportion: one clear problem each, and nothing half done."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from members.models import DirtyMark, Member, Order
from tests.rest import caller, paths_of

pytestmark = pytest.mark.django_db

ITEM = {"external_id": "a", "member": "m", "placed_at": "2026-01-01T00:00:00Z", "status": "paid", "total_minor": 1}


def with_value(name: str, value: str) -> bytes:
    """An order whose one value is written as it never would by a writer of JSON."""
    return json.dumps({**ITEM, name: "@"}).replace('"@"', value).encode()


@pytest.fixture(autouse=True)
def _nothing_is_written() -> Any:
    yield
    assert (Order.objects.count(), Member.objects.count(), DirtyMark.objects.count()) == (0, 0, 0)


class TestABodyThatCannotBeRead:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (with_value("total_minor", "NaN"), "unparsable"),
            (with_value("total_minor", "-Infinity"), "unparsable"),
            (with_value("total_minor", "1e400"), "unparsable"),
            (with_value("external_id", '"\\ud800"'), "unparsable"),
            (json.dumps({"items": [ITEM]}).encode()[:-5], "unparsable"),
            (gzip.compress(b"{}", mtime=0)[:9], "unparsable"),
            ("{}".encode("utf-16"), "unparsable"),
            (b'{"external_id": "a", "external_id": "b"}', "duplicate_key"),
            (b'{"x": {"\\u0061": 1, "a": "\\\\\\""}}', "duplicate_key"),
        ],
    )
    @pytest.mark.parametrize("address", ["orders/", "orders/bulk/", "events/"])
    def test_is_400_and_says_why(self, address: str, body: bytes, code: str) -> None:
        refused = caller().post(address, body)
        assert (refused.status_code, refused.json()["code"]) == (400, code)
        assert refused.json()["detail"].startswith(("The body is not JSON: ", "The key “"))

    def test_names_the_key_that_stands_twice(self) -> None:
        refused = caller().post("orders/", b'{"status": "paid", "status": "cancelled"}')
        assert refused.json()["detail"] == "The key “status” stands twice in one object."

    @pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
    def test_because_it_is_packed_is_415(self, encoding: str) -> None:
        refused = caller().post("orders/", gzip.compress(b"{}", mtime=0), headers={"content-encoding": encoding})
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_encoding")

    @pytest.mark.parametrize("length", [2 * 1024**3, 33 * 1024**2])
    def test_of_two_gigabytes_is_413_before_it_is_read(self, length: int) -> None:
        refused = caller().post("orders/bulk/", b"{}", CONTENT_LENGTH=str(length))
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


class TestValuesThatCannotBeMeant:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("total_minor", "1" + "0" * 30),
            ("total_minor", "1.5"),
            ("total_minor", "-1"),
            ("total_minor", "true"),
            ("total_minor", "null"),
            ("external_id", "null"),
            ("external_id", '"a\\u0000"'),
            ("external_id", '" "'),
            ("external_id", "7"),
            ("placed_at", '"0000-00-00"'),
            ("placed_at", "1767225600"),
        ],
    )
    def test_are_422_and_named(self, name: str, value: str) -> None:
        refused = caller().post("orders/", with_value(name, value))
        assert (refused.status_code, paths_of(refused)) == (422, [name])

    def test_in_bulk_are_named_with_their_place(self) -> None:
        answer = caller().post("orders/bulk/", {"items": [None, {**ITEM, "total_minor": None}, [], 7]})
        assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
        assert [each["index"] for each in answer.json()["rejected"]] == [0, 1, 2, 3]


class TestTextsOfAnyKind:
    @pytest.mark.parametrize("text", ['a"b', "a\\", '\\"', "茶", "\u2028", "", "\\u0022", '"' * 99])
    def test_are_told_from_keys_that_stand_twice(self, text: str) -> None:
        refused = caller().post("orders/", {"remark": text, text: text})
        assert refused.status_code == 422
