from __future__ import annotations

import pytest

from members.ingest.contracts import MemberItem, OrderItem
from members.ingest.reading import MOST_PROBLEMS, problems_in, read_items

ORDER = {"external_id": "o1", "member": "m1", "placed_at": "2026-01-01", "status": "paid", "total_minor": 100}
LINE = {"product": "tea", "quantity": 1, "unit_price_minor": 100}
REFUND = {"amount_minor": 1, "reason": "price", "at": "2026-01-01"}


def told(item: object, shape: type = OrderItem) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in problems_in(item, shape)]


class TestReadItems:
    def test_keeps_the_good_rows_and_names_the_bad_ones_by_index(self) -> None:
        read, rejected = read_items([{"external_id": "a"}, {"external_id": 5}, {"external_id": "c"}], MemberItem)
        assert [(index, item.external_id) for index, item in read] == [(0, "a"), (2, "c")]
        assert [(row.index, [error.path for error in row.errors]) for row in rejected] == [(1, ["external_id"])]

    def test_tells_at_most_so_many_problems_of_a_row(self) -> None:
        _, rejected = read_items([{f"key{place}": 1 for place in range(1000)}], MemberItem)
        assert len(rejected[0].errors) == MOST_PROBLEMS


class TestProblems:
    @pytest.mark.parametrize(
        ("change", "path", "code"),
        [
            ({"total_minor": "100"}, "total_minor", "wrong_type"),
            ({"total_minor": 1.5}, "total_minor", "wrong_type"),
            ({"total_minor": True}, "total_minor", "wrong_type"),
            ({"total_minor": None}, "total_minor", "wrong_type"),
            ({"total_minor": -1}, "total_minor", "out_of_range"),
            ({"total_minor": 10**12 + 1}, "total_minor", "out_of_range"),
            ({"discount_minor": 10**40}, "discount_minor", "out_of_range"),
            ({"status": "Payed"}, "status", "unknown_choice"),
            ({"status": "\ud800"}, "status", "not_text"),
            ({"\ud800": 1}, "\ufffd", "unknown_field"),
            ({"lines": {}}, "lines", "wrong_type"),
            ({"lines": [LINE, 7]}, "lines[1]", "wrong_type"),
            ({"lines": [LINE, {**LINE, "quantity": -2}]}, "lines[1].quantity", "out_of_range"),
            ({"lines": [{**LINE, "colour": "red"}]}, "lines[0].colour", "unknown_field"),
            ({"lines": [LINE] * 5_001}, "lines", "too_long"),
            (
                {"refunds": [{"amount_minor": 0, "reason": "price", "at": "2026-01-01"}]},
                "refunds[0].amount_minor",
                "out_of_range",
            ),
            ({"refunds": [{"amount_minor": 1, "reason": "bad", "at": "2026-01-01"}]}, "refunds[0].reason", "unknown_choice"),
            ({"refunds": [{"amount_minor": 1, "reason": "price"}]}, "refunds[0].at", "required"),
        ],
    )
    def test_of_an_order_are_told_with_path_and_code(self, change: dict[str, object], path: str, code: str) -> None:
        assert told({**ORDER, **change}) == [(path, code)]

    def test_are_told_all_at_once(self) -> None:
        assert told({"external_id": "o1", "totl_minor": 5, "status": "x"}) == [
            ("totl_minor", "unknown_field"),
            ("member", "required"),
            ("placed_at", "required"),
            ("status", "unknown_choice"),
            ("total_minor", "required"),
        ]

    @pytest.mark.parametrize("item", [None, 3, "o1", [], True])
    def test_of_what_is_no_object(self, item: object) -> None:
        assert told(item) == [("", "wrong_type")]

    def test_of_consents(self) -> None:
        assert told({"external_id": "a", "consents": {"emial": True}}, MemberItem) == [("consents.emial", "unknown_field")]
        assert told({"external_id": "a", "consents": {"sms": 1}}, MemberItem) == [("consents.sms", "wrong_type")]

    def test_suggest_the_nearest_key_and_the_nearest_choice(self) -> None:
        messages = [
            str(problem.message) for problem in problems_in({**ORDER, "stauts": "paid", "status": "Paid"}, OrderItem)
        ]
        assert messages == [
            'This key is not known. Did you mean "status"?',
            'This must be one of placed, paid, shipped, completed, cancelled. Did you mean "paid"?',
        ]

    def test_show_a_hostile_key_in_short_and_printable_form(self) -> None:
        (problem,) = problems_in({"external_id": "a", "x\ud800\x00" + "y" * 5_000: 1}, MemberItem)
        assert problem.path.encode() == ("x\ufffd\ufffd" + "y" * 57 + "…").encode()
