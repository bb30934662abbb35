from __future__ import annotations

from datetime import date

import pytest

from core.periods import day_of
from members.models import Member
from retention.scored import scored
from retention.scoring.parameters import Parameters
from retention.services.refresh import refresh
from tests.factories import NOW, TODAY_NUMBER, make_member

pytestmark = pytest.mark.django_db


def row(member: Member, *columns: str, on: int = TODAY_NUMBER) -> dict[str, object]:
    refresh(as_of=NOW)
    return scored(as_of_day=on, parameters=Parameters(), scope=member.pk).values(*columns).get()


class TestProfile:
    def test_takes_empty_text_as_missing(self) -> None:
        member = make_member(city="", province="Hubei")
        columns = ("gender", "city", "province", "source", "language")
        assert row(member, *columns) == {
            "gender": None,
            "city": None,
            "province": "Hubei",
            "source": None,
            "language": None,
        }

    @pytest.mark.parametrize(
        "born",
        ["1900-03-01", "1969-12-31", "1970-01-01", "1990-02-28", "1990-03-01", "1996-02-29", "2000-12-31", "2026-06-15"],
    )
    def test_knows_the_day_of_a_birth(self, born: str) -> None:
        on = date.fromisoformat(born)
        member = make_member(birth_year=on.year, birth_key=on.month * 100 + on.day)
        assert row(member, "birth_day") == {"birth_day": day_of(on)}

    def test_counts_29_february_of_a_common_year_as_1_march(self) -> None:
        assert row(make_member(birth_year=1990, birth_key=229), "birth_day") == {"birth_day": day_of(date(1990, 3, 1))}

    def test_knows_no_day_and_no_age_without_the_year(self) -> None:
        assert row(make_member(birth_key=615), "birth_day", "age", "birth_key") == {
            "birth_day": None,
            "age": None,
            "birth_key": 615,
        }

    @pytest.mark.parametrize(
        ("born", "on", "age"),
        [
            ((1990, 615), date(2026, 6, 14), 35),
            ((1990, 615), date(2026, 6, 15), 36),
            ((1996, 229), date(2026, 2, 27), 29),
            ((1996, 229), date(2026, 2, 28), 30),
            ((1996, 229), date(2028, 2, 28), 31),
            ((1996, 229), date(2028, 2, 29), 32),
            ((2030, 101), date(2026, 6, 15), 0),
        ],
    )
    def test_counts_whole_years(self, born: tuple[int, int], on: date, age: int) -> None:
        member = make_member(birth_year=born[0], birth_key=born[1])
        assert row(member, "age", on=day_of(on)) == {"age": age}


class TestScope:
    def test_limits_who_is_looked_at(self) -> None:
        first, second, third = (make_member() for _ in range(3))
        refresh(as_of=NOW)

        def ids(scope: object) -> list[int]:
            rows = scored(as_of_day=TODAY_NUMBER, parameters=Parameters(), scope=scope)
            return sorted(rows.values_list("member_id", flat=True))

        assert ids(None) == [first.pk, second.pk, third.pk]
        assert ids(second.pk) == [second.pk]
        assert ids([first.pk, third.pk]) == [first.pk, third.pk]
        assert ids([]) == []
        assert ids(Member.objects.filter(pk=third.pk).values("pk")) == [third.pk]
