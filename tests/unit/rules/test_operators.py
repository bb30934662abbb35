import pytest

from rules.fields import Field, FieldType
from rules.operators import OPERATORS, OnMissing, Shape, operators_for
from tests.unit.rules.catalogue import catalogue

ALWAYS = ["=", "!="]
ORDER = ["<", "<=", ">", ">=", "between"]
LISTS = ["in", "not_in"]
MISSING = ["is_null", "is_not_null"]
WINDOWS = ["before", "after", "within_last_days", "within_next_days"]

LEGAL = {
    "city": [*ALWAYS, *LISTS, "contains", "starts_with", *MISSING],
    "order_count": [*ALWAYS, *ORDER, *LISTS, *MISSING],
    "overdue_ratio": [*ALWAYS, *ORDER, *MISSING],
    "revenue_minor": [*ALWAYS, *ORDER, *MISSING],
    "refund_rate": [*ALWAYS, *ORDER, *MISSING],
    "last_order_at": [*ALWAYS, *ORDER, *MISSING, *WINDOWS],
    "birth_date": [*ALWAYS, *ORDER, *MISSING, *WINDOWS, "is_anniversary_within_days"],
    "subscribed": [*ALWAYS, *MISSING],
    "gender": [*ALWAYS, *LISTS, *MISSING],
    "tags": ["has_tag"],
}


class TestOperatorsFor:
    @pytest.mark.parametrize("name", LEGAL)
    def test_gives_what_the_type_takes(self, name):
        assert [row.code for row in operators_for(catalogue()[name])] == LEGAL[name]

    def test_covers_every_type(self):
        assert {catalogue()[name].type for name in LEGAL} == set(FieldType)

    def test_offers_anniversaries_only_where_month_and_day_are_stored(self):
        plain = Field(name="d", type=FieldType.DATE, label="D")
        assert "is_anniversary_within_days" not in [row.code for row in operators_for(plain)]


class TestOperators:
    def test_are_those_of_the_contract(self):
        assert list(OPERATORS) == [
            *ALWAYS, *ORDER, *LISTS, "contains", "starts_with", *MISSING, "has_tag", *WINDOWS,
            "is_anniversary_within_days",
        ]  # fmt: skip

    def test_leave_a_missing_value_unknown_but_for_three(self):
        answered = {code: row.on_missing for code, row in OPERATORS.items() if row.on_missing is not OnMissing.UNKNOWN}
        assert answered == {
            "is_null": OnMissing.ANSWERED, "is_not_null": OnMissing.ANSWERED, "has_tag": OnMissing.FALSE,
        }  # fmt: skip

    def test_limit_windows_of_days(self):
        longest = {code: row.most_days for code, row in OPERATORS.items() if row.shape is Shape.DAYS}
        assert longest == {
            "within_last_days": 3660, "within_next_days": 3660, "is_anniversary_within_days": 366,
        }  # fmt: skip
