from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from core.admin.clock import cadence
from core.admin.display import Mark, ago, badge, exact, masked_email, masked_phone, money, share
from core.admin.forms import MoneyField

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)


class TestAgo:
    @pytest.mark.parametrize(
        ("distance", "said"),
        [
            (timedelta(seconds=20), "just now"),
            (timedelta(minutes=1), "1 minute ago"),
            (timedelta(hours=3, minutes=50), "3 hours ago"),
            (timedelta(days=12), "12 days ago"),
            (timedelta(minutes=-5), "in 5 minutes"),
            (timedelta(days=-2), "in 2 days"),
        ],
    )
    def test_says_an_instant_as_people_do(self, distance: timedelta, said: str) -> None:
        assert ago(NOW - distance, now=NOW) == said

    def test_says_the_date_once_a_month_has_passed(self) -> None:
        assert ago(datetime(2026, 3, 1, 4, 0, tzinfo=UTC), now=NOW) == "March 1, 2026"

    def test_shows_the_zone_of_the_shop_on_hover(self) -> None:
        assert exact(NOW) == "2026-06-15 12:00:00 CST"


class TestMasking:
    def test_leaves_the_ends_of_a_phone_number(self) -> None:
        assert masked_phone("+8613812345678") == "+86138****5678"

    def test_hides_a_short_number_altogether(self) -> None:
        assert masked_phone("12345") == "****"

    def test_leaves_the_first_letter_and_the_host_of_an_address(self) -> None:
        assert masked_email("wang.fang@example.com") == "w***@example.com"

    def test_leaves_nothing_of_nothing(self) -> None:
        assert (masked_phone(""), masked_email("")) == ("", "")


class TestAmounts:
    def test_writes_money_with_symbol_and_separators(self) -> None:
        assert money(123456) == "¥1,234.56"

    def test_says_that_an_amount_is_not_known(self) -> None:
        assert "not known" in money(None)

    def test_gives_small_shares_one_decimal(self) -> None:
        assert (share(0.214), share(0.034), share(0.0)) == ("21%", "3.4%", "0%")

    def test_reads_yuan_as_minor_units(self) -> None:
        assert MoneyField(label="x").clean("12.30") == 1230

    def test_shows_minor_units_as_yuan(self) -> None:
        assert str(MoneyField(label="x").prepare_value(1230)) == "12.30"


class TestBadge:
    def test_is_a_word_with_a_colour_and_an_icon(self) -> None:
        assert badge(Mark("lost", "red", "heart_broken")) == (
            '<span class="rk-badge rk-red"><span class="material-symbols-outlined" aria-hidden="true">heart_broken</span>'
            "lost</span>"
        )

    def test_escapes_its_word(self) -> None:
        assert "<script>" not in badge(Mark("<script>", "red", "x"))


class TestCadence:
    def test_says_how_often_in_words(self) -> None:
        from datetime import time

        said = [
            cadence(every_seconds=5, daily_at=None, weekday=None),
            cadence(every_seconds=60, daily_at=None, weekday=None),
            cadence(every_seconds=7200, daily_at=None, weekday=None),
            cadence(every_seconds=None, daily_at=time(3), weekday=None),
            cadence(every_seconds=None, daily_at=time(4), weekday=0),
        ]
        with translation.override("en"):
            assert said == ["every 5 seconds", "every minute", "every 2 hours", "daily at 03:00", "on Monday at 04:00"]
