"""Fixed lists, files of members, overlaps and the library over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from members.models import Member
from retention.models import Segment, Transition
from retention.services.refresh import refresh
from tests.rest import Caller, caller

pytestmark = pytest.mark.django_db

PEOPLE = [
    {"external_id": "ann", "name": "=1+1", "phone": "13800138000", "city": "Wuhan"},
    {"external_id": "bob"},
    {"external_id": "cid", "city": "Wuhan"},
]


@pytest.fixture
def client() -> Caller:
    client = caller()
    client.post("members/bulk/", {"items": PEOPLE})
    refresh(as_of=timezone.now(), full=True)
    return client


def vip(client: Caller, *members: str) -> dict[str, Any]:
    answer = client.post("segments/", {"slug": "vip", "name": "VIP", "members": list(members)})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def inside(client: Caller, slug: str = "vip") -> list[str]:
    refresh(as_of=timezone.now())
    return [each["external_id"] for each in client.all(f"segments/{slug}/members/")]


def text(answer: Any) -> list[str]:
    return b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()


class TestAFixedList:
    def test_is_made_of_ids_and_says_which_mean_nobody(self, client: Caller) -> None:
        made = vip(client, "ann", "ann", "zed")
        assert (made["static"], made["rule"], made["sentence"], made["members"]) == (True, None, None, None)
        assert made["received"] == {
            "given": 3, "known": 1, "unknown": 1, "added": 1, "removed": 0,
            "unknown_ids": [{"id": "zed", "code": "unknown"}],
        }  # fmt: skip
        assert inside(client) == ["ann"]
        assert not Member.objects.filter(external_id="zed").exists()

    def test_takes_ids_in_chunks_and_gives_them_back(self, client: Caller) -> None:
        vip(client, "ann")
        added = client.post("segments/vip/members/", {"members": ["bob", "cid"]})
        removed = client.delete("segments/vip/members/", {"members": ["ann", "cid"]})
        assert (added.status_code, added.json()["added"], removed.json()["removed"]) == (200, 2, 2)
        assert inside(client) == ["bob"]

    def test_is_replaced_as_a_whole(self, client: Caller) -> None:
        vip(client, "ann")
        assert client.put("segments/vip/members/", {"members": ["bob"]}).json()["removed"] == 1
        assert client.patch("segments/vip/", {"members": ["bob", "cid"]}).status_code == 200
        assert client.put("segments/vip/", {"name": "Best", "members": ["cid"]}).json()["name"] == "Best"
        assert inside(client) == ["cid"]

    def test_may_be_empty(self, client: Caller) -> None:
        assert vip(client)["static"] is True
        assert inside(client) == []

    @pytest.mark.parametrize(
        ("method", "address", "body", "expected"),
        [
            ("POST", "segments/", {"slug": "x", "name": "X"}, (422, ["rule"])),
            ("POST", "segments/", {"slug": "x", "name": "X", "members": [], "rule": {"everyone": True}}, (422, ["members"])),
            ("POST", "segments/", {"slug": "library", "name": "X", "members": []}, (422, ["slug"])),
            ("POST", "segments/", {"slug": "vip", "name": "X", "members": []}, (422, ["slug"])),
            ("POST", "segments/", {"slug": "x", "name": "X", "members": "ann"}, (422, ["members"])),
            ("POST", "segments/", {"slug": "x", "name": "X", "members": ["y"] * 10_001}, (422, ["members"])),
            ("POST", "segments/vip/members/", {"members": [1]}, (422, ["members[0]"])),
            ("PATCH", "segments/vip/", {"rule": {"everyone": True}}, (422, ["rule"])),
        ],
    )
    def test_that_is_wrong_is_refused(
        self, client: Caller, method: str, address: str, body: Any, expected: tuple[int, list[str]]
    ) -> None:
        vip(client, "ann")
        answer = client.call(method, address, body)
        assert (answer.status_code, [each["path"] for each in answer.json()["errors"]]) == expected
        assert Segment.objects.count() == 1

    def test_is_not_a_segment_with_a_rule(self, client: Caller) -> None:
        client.post("segments/", {"slug": "all", "name": "All", "rule": {"everyone": True}})
        answer = client.post("segments/all/members/", {"members": ["ann"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "not_a_list")


class TestTheFile:
    def test_holds_the_chosen_columns_of_everybody_and_no_formula(self, client: Caller) -> None:
        vip(client, "ann", "bob")
        inside(client)
        columns = "external_id,name,phone,order_count,lifecycle_stage"
        answer = client.call_file(f"segments/vip/members/?format=csv&columns={columns}")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="vip.csv"'
        assert text(answer) == [
            "external_id,name,phone,order_count,lifecycle_stage",
            "ann,'=1+1,'+8613800138000,0,none",
            "bob,,,0,none",
        ]

    def test_of_a_key_that_may_not_read_members_holds_numbers_alone(self, client: Caller) -> None:
        vip(client, "ann")
        inside(client)
        reader = caller("segments:read")
        assert text(reader.call_file("segments/vip/members/?format=csv"))[0] == "external_id,entered_at"
        refused = reader.get("segments/vip/members/?columns=external_id,phone")
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")

    def test_of_a_column_nobody_knows_is_refused_with_a_guess(self, client: Caller) -> None:
        vip(client, "ann")
        answer = client.get("segments/vip/members/?columns=order_cuont")
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "columns")
        assert "order_count" in answer.json()["errors"][0]["message"]

    def test_of_comings_and_goings_is_limited_to_a_period(self, client: Caller) -> None:
        vip(client, "ann")
        inside(client)
        client.put("segments/vip/members/", {"members": ["bob"]})
        inside(client)
        rows = text(client.call_file("segments/vip/transitions/?format=csv&from=2020-01-01"))
        assert [row.split(",")[:2] for row in rows] == [["external_id", "moved"], ["ann", "left"], ["bob", "entered"]]
        assert text(client.call_file("segments/vip/transitions/?format=csv&to=2020-01-01")) == ["external_id,moved,at"]
        assert len(client.all("segments/vip/transitions/?from=2020-01-01")) == Transition.objects.count() == 2


class TestTheOverlap:
    def test_counts_both_and_each_alone(self, client: Caller) -> None:
        vip(client, "ann", "bob")
        rule = {"field": "city", "operator": "=", "value": "Wuhan"}
        client.post("segments/", {"slug": "wuhan", "name": "Wuhan", "rule": rule})
        inside(client)
        answer = client.get("segments/vip/overlap/?with=wuhan").json()
        assert {name: answer[name] for name in ("segment", "with", "both", "only_first", "only_second")} == {
            "segment": "vip", "with": "wuhan", "both": 1, "only_first": 1, "only_second": 1,
        }  # fmt: skip
        assert client.get("segments/vip/overlap/?with=gone").status_code == 404
        assert client.get("segments/vip/overlap/").status_code == 422


class TestTheList:
    def test_is_searched_and_filtered(self, client: Caller) -> None:
        vip(client, "ann")
        client.post("segments/", {"slug": "all", "name": "Everybody", "rule": {"everyone": True}})
        found = {
            query: [each["slug"] for each in client.all(f"segments/?{query}")]
            for query in ("search=every", "search=VIP", "static=true", "static=false", "failing=true", "failing=false")
        }
        assert found == {
            "search=every": ["all"], "search=VIP": ["vip"], "static=true": ["vip"], "static=false": ["all"],
            "failing=true": [], "failing=false": ["vip", "all"],
        }  # fmt: skip

    def test_tells_how_fresh_each_is(self, client: Caller) -> None:
        vip(client, "ann")
        before = client.get("segments/vip/").json()
        inside(client)
        client.put("segments/vip/members/", {"members": ["bob", "cid"]})
        inside(client)
        after = client.get("segments/vip/").json()
        assert [before[name] for name in ("counted", "members", "changed_at")] == [False, None, None]
        assert [after[name] for name in ("counted", "members", "entered", "left")] == [True, 2, 2, 1]
        assert (after["seconds"] >= 0, after["changed_at"] is not None) == (True, True)


class TestExplaining:
    def test_answers_each_condition_of_any_rule_for_one_member(self, client: Caller) -> None:
        rule = {
            "combinator": "and",
            "rules": [
                {"field": "city", "operator": "=", "value": "Wuhan"},
                {"field": "days_since_last_order", "operator": ">=", "value": 60},
            ],
        }
        answer = client.post("segments/explain/", {"member": "ann", "rule": rule}).json()
        city, order = answer["conditions"]
        assert (answer["member"], answer["held"], answer["rule"]["kind"]) == ("ann", None, "all")
        assert (city["path"], city["held"], city["value"], city["threshold"]) == ("rules[0]", True, "Wuhan", "Wuhan")
        assert (order["held"], order["value"], order["value_text"], order["decides"]) == (None, None, "not known", True)

    def test_of_what_is_unknown_or_wrong_is_refused(self, client: Caller) -> None:
        nobody = client.post("segments/explain/", {"member": "zed", "rule": {"everyone": True}})
        wrong = client.post("segments/explain/", {"member": "ann", "rule": {"field": "x", "operator": "=", "value": 1}})
        assert (nobody.status_code, wrong.status_code) == (404, 422)
        assert wrong.json()["errors"][0]["path"] == "rule.field"


class TestTheLibrary:
    def test_lists_ready_rules_and_counts_when_asked(self, client: Caller) -> None:
        plain = client.get("segments/library/").json()["results"]
        counted = client.get("segments/library/?counts=true").json()["results"]
        assert len(plain) == len(counted) == 10
        assert {each["members"] for each in plain} == {None}
        assert {each["code"]: each["members"] for each in counted}["browses-never-buys"] == 0
        for each in plain:
            body = {"slug": each["code"], "name": each["name"], "rule": each["rule"]}
            assert client.post("segments/", body).status_code == 201
