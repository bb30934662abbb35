from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from members.ingest import IngestResult, ingest_members
from members.models import Consent, DirtyMark, Identifier, Member, MemberTag, random_bucket
from tests.factories import NOW

pytestmark = pytest.mark.django_db

NICK = {"source": "tmall", "kind": "nick", "value": "t**8"}
OPENID = {"source": "wechat", "kind": "openid", "value": "o1"}


def member(external_id: str = "m1", **changes: Any) -> dict[str, Any]:
    return {"external_id": external_id, **changes}


def ingest(*items: object, proof: str = "stated by the file members.csv", now: datetime = NOW) -> IngestResult:
    return ingest_members(items, now=now, proof=proof)


def refusals(result: IngestResult) -> list[tuple[int, list[tuple[str, str]]]]:
    return [(row.index, [(error.path, error.code) for error in row.errors]) for row in result.rejected]


def marked() -> list[str]:
    names = dict(Member.objects.values_list("pk", "external_id"))
    found = sorted(names[pk] for pk in DirtyMark.objects.values_list("member_id", flat=True))
    DirtyMark.objects.all().delete()
    return found


def identifiers() -> dict[str, str]:
    return dict(Identifier.objects.values_list("value", "member__external_id"))


class TestNewMembers:
    def test_are_stored_whole(self) -> None:
        item = member(
            name=" 王五 ",
            gender="female",
            birth_date="1990-02-29",
            phone="138 0013 8000",
            email="Wang@Example.com",
            city="杭州",
            province="浙江",
            registered_at="2020-01-01",
            source="tmall",
            time_zone="Asia/Urumqi",
            language="zh_Hans",
            tags=["vip", "tea", "vip"],
            attributes={"shoe": 42, "club": True, "gone": None},
            identifiers=[NICK, OPENID, NICK],
            consents={"email": False, "sms": True},
        )
        assert ingest(item) == IngestResult(1, (), created=1)
        stored = Member.objects.values().get()
        del stored["id"]
        assert stored == {
            "random_bucket": random_bucket("m1"),
            "external_id": "m1",
            "name": "王五",
            "gender": "female",
            "birth_year": 1990,
            "birth_key": 229,
            "birth_calendar": "",
            "occupation": "",
            "family": "",
            "hobbies": "",
            "referrer": "",
            "phone": "+8613800138000",
            "email": "wang@example.com",
            "city": "杭州",
            "province": "浙江",
            "registered_at": datetime(2019, 12, 31, 16, 0, tzinfo=UTC),
            "registered_day": 18_262,
            "erased_at": None,
            "source": "tmall",
            "time_zone": "Asia/Urumqi",
            "language": "zh-hans",
            "attributes": {"shoe": 42, "club": True},
            "made_up_fields": [],
            "created_at": NOW,
        }
        assert sorted(MemberTag.objects.values_list("tag", flat=True)) == ["tea", "vip"]
        assert identifiers() == {"t**8": "m1", "o1": "m1"}
        assert sorted(Consent.objects.values_list("channel", "purpose", "granted", "proof", "changed_at")) == [
            ("email", "marketing", False, "stated by the file members.csv", NOW),
            ("sms", "marketing", True, "stated by the file members.csv", NOW),
        ]
        assert marked() == ["m1"]

    def test_without_a_word_are_members_too(self) -> None:
        assert ingest(member()).created == 1
        assert marked() == ["m1"]


