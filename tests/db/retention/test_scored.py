from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from core.periods import day_of
from members.models import Member
from retention.scored import Scored, scored
from retention.scoring.parameters import BgNbd, Churn, CutPoints, Parameters, ValueCuts
from retention.services.refresh import refresh
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order

pytestmark = pytest.mark.django_db

PUBLISHED = Parameters(
    median_gap_days=20.0,
    cut_points=CutPoints((5.0, 20.0, 80.0, 200.0), (1.0, 2.0, 3.0, 4.0), (100.0, 1_000.0, 10_000.0, 100_000.0)),
    bg_nbd=BgNbd(r=0.24, alpha=4.4, a=0.8, b=2.4),
    churn=Churn(90, 0.1, (0.5, -0.4, 0.1, -0.2, 0.3), (1.0,) * 5, True, (0.3, 0.7)),
    value_cuts=ValueCuts(1_000.0, 50_000.0),
)


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


class TestWhatIsRead:
    @pytest.fixture
    def shop(self) -> Parameters:
        """Members in several stages, and every kind of parameter."""
        for ago in (1, 40, 300):
            member = make_member(city="Wuhan", birth_year=1990, birth_key=229)
            for place in range(3):
                make_order(member, placed_at=NOW - timedelta(days=ago + 20 * place), total_minor=900 * ago)
        make_member()
        refresh(as_of=NOW)
        return PUBLISHED

    def test_is_what_it_is_among_all(self, shop: Parameters) -> None:
        asked: dict[str, Any] = {"as_of_day": TODAY_NUMBER, "parameters": shop}
        names = [each.name for each in Scored._meta.concrete_fields if each.name != "churn_reason"]
        everything = scored(**asked).order_by("member_id").values_list(*names)
        alone = [scored(**asked, reads=[name]).order_by("member_id").values_list(name, flat=True) for name in names]
        assert [*zip(*alone, strict=True)] == list(everything)

    def test_alone_is_written(self, shop: Parameters) -> None:
        asked: dict[str, Any] = {"as_of_day": TODAY_NUMBER, "parameters": shop}
        few = str(scored(**asked, reads=["lifecycle_stage"]).values("lifecycle_stage").query)
        assert ("rhythm_days" in few, "TANH" in few, "city" in few) == (True, False, False)
        assert "TANH" in str(scored(**asked).values("lifecycle_stage").query)
