from typing import Any

import pytest

from core.registry import MemberSection, member_sections
from members.models import Consent, DirtyMark, Member
from members.services.identity import merge_members
from tests.factories import NOW, make_member
from tests.rest import Caller, caller, given_key, in_path, paths_of

pytestmark = pytest.mark.django_db

FULL = {
    "external_id": "tb-1001",
    "name": "王芳",
    "gender": "female",
    "birth_date": "--02-29",
    "phone": "+8613800138000",
    "email": "fang@example.com",
    "city": "成都",
    "province": "四川",
    "registered_at": "2025-03-01T12:00:00+08:00",
    "source": "tmall",
    "time_zone": "Asia/Urumqi",
    "language": "zh-hans",
    "tags": ["vip", "tea"],
    "attributes": {"shoe_size": 38},
    "identifiers": [{"source": "taobao", "kind": "nick", "value": "f**3"}],
    "consents": {"sms": True, "email": False},
}


class TestPut:
    def test_makes_a_member_and_answers_it_as_get_does(self) -> None:
        client = Caller(given_key(name="ERP")[1])

        made = client.put("members/tb-1001/", FULL)

        assert made.status_code == 201
        shown = made.json()
        assert {name: shown[name] for name in FULL} == FULL | {"tags": ["tea", "vip"]}
        assert shown == client.get("members/tb-1001/").json()
        assert {consent.proof for consent in Consent.objects.all()} == {"stated by ERP"}
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [Member.objects.get().pk]

    def test_brings_a_member_up_to_date_and_leaves_alone_what_it_does_not_name(self) -> None:
        client = caller()
        client.put("members/tb-1001/", FULL)

        changed = client.put("members/tb-1001/", {"city": "Xi'an", "phone": None, "tags": []})

        assert changed.status_code == 200
        shown = changed.json()
        assert (shown["city"], shown["phone"], shown["tags"], shown["name"]) == ("Xi'an", None, [], "王芳")
        assert Member.objects.count() == 1

    def test_shows_what_is_not_known_as_null(self) -> None:
        shown = caller().put("members/x/", {}).json()

        assert {name for name, value in shown.items() if value is None} >= {
            "name", "gender", "birth_date", "phone", "email", "city", "province", "registered_at", "source", "time_zone",
            "language",
        }  # fmt: skip
        assert (shown["tags"], shown["attributes"], shown["identifiers"], shown["consents"]) == ([], {}, [], {})

    @pytest.mark.parametrize(
        ("item", "paths"),
        [
            ({"gender": "divers"}, ["gender"]),
            ({"birth_date": "1990-02-30", "phone": "12"}, ["phone", "birth_date"]),
            ({"nmae": "x"}, ["nmae"]),
            ({"name": "a\0b"}, ["name"]),
            ({"external_id": "another"}, ["external_id"]),
            ({"external_id": None}, ["external_id"]),
            ({"tags": "vip"}, ["tags"]),
            ([], [""]),
            ("text", [""]),
            (None, [""]),
        ],
    )
    def test_refuses_what_is_wrong_and_writes_nothing(self, item: Any, paths: list[str]) -> None:
        response = caller().put("members/x/", b"null" if item is None else item)

        assert response.status_code == 422
        assert paths_of(response) == paths
        assert not Member.objects.exists()
        assert not DirtyMark.objects.exists()

    @pytest.mark.parametrize("external_id", ["a.b", "a b", "茶/香", "a?b#c", "100%", "..a", "a\nb", "coupons", "x" * 200])
    def test_takes_an_id_of_any_characters(self, external_id: str) -> None:
        client = caller()
        address = f"members/{in_path(external_id)}/"

        made = client.put(address, {"external_id": external_id})

        assert made.status_code == 201, made.content
        assert made.json()["external_id"] == external_id
        assert client.get(address).json() == made.json()
        assert client.get(f"members/?search={in_path(external_id)}").json()["results"] == [made.json()]

    def test_takes_blanks_around_an_id_for_no_part_of_it(self) -> None:
        client = caller()

        assert client.put("members/%20a%20b%0A/", {"external_id": " a b"}).json()["external_id"] == "a b"
        assert client.get("members/a%20b/").status_code == 200
        assert client.put("members/%20/", {}).status_code == 404

    def test_refuses_an_id_with_a_slash_that_the_body_does_not_repeat(self) -> None:
        """`PUT members/tb-1001/teir/` is a typing mistake, not a member."""
        response = caller().put("members/tb-1001/teir/", {"level": 2})

        assert (response.status_code, paths_of(response)) == (422, ["external_id"])
        assert not Member.objects.exists()

    @pytest.mark.parametrize("external_id", ["x" * 201, "x" * 10_000])
    def test_refuses_an_id_longer_than_can_be_kept(self, external_id: str) -> None:
        response = caller().put(f"members/{external_id}/", {})

        assert (response.status_code, paths_of(response)) == (422, ["external_id"])
        assert not Member.objects.exists()

    def test_does_not_know_an_id_with_nul(self) -> None:
        assert caller().put("members/a%00b/", {}).status_code == 404
        assert not Member.objects.exists()


class TestPatch:
    def test_changes_a_member(self) -> None:
        client = caller()
        client.put("members/tb-1001/", FULL)

        changed = client.patch("members/tb-1001/", {"name": "李雷"})

        assert (changed.status_code, changed.json()["name"], changed.json()["city"]) == (200, "李雷", "成都")

    def test_does_not_make_one(self) -> None:
        response = caller().patch("members/nobody/", {"name": "李雷"})

        assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert not Member.objects.exists()