class TestKnownMembers:
    def test_that_come_again_change_nothing_and_mark_nobody(self) -> None:
        item = member(
            name="x",
            birth_date="--02-29",
            registered_at="2020-01-01",
            tags=["a"],
            attributes={"b": 1.5},
            identifiers=[NICK],
            consents={"sms": True},
        )
        ingest(item)
        marked()
        assert ingest(item, proof="another", now=NOW + timedelta(days=1)) == IngestResult(1, ())
        assert marked() == []
        assert Consent.objects.get().proof == "stated by the file members.csv"

    def test_keep_what_a_row_leaves_out_and_lose_what_it_sets_to_null(self) -> None:
        ingest(member(name="x", birth_date="1990-01-02", city="杭州", tags=["a"], identifiers=[NICK], attributes={"b": 1}))
        ingest(member(city="上海"))
        stored = Member.objects.get()
        assert (stored.name, stored.birth_date_text, stored.city, stored.attributes) == ("x", "1990-01-02", "上海", {"b": 1})
        ingest(member(name=None, birth_date=None, tags=None, identifiers=None, attributes=None))
        stored = Member.objects.get()
        assert (stored.name, stored.birth_date_text, stored.city, stored.attributes) == ("", "", "上海", {})
        assert MemberTag.objects.count() == Identifier.objects.count() == 0

    def test_merge_attributes_by_name(self) -> None:
        ingest(member(attributes={"a": 1, "b": 2}))
        ingest(member(attributes={"b": None, "c": "3"}))
        assert Member.objects.get().attributes == {"a": 1, "c": "3"}

    def test_tell_true_from_one(self) -> None:
        ingest(member(attributes={"a": 1}))
        assert ingest(member(attributes={"a": True})).changed == 1
        assert Member.objects.get().attributes["a"] is True

    @pytest.mark.parametrize("value", [2.547600321750163e16, -1.7e300, 5e-324])
    def test_keep_a_number_of_any_size_and_know_it_again(self, value: float) -> None:
        ingest(member(attributes={"a": value}))
        assert float(Member.objects.get().attributes["a"]) == value
        assert ingest(member(attributes={"a": value})) == IngestResult(1, ())

    def test_get_the_tags_that_are_given(self) -> None:
        ingest(member(tags=["a", "b"]))
        marked()
        assert ingest(member(tags=["b", "c"])).changed == 1
        assert sorted(MemberTag.objects.values_list("tag", flat=True)) == ["b", "c"]
        assert marked() == ["m1"]

    def test_that_stand_twice_in_a_call_are_written_once(self) -> None:
        result = ingest(member(name="first", city="杭州"), member(name="second", tags=["a"]))
        assert result == IngestResult(2, (), created=1)
        assert (Member.objects.get().name, Member.objects.get().city) == ("second", "杭州")
        assert marked() == ["m1"]


class TestConsents:
    def test_change_with_the_new_proof_and_time(self) -> None:
        ingest(member(consents={"sms": True}))
        marked()
        later = NOW + timedelta(days=1)
        assert ingest(member(consents={"sms": False}), proof="stated by the key Shop", now=later).changed == 1
        consent = Consent.objects.get()
        assert (consent.granted, consent.proof, consent.changed_at) == (False, "stated by the key Shop", later)
        assert marked() == ["m1"]

    def test_left_out_stay(self) -> None:
        ingest(member(consents={"sms": True}))
        ingest(member(consents={"email": True}))
        assert dict(Consent.objects.values_list("channel", "granted")) == {"sms": True, "email": True}

    def test_with_an_address_make_a_member_contactable(self) -> None:
        ingest(
            member("both", phone="13800138000", email="a@b.cn", consents={"sms": True, "email": True}),
            member("silent", phone="13800138001", consents={"sms": False}),
            member("homeless", consents={"sms": True, "email": True}),
            member("unasked", phone="13800138002"),
        )
        for channel in ("sms", "email"):
            found = Member.objects.contactable(channel=channel).values_list("external_id", flat=True)
            assert list(found) == ["both"]
        assert Consent.objects.granted(channel="sms").count() == 2


