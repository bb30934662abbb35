from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from members.ingest import normalise
from members.ingest.normalise import Refused, Surroundings

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
SHOP = Surroundings(now=NOW, zone=ZoneInfo("Asia/Shanghai"), currency="CNY")


def refusal(clean: object, *arguments: object) -> str:
    with pytest.raises(Refused) as caught:
        clean(*arguments)  # type: ignore[operator]
    return caught.value.code


class TestText:
    def test_is_trimmed(self) -> None:
        assert normalise.trimmed("  王五 \n", 200) == "王五"

    def test_with_nul_is_refused(self) -> None:
        assert refusal(normalise.trimmed, "a\x00b", 200) == "nul_character"

    def test_with_half_a_surrogate_pair_is_refused(self) -> None:
        assert refusal(normalise.trimmed, "a\ud800", 200) == "not_text"

    def test_is_measured_after_trimming(self) -> None:
        assert normalise.trimmed(" " + "x" * 200 + " ", 200) == "x" * 200
        assert refusal(normalise.trimmed, "x" * 201, 200) == "too_long"


class TestIdentity:
    def test_of_ten_thousand_characters_is_refused(self) -> None:
        assert refusal(normalise.identity, "x" * 10_000) == "too_long"

    @pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
    def test_is_never_blank(self, blank: str) -> None:
        assert refusal(normalise.identity, blank) == "required"


class TestInstant:
    @pytest.mark.parametrize(
        ("given", "utc"),
        [
            ("2026-01-31T10:00:00+08:00", datetime(2026, 1, 31, 2, 0, tzinfo=UTC)),
            ("2026-01-31T02:00:00Z", datetime(2026, 1, 31, 2, 0, tzinfo=UTC)),
            ("2026-01-31T10:00+0800", datetime(2026, 1, 31, 2, 0, tzinfo=UTC)),
            ("2026-01-31 10:00:00", datetime(2026, 1, 31, 2, 0, tzinfo=UTC)),
            ("2026-01-31", datetime(2026, 1, 30, 16, 0, tzinfo=UTC)),
            (" 2026-01-31T02:00:00.5Z ", datetime(2026, 1, 31, 2, 0, 0, 500_000, tzinfo=UTC)),
            (datetime(2026, 1, 31, 10, 0), datetime(2026, 1, 31, 2, 0, tzinfo=UTC)),
        ],
    )
    def test_without_offset_is_the_shops_wall_clock(self, given: object, utc: datetime) -> None:
        assert normalise.instant(given, SHOP) == utc
        assert normalise.instant(given, SHOP).tzinfo is UTC

    @pytest.mark.parametrize("given", ["", "yesterday", "2026-02-30", "31/01/2026", "2026-01-31T25:00:00Z"])
    def test_that_is_no_time_is_refused(self, given: str) -> None:
        assert refusal(normalise.instant, given, SHOP) == "invalid_time"

    @pytest.mark.parametrize("given", [5, True, 1.5, [], {}])
    def test_that_is_no_text_is_refused(self, given: object) -> None:
        assert refusal(normalise.instant, given, SHOP) == "wrong_type"

    def test_may_run_a_day_ahead_and_no_more(self) -> None:
        assert normalise.instant("2026-06-16T04:00:00Z", SHOP) == datetime(2026, 6, 16, 4, 0, tzinfo=UTC)
        assert refusal(normalise.instant, "2026-06-16T04:00:01Z", SHOP) == "in_the_future"

    @pytest.mark.parametrize("given", ["1989-12-31T23:59:59Z", "0001-01-01T00:00:00+23:00", "1970-01-01"])
    def test_before_1990_is_refused(self, given: str) -> None:
        assert refusal(normalise.instant, given, SHOP) == "too_old"

    def test_at_the_end_of_time_is_the_future(self) -> None:
        assert refusal(normalise.instant, "9999-12-31T23:59:59-23:00", SHOP) == "in_the_future"


class TestBirthday:
    @pytest.mark.parametrize(
        ("given", "year_and_key"),
        [
            ("1990-02-28", (1990, 228)),
            ("1990-02-29", (1990, 229)),
            ("--02-29", (None, 229)),
            ("1900-12-31", (1900, 1231)),
            ("2026-06-15", (2026, 615)),
            ("", (None, None)),
        ],
    )
    def test_is_a_year_or_none_and_month_times_hundred_plus_day(
        self, given: str, year_and_key: tuple[object, object]
    ) -> None:
        assert normalise.birthday(given, SHOP) == year_and_key

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ("1990-02-30", "invalid_date"),
            ("--13-01", "invalid_date"),
            ("1990-00-10", "invalid_date"),
            ("02-29", "invalid_date"),
            ("1990/02/28", "invalid_date"),
            ("١٩٩٠-02-28", "invalid_date"),
            ("1899-12-31", "too_old"),
            ("0000-01-01", "too_old"),
            ("2026-06-17", "in_the_future"),
            ("2990-01-01", "in_the_future"),
        ],
    )
    def test_that_never_was_is_refused(self, given: str, code: str) -> None:
        assert refusal(normalise.birthday, given, SHOP) == code


class TestPhone:
    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            ("13800138000", "+8613800138000"),
            (" 138-0013 8000 ", "+8613800138000"),
            ("+86 138 0013 8000", "+8613800138000"),
            ("0086 13800138000", "+8613800138000"),
            ("010-6552 9988", "+861065529988"),
            ("+852 2345 6789", "+85223456789"),
            ("", ""),
        ],
    )
    def test_is_stored_with_its_country(self, given: str, stored: str) -> None:
        assert normalise.phone(given, SHOP) == stored

    @pytest.mark.parametrize("given", ["12345", "138****8000", "call me", "+", "1" * 60])
    def test_that_nobody_can_ring_is_refused(self, given: str) -> None:
        assert refusal(normalise.phone, given, SHOP) == "invalid_phone"


class TestEmail:
    def test_is_one_text_for_one_mailbox(self) -> None:
        assert normalise.email(" Wang.Wu@Example.COM ", SHOP) == "wang.wu@example.com"

    @pytest.mark.parametrize("given", ["wang", "wang@", "@example.com", "a b@example.com"])
    def test_that_is_no_address_is_refused(self, given: str) -> None:
        assert refusal(normalise.email, given, SHOP) == "invalid_email"


class TestNamesFromAList:
    def test_time_zones_are_known_by_name(self) -> None:
        assert normalise.time_zone("Asia/Urumqi", SHOP) == "Asia/Urumqi"
        assert refusal(normalise.time_zone, "Beijing", SHOP) == "unknown_choice"

    def test_languages_are_written_in_one_way(self) -> None:
        assert normalise.language("zh_Hans", SHOP) == "zh-hans"
        assert refusal(normalise.language, "Chinese", SHOP) == "unknown_choice"

    def test_foreign_currency_is_refused(self) -> None:
        assert normalise.currency("cny", SHOP) == "CNY"
        assert refusal(normalise.currency, "USD", SHOP) == "foreign_currency"


class TestAttributes:
    @pytest.mark.parametrize("value", ["green", 7, 1.5, True, None])
    def test_are_plain_values_under_a_name(self, value: object) -> None:
        assert normalise.attribute(" tea ", value) == ("tea", value)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1])
    def test_that_cannot_be_stored_alike_everywhere_are_refused(self, value: object) -> None:
        assert refusal(normalise.attribute, "tea", value) == "out_of_range"

    def test_need_a_name(self) -> None:
        assert refusal(normalise.attribute, " ", 1) == "required"