class TestTheList:
    @pytest.fixture
    def client(self) -> Caller:
        client = caller()
        items = [
            FULL,
            {"external_id": "b-2", "name": "Ann Lee", "city": "成都", "gender": "female", "source": "web", "tags": ["vip"]},
            {"external_id": "c-3", "name": "Bob", "province": "四川", "gender": "male", "phone": "+8613900139000"},
        ]
        assert client.post("members/bulk/", {"items": items}).json() == {"accepted": 3, "rejected": []}
        return client

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["tb-1001", "b-2", "c-3"]),
            ("?city=成都", ["tb-1001", "b-2"]),
            ("?city=成都&source=web", ["b-2"]),
            ("?province=四川&gender=male", ["c-3"]),
            ("?tag=vip", ["tb-1001", "b-2"]),
            ("?search=Ann", ["b-2"]),
            ("?search=c-", ["c-3"]),
            ("?search=%2B8613900139000", ["c-3"]),
            ("?search=fang@example.com", ["tb-1001"]),
            ("?search=f**3", ["tb-1001"]),
            ("?search=nothing", []),
            ("?city=nowhere", []),
        ],
    )
    def test_answers_who_matches(self, client: Caller, query: str, expected: list[str]) -> None:
        assert sorted(member["external_id"] for member in client.all(f"members/{query}")) == sorted(expected)

    @pytest.mark.parametrize(
        ("query", "paths"),
        [
            ("?gender=x", ["gender"]),
            ("?city=", ["city"]),
            ("?city=a&city=b", ["city"]),
            ("?search=%00", ["search"]),
            ("?tag=" + "x" * 10_000, ["tag"]),
            ("?as_of=yesterday", ["as_of"]),
            ("?as_of=9999-12-31T23:59:59-14:00", ["as_of"]),
            ("?as_of=0001-01-01", ["as_of"]),
        ],
    )
    def test_refuses_a_filter_that_means_nothing(self, client: Caller, query: str, paths: list[str]) -> None:
        response = client.get(f"members/{query}")

        assert (response.status_code, paths_of(response)) == (422, paths)

    def test_costs_the_same_statements_for_one_member_and_for_a_thousand(self, client: Caller) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for size in (1, 1000):
            items = [{"external_id": f"n-{n}", "tags": ["a"], "consents": {"sms": True}} for n in range(size)]
            client.post("members/bulk/", {"items": items})
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert len(client.get(f"members/?page_size={size}").json()["results"]) == size
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestWhatHigherAppsKnow:
    @pytest.fixture
    def asked(self) -> Any:
        """A section beside the ones the apps registered, which says what it was asked."""
        asked: list[tuple[list[int], Any]] = []

        def rows(*, member_ids: Any, as_of: Any, only: Any = None) -> dict[int, Any]:
            asked.append((list(member_ids), as_of))
            return {member_id: {"visits": 3} for member_id in member_ids}

        member_sections.register(MemberSection("footfall", rows))
        yield asked
        del member_sections._entries["footfall"]

    def test_stands_under_its_name_in_every_member(self, asked: list[Any]) -> None:
        client = caller()
        shown = client.put("members/x/", {}).json()

        assert shown["footfall"] == {"visits": 3}
        assert client.get("members/").json()["results"] == [shown]

    def test_is_asked_once_a_page_for_the_time_given(self, asked: list[Any]) -> None:
        client = caller()
        client.post("members/bulk/", {"items": [{"external_id": f"m{n}"} for n in range(5)]})
        ids = list(Member.objects.order_by("pk").values_list("pk", flat=True))

        client.get("members/?page_size=3")

        assert asked == [(ids[:3], None)]


class TestBulk:
    def test_takes_the_good_items_and_names_the_bad_ones(self) -> None:
        items = [{"external_id": "a"}, {"external_id": ""}, 7, {"external_id": "b", "birth_date": "x", "phone": "no"}]

        response = caller().post("members/bulk/", {"items": items})

        assert response.status_code == 200
        answer = response.json()
        assert answer["accepted"] == 1
        assert [(row["index"], [error["path"] for error in row["errors"]]) for row in answer["rejected"]] == [
            (1, ["external_id"]),
            (2, [""]),
            (3, ["phone", "birth_date"]),
        ]
        assert [set(error) for row in answer["rejected"] for error in row["errors"]] == [{"path", "code", "message"}] * 4
        assert list(Member.objects.values_list("external_id", flat=True)) == ["a"]

    @pytest.mark.parametrize(
        ("body", "path", "code"),
        [
            ({}, "items", "required"),
            ({"items": None}, "items", "required"),
            ({"items": {}}, "items", "required"),
            ({"items": [{}] * 1001}, "items", "too_many_items"),
            ({"items": [], "itms": 1}, "itms", "unknown_key"),
            ([], "", "wrong_type"),
            (7, "", "wrong_type"),
        ],
    )
    def test_refuses_another_body(self, body: Any, path: str, code: str) -> None:
        response = caller().post("members/bulk/", body)

        assert response.status_code == 422
        assert [(error["path"], error["code"]) for error in response.json()["errors"]] == [(path, code)]
        assert not Member.objects.exists()

    def test_takes_nothing_gladly(self) -> None:
        assert caller().post("members/bulk/", {"items": []}).json() == {"accepted": 0, "rejected": []}


class TestAMergedId:
    def test_is_answered_with_the_member_who_answers_for_it(self) -> None:
        keep, drop = make_member("k", name="Anna"), make_member("d", name="Anne")
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        client = caller()

        got = client.get("members/d/")
        put = client.put("members/d/", {"name": "Anne", "city": "上海"})

        assert (got.status_code, got.json()["external_id"]) == (200, "k")
        assert (put.status_code, put.json()["external_id"], put.json()["name"], put.json()["city"]) == (
            200,
            "k",
            "Anna",
            "上海",
        )
        assert client.get("members/d/coupons/").status_code == 200
        assert Member.objects.count() == 1
