from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.safe_csv import safe_cell
from members.ingest.connectors import values
from members.ingest.normalise import Refused

SHANGHAI = timezone(timedelta(hours=8))


def refusal(read: object, *arguments: object) -> str:
    with pytest.raises(Refused) as caught:
        read(*arguments)  # type: ignore[operator]
    return caught.value.code


class TestContent:
    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ('="1930679858170647"', "1930679858170647"),
            ("'18600000000", "18600000000"),
            ("'186****0000", "186****0000"),
            ("\t1930679858170647\t", "1930679858170647"),
            ("\ufeff订单编号", "订单编号"),
            ("'tis a remark", "'tis a remark"),
            ('=""', ""),
            ("", ""),
        ],
    )
    def test_is_what_the_cell_says(self, cell: str, said: str) -> None:
        assert values.content(cell) == said

    @given(st.text(max_size=40))
    def test_comes_back_from_a_safe_cell(self, text: str) -> None:
        kept = text.strip().strip("\ufeff")
        if values.content(kept) == kept:  # what is not wrapped already
            assert values.content(safe_cell(kept)) == kept

    @pytest.mark.parametrize("cell", ["=1+1", "=SUM(A1:A9)", '=HYPERLINK("http://x","y")', ' ="a"&B1'])
    def test_of_a_formula_is_known_as_one(self, cell: str) -> None:
        assert values.is_formula(cell)

    @pytest.mark.parametrize("cell", ['="1930679858170647"', "'=1+1", "1=1", ""])
    def test_that_only_looks_like_a_formula_is_none(self, cell: str) -> None:
        assert not values.is_formula(cell)


class TestIdentity:
    @pytest.mark.parametrize("text", ["1930679858170647", "A-1", "#1001", "E10", "1e"])
    def test_is_taken_as_written(self, text: str) -> None:
        assert values.identity(text) == text

    def test_loses_the_decimals_a_program_gave_it(self) -> None:
        assert values.identity("1001.0") == "1001"

    @pytest.mark.parametrize("text", ["1.93068E+15", "1.93067985817064E+15", "2E+18", "1,93068E+15", "1930679858170647.0"])
    def test_that_a_spreadsheet_shortened_is_refused(self, text: str) -> None:
        assert refusal(values.identity, text) == "digits_lost"


class TestAmount:
    @pytest.mark.parametrize(
        ("text", "minor"),
        [
            ("598", 59800),
            ("598.00元", 59800),
            ("¥1,234.50", 123450),
            ("￥12.5", 1250),
            ("0元", 0),
            ("1.234,56 €", 123456),
            ("12,50", 1250),
            ("12,345", 1234500),
            ("12.340", 1234),
            ("-5.00", -500),
            (".5", 50),
            ("CNY 7", 700),
        ],
    )
    def test_is_read_as_people_write_it(self, text: str, minor: int) -> None:
        assert values.amount(text, "CNY") == minor

    def test_of_a_currency_without_cents_has_none(self) -> None:
        assert values.amount("1,200", "JPY") == 1200
        assert refusal(values.amount, "12.50", "JPY") == "too_many_decimals"

    def test_with_more_decimals_than_the_currency_is_refused(self) -> None:
        assert refusal(values.amount, "1.234", "CNY") == "too_many_decimals"

    @pytest.mark.parametrize("text", ["", "free", "1,2,3", "1.2.3", "1e5", "NaN", "Infinity", "九十", "9" * 50, "12 or 13"])
    def test_that_is_none_is_refused(self, text: str) -> None:
        assert refusal(values.amount, text, "CNY") == "invalid_amount"

    @given(st.integers(min_value=0, max_value=10**12))
    def test_survives_being_written(self, minor: int) -> None:
        assert values.amount(f"¥{minor // 100:,}.{minor % 100:02d}", "CNY") == minor


class TestPoints:
    @pytest.mark.parametrize(("text", "points"), [("50", 50), ("1,200", 1200), ("50点", 50), ("0.50元", 50), ("0.50", 50)])
    def test_are_counted_or_what_their_money_is_worth(self, text: str, points: int) -> None:
        assert values.points(text) == points

    def test_are_whole(self) -> None:
        assert refusal(values.count, "1.5") == "invalid_number"


class TestMoment:
    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2016-05-23 22:02:31", datetime(2016, 5, 23, 22, 2, 31)),
            ("2016/5/23 22:02", datetime(2016, 5, 23, 22, 2)),
            ("2016/5/23", datetime(2016, 5, 23)),
            ("2016.5.3", datetime(2016, 5, 3)),
            ("2016年5月23日 22:02", datetime(2016, 5, 23, 22, 2)),
            ("2016年5月23日", datetime(2016, 5, 23)),
            ("2016-05-23T22:02:31", datetime(2016, 5, 23, 22, 2, 31)),
            ("2023-01-05 10:00:00 +0800", datetime(2023, 1, 5, 10, tzinfo=SHANGHAI)),
            ("2023-01-05T10:00:00+08:00", datetime(2023, 1, 5, 10, tzinfo=SHANGHAI)),
            ("42513", datetime(2016, 5, 23)),
            ("42513.9184143519", datetime(2016, 5, 23, 22, 2, 31)),
        ],
    )
    def test_is_read_in_all_written_forms(self, text: str, at: datetime) -> None:
        assert values.moment(text) == at
        assert values.moment(text).tzinfo == at.tzinfo or at.tzinfo is not None

    def test_with_the_year_last_needs_to_be_told_the_order(self) -> None:
        assert refusal(values.moment, "05/06/2016") == "ambiguous_date"
        assert values.moment("05/06/2016", "dmy") == datetime(2016, 6, 5)
        assert values.moment("05/06/2016 10:30", "mdy") == datetime(2016, 5, 6, 10, 30)

    @pytest.mark.parametrize("text", ["yesterday", "2016-13-01", "2016-02-30", "2016-05-23 25:00", "22:02", "1", "123456"])
    def test_that_is_none_is_refused(self, text: str) -> None:
        assert refusal(values.moment, text) == "invalid_time"

    def test_sorts_by_the_instant(self) -> None:
        assert values.sortable(datetime(2023, 1, 5, 10, tzinfo=SHANGHAI)) == "2023-01-05T02:00:00"
        assert values.sortable(datetime(2023, 1, 5)) < values.sortable(datetime(2023, 1, 5, 0, 0, 1))


class TestPlace:
    @pytest.mark.parametrize(
        ("address", "place"),
        [
            ("吉林省 通化市 柳河县 某某镇某街(135300)", ("吉林省", "通化市")),
            ("吉林省通化市柳河县", ("吉林省", "通化市")),
            ("上海 上海市 浦东新区 某路", ("上海", "上海市")),
            ("北京市朝阳区某街", ("北京市", "北京市")),
            ("浙江 杭州 西湖区", ("浙江", "杭州")),
            ("湖北省恩施土家族苗族自治州恩施市", ("湖北省", "恩施土家族苗族自治州")),
            ("广西壮族自治区 南宁市 某路", ("广西壮族自治区", "南宁市")),
            ("浙江省 **市 ****", ("浙江省", "")),
            ("***", ("", "")),
            ("1 Main Street, Springfield", ("", "")),
            ("", ("", "")),
        ],
    )
    def test_is_province_and_city_and_nothing_finer(self, address: str, place: tuple[str, str]) -> None:
        assert values.place(address) == place