class TestIdentifiers:
    def test_of_another_member_refuse_the_row_and_only_it(self) -> None:
        ingest(member("m1", identifiers=[NICK]))
        result = ingest(member("m2", name="thief", identifiers=[OPENID, NICK]), member("m3"))
        assert refusals(result) == [(0, [("identifiers[1]", "identifier_taken")])]
        assert sorted(Member.objects.values_list("external_id", flat=True)) == ["m1", "m3"]
        assert identifiers() == {"t**8": "m1"}

    def test_refused_leave_a_known_member_as_it_was(self) -> None:
        ingest(member("m1", identifiers=[NICK]), member("m2", name="before", identifiers=[OPENID]))
        marked()
        result = ingest(member("m2", name="after", tags=["x"], consents={"sms": True}, identifiers=[NICK]))
        assert result.accepted == 0
        assert Member.objects.get(external_id="m2").name == "before"
        assert identifiers() == {"t**8": "m1", "o1": "m2"}
        assert (MemberTag.objects.count(), Consent.objects.count(), marked()) == (0, 0, [])

    def test_claimed_twice_in_a_call_go_to_the_first(self) -> None:
        result = ingest(member("m1", identifiers=[NICK]), member("m2", identifiers=[NICK]), member("m2", name="still here"))
        assert [row.index for row in result.rejected] == [1]
        assert identifiers() == {"t**8": "m1"}
        assert Member.objects.get(external_id="m2").name == "still here"

    def test_given_up_may_be_taken_in_the_same_call(self) -> None:
        ingest(member("m1", identifiers=[NICK]))
        marked()
        assert ingest(member("m1", identifiers=[OPENID]), member("m2", identifiers=[NICK])).rejected == ()
        assert identifiers() == {"o1": "m1", "t**8": "m2"}
        assert marked() == ["m1", "m2"]


class TestBadRows:
    @pytest.mark.parametrize(
        ("change", "path", "code"),
        [
            ({"external_id": " "}, "external_id", "required"),
            ({"external_id": "x" * 10_000}, "external_id", "too_long"),
            ({"external_id": "a\x00"}, "external_id", "nul_character"),
            ({"external_id": 5}, "external_id", "wrong_type"),
            ({"name": "a\x00"}, "name", "nul_character"),
            ({"name": "x" * 201}, "name", "too_long"),
            ({"gender": "woman"}, "gender", "unknown_choice"),
            ({"birth_date": "1990-02-30"}, "birth_date", "invalid_date"),
            ({"phone": "12345"}, "phone", "invalid_phone"),
            ({"email": "nobody"}, "email", "invalid_email"),
            ({"time_zone": "Mars"}, "time_zone", "unknown_choice"),
            ({"language": "!"}, "language", "unknown_choice"),
            ({"registered_at": "2026-07-01"}, "registered_at", "in_the_future"),
            ({"tags": ["ok", ""]}, "tags[1]", "required"),
            ({"tags": "vip"}, "tags", "wrong_type"),
            ({"attributes": {"a": [1]}}, "attributes", "wrong_type"),
            ({"attributes": {"a": "\x00"}}, "attributes.a", "nul_character"),
            ({"identifiers": [{**NICK, "value": ""}]}, "identifiers[0].value", "required"),
            ({"identifiers": [{"source": "tmall"}]}, "identifiers[0].kind", "required"),
            ({"consents": {"fax": True}}, "consents.fax", "unknown_field"),
            ({"consents": None}, "consents", "wrong_type"),
            ({"nmae": "x"}, "nmae", "unknown_field"),
        ],
    )
    def test_are_refused_by_path_and_leave_nothing_behind(self, change: dict[str, Any], path: str, code: str) -> None:
        result = ingest(member(**change))
        assert refusals(result)[0][1][0] == (path, code)
        assert (Member.objects.count(), DirtyMark.objects.count()) == (0, 0)


class TestManyRows:
    def test_go_in_with_a_fixed_number_of_statements(self, django_assert_max_num_queries: Any) -> None:
        items = [
            member(
                f"m{n}",
                name="x",
                tags=["a", f"t{n}"],
                consents={"sms": True},
                identifiers=[{**NICK, "value": f"n{n}"}],
            )
            for n in range(1_000)
        ]
        with django_assert_max_num_queries(25):
            assert ingest(*items).created == 1_000
        with django_assert_max_num_queries(20):
            assert ingest(*items) == IngestResult(1_000, ())
        with django_assert_max_num_queries(25):
            assert ingest(*({**item, "name": "y", "tags": ["b"], "identifiers": []} for item in items)).changed == 1_000
        assert (MemberTag.objects.count(), Identifier.objects.count()) == (1_000, 0)
