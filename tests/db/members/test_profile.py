"""The customer archive: what may be told of a member beyond name and address."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from core.errors import InvalidInput
from members.ingest import ingest_members
from members.models import AttributeDefinition, BirthdayPolicy, Member
from members.services.attributes import declare_attribute
from members.services.identity import merge_members, undo_merge
from retention.selectors.matching import matching
from retention.services.refresh import refresh
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


def ingest(*items: dict[str, Any]) -> Any:
    return ingest_members(items, now=NOW, proof="stated by Shop")


def referrers() -> dict[str, str]:
    return dict(Member.objects.exclude(referrer="").values_list("external_id", "referrer"))


class TestAnArchive:
    def test_is_kept_as_told_and_cleared_by_null(self) -> None:
        ingest({"external_id": "a", "occupation": " nurse ", "family": "two children", "hobbies": ["tea", "runs", "tea"]})
        member = Member.objects.get()
        assert (member.occupation, member.family, member.hobbies) == ("nurse", "two children", "tea|runs")
        ingest({"external_id": "a", "occupation": None, "hobbies": None})
        member.refresh_from_db()
        assert (member.occupation, member.family, member.hobbies) == ("", "two children", "")

    @pytest.mark.parametrize(
        ("told", "path", "code"),
        [
            ({"birth_calendar": "lunar"}, "birth_calendar", "birth_date_missing"),
            ({"birth_calendar": "moon", "birth_date": "--01-01"}, "birth_calendar", "unknown_choice"),
            ({"birth_date": "--02-30"}, "birth_date", "invalid_date"),
            ({"birth_date": "--13-01", "birth_calendar": "lunar"}, "birth_date", "invalid_date"),
            ({"birth_date": "--01-31", "birth_calendar": "lunar"}, "birth_date", "invalid_date"),
            ({"hobbies": ["a|b"]}, "hobbies", "invalid"),
            ({"hobbies": ["x" * 61]}, "hobbies", "too_long"),
            ({"hobbies": "tea"}, "hobbies", "wrong_type"),
            ({"family": "x" * 301}, "family", "too_long"),
        ],
    )
    def test_refuses_what_it_cannot_hold(self, told: dict[str, Any], path: str, code: str) -> None:
        (rejected,) = ingest({"external_id": "a", **told}).rejected
        assert [(each.path, each.code) for each in rejected.errors] == [(path, code)]
        assert not Member.objects.exists()

    def test_joins_what_two_members_say_and_parts_it(self) -> None:
        ingest(
            {"external_id": "k", "birth_date": "--08-15"},
            {"external_id": "d", "birth_date": "--08-15", "birth_calendar": "lunar", "occupation": "nurse", "referrer": "k"},
        )
        keep, drop = (Member.objects.get(external_id=name) for name in "kd")
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        keep.refresh_from_db()
        assert (keep.birth_calendar, keep.occupation, keep.referrer) == ("", "nurse", "")
        undo_merge(merge_id=record.pk, now=NOW)
        keep.refresh_from_db()
        assert keep.occupation == ""
        assert Member.objects.get(external_id="d").birth_calendar == "lunar"


class TestALunarBirthday:
    def test_may_be_the_30th_of_any_month_and_turns_solar_with_a_solar_date(self) -> None:
        ingest({"external_id": "a", "birth_date": "1990-02-30", "birth_calendar": "lunar_leap"})
        member = Member.objects.get()
        assert (member.birth_key, member.birth_calendar, member.birth_date_text) == (230, "lunar_leap", "1990-02-30")
        ingest({"external_id": "a", "birth_date": "1990-03-25"})
        member.refresh_from_db()
        assert (member.birth_key, member.birth_calendar) == (325, "")

    def test_needs_a_day(self) -> None:
        make_member("a")
        with pytest.raises(IntegrityError, match="member_calendar_comes_with_birthday"), transaction.atomic():
            Member.objects.update(birth_calendar="lunar")

    def test_is_no_day_that_rules_could_compare(self) -> None:
        ingest({"external_id": "a", "birth_date": "--06-16", "birth_calendar": "lunar"})
        ingest({"external_id": "b", "birth_date": "--06-16"})
        refresh(as_of=NOW, now=NOW)
        rule = {"field": "birth_date", "operator": "is_anniversary_within_days", "value": 3}
        found = set(matching(rule=rule).values_list("member_id", flat=True))
        assert found == {Member.objects.get(external_id="b").pk}


class TestAReferrer:
    def test_may_come_later_than_who_names_them(self) -> None:
        assert ingest({"external_id": "a", "referrer": "b"}).accepted == 1
        assert (referrers(), Member.objects.count()) == ({"a": "b"}, 1)

    def test_never_leads_back(self) -> None:
        ingest({"external_id": "a", "referrer": "b"}, {"external_id": "b", "referrer": "c"})
        for name, referrer in (("c", "a"), ("c", "c"), ("b", "a")):
            (rejected,) = ingest({"external_id": name, "referrer": referrer}).rejected
            assert [(each.path, each.code) for each in rejected.errors] == [("referrer", "circle")]
        assert referrers() == {"a": "b", "b": "c"}

    def test_may_be_another_once_the_first_is_taken_back(self) -> None:
        ingest({"external_id": "a", "referrer": "b"})
        result = ingest({"external_id": "a", "referrer": None}, {"external_id": "b", "referrer": "a"})
        assert (result.rejected, referrers()) == ((), {"b": "a"})

    def test_closes_no_circle_within_one_call(self) -> None:
        result = ingest({"external_id": "a", "referrer": "b"}, {"external_id": "b", "referrer": "a"})
        assert ([row.index for row in result.rejected], referrers()) == ([1], {"a": "b"})


class TestAnAttribute:
    def test_can_be_declared_before_the_first_value_comes(self) -> None:
        declare_attribute(name="shoe size", label="Shoes", type_="number", now=NOW)
        ingest({"external_id": "a", "attributes": {"shoe size": "41"}})
        declared = AttributeDefinition.objects.get()
        assert (declared.type, declared.inferred) == ("number", False)

    @pytest.mark.parametrize(
        ("name", "type_", "path"), [("", "text", "name"), ("x" * 101, "text", "name"), ("a", "colour", "type")]
    )
    def test_is_refused_without_a_name_or_a_type(self, name: str, type_: str, path: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            declare_attribute(name=name, label="", type_=type_, now=NOW)
        assert [each.path for each in refused.value.problems] == [path]
        assert not AttributeDefinition.objects.exists()

    def test_is_declared_once(self) -> None:
        declare_attribute(name="size", label="", type_="text", now=NOW)
        with pytest.raises(InvalidInput):
            declare_attribute(name="size", label="", type_="number", now=NOW)
        assert AttributeDefinition.objects.get().type == "text"


def test_the_birthday_policy_is_one_row() -> None:
    with pytest.raises((IntegrityError, ValidationError)), transaction.atomic():
        BirthdayPolicy.objects.create(pk=2)
