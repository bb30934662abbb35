from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Scope
from core.periods import date_of
from retention.models import Segment, SegmentVersion
from retention.selectors import state
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db

BIG = {"field": "revenue_minor", "operator": ">=", "value": 50_000}
FREQUENT = {"field": "order_count", "operator": ">=", "value": 2}


def _order(number: int, member: str, days_ago: int, total_minor: int) -> dict[str, Any]:
    placed_at = timezone.now() - timedelta(days=days_ago)
    return {
        "external_id": f"o{number}",
        "member": member,
        "placed_at": placed_at.isoformat(),
        "status": "paid",
        "total_minor": total_minor,
    }


@pytest.fixture
def client() -> Caller:
    """Three members: a spends much, b orders often, c never ordered."""
    client = caller()
    orders = [_order(1, "a", 10, 60_000), _order(2, "b", 90, 1_000), _order(3, "b", 60, 1_000), _order(4, "b", 5, 1_000)]
    assert client.post("orders/bulk/", {"items": orders}).json()["rejected"] == []
    client.post("members/bulk/", {"items": [{"external_id": "c"}]})
    refresh(as_of=timezone.now(), full=True)
    return client


def _made(client: Caller, slug: str = "big", rule: Any = BIG, **more: Any) -> dict[str, Any]:
    response = client.post("segments/", {"slug": slug, "name": slug.title(), "rule": rule, **more})
    assert response.status_code == 201, response.content
    shown: dict[str, Any] = response.json()
    return shown


class TestASegment:
    def test_comes_back_as_it_was_written(self, client: Caller) -> None:
        made = _made(client, description="who spends")

        assert made == client.get("segments/big/").json()
        assert client.all("segments/") == [made]
        assert {name: made[name] for name in ("slug", "name", "rule", "description", "version", "members")} == {
            "slug": "big",
            "name": "Big",
            "rule": BIG,
            "description": "who spends",
            "version": 1,
            "members": None,
        }
        assert "500" in made["sentence"]

    def test_has_its_members_after_the_next_refresh(self, client: Caller) -> None:
        _made(client)
        refresh(as_of=timezone.now())

        [member] = client.all("segments/big/members/")
        assert member["external_id"] == "a"
        assert datetime.fromisoformat(member["entered_at"]).utcoffset() == timedelta(hours=8)
        assert client.get("segments/big/").json()["members"] == 1

    def test_tells_who_came_after_its_first_members(self, client: Caller) -> None:
        _made(client)
        refresh(as_of=timezone.now())
        client.post("orders/bulk/", {"items": [_order(9, "c", 0, 70_000)]})
        refresh(as_of=timezone.now())

        [transition] = client.all("segments/big/transitions/")

        assert (transition["member"], transition["entered"]) == ("c", True)
        assert sorted(each["external_id"] for each in client.all("segments/big/members/")) == ["a", "c"]

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_gets_a_new_version_with_a_new_rule(self, client: Caller, method: str) -> None:
        _made(client)

        changed = client.call(method, "segments/big/", {"name": "Big spenders", "rule": FREQUENT})
        same = client.call(method, "segments/big/", {"name": "Big spenders", "rule": FREQUENT})

        assert (changed.status_code, changed.json()["version"], changed.json()["name"]) == (200, 2, "Big spenders")
        assert same.json() == changed.json()
        shown = client.all("segments/big/versions/?page_size=1")
        assert [(version["version"], version["rule"]) for version in shown] == [(2, FREQUENT), (1, BIG)]
        assert {version["created_by"] for version in shown} == {"shop system"}

    def test_is_renamed_without_a_new_version(self, client: Caller) -> None:
        _made(client, description="kept")

        changed = client.patch("segments/big/", {"name": "Large"}).json()

        assert (changed["name"], changed["version"], changed["description"]) == ("Large", 1, "kept")

    def test_keeps_its_name_when_its_rule_is_refused(self, client: Caller) -> None:
        _made(client)

        response = client.patch("segments/big/", {"name": "Large", "rule": {"field": "revenu_minor", "operator": ">="}})

        assert response.status_code == 422
        assert (Segment.objects.get().name, SegmentVersion.objects.count()) == ("Big", 1)

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_of_another_edition_than_was_read_is_left_alone(self, client: Caller, method: str) -> None:
        edition = _made(client)["edition"]
        changed = client.call(method, "segments/big/", {"name": "Big", "rule": FREQUENT, "edition": edition}).json()

        refused = client.call(method, "segments/big/", {"name": "Mine", "rule": BIG, "edition": edition})

        assert (refused.status_code, refused.json()["code"]) == (409, "changed_meanwhile")
        assert client.get("segments/big/").json() == changed
        assert (changed["version"], changed["edition"] != edition) == (2, True)

    def test_is_deleted_unless_another_names_it(self, client: Caller) -> None:
        _made(client)
        _made(client, "inner", {"in_segment": "big"})

        refused = client.delete("segments/big/")
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
        assert client.delete("segments/inner/").status_code == 204
        assert client.delete("segments/big/").status_code == 204
        assert client.get("segments/big/").status_code == 404
        assert not Segment.objects.exists()

    @pytest.mark.parametrize(
        ("body", "paths"),
        [
            ({}, ["slug", "name", "rule"]),
            ({"slug": "a b", "name": "", "rule": BIG}, ["name"]),
            ({"slug": "a b", "name": "x", "rule": BIG}, ["slug"]),
            ({"slug": "preview", "name": "x", "rule": BIG}, ["slug"]),
            ({"slug": "s", "name": "x", "rule": BIG, "rules": []}, ["rules"]),
            ({"slug": "s", "name": "x", "rule": None}, ["rule"]),
            ({"slug": "s", "name": "x", "rule": {}}, ["rule"]),
            ({"slug": "s", "name": "x", "rule": []}, ["rule"]),
            ({"slug": "s", "name": "x\0", "rule": BIG}, ["name"]),
            ({"slug": "s" * 10_000, "name": "x", "rule": BIG}, ["slug"]),
            ({"slug": "s", "name": "x", "rule": {"combinator": "and", "rules": []}}, ["rule.rules"]),
            ({"slug": "s", "name": "x", "rule": {"in_segment": "s"}}, ["rule.in_segment"]),
            ({"slug": "s", "name": "x", "rule": {"field": "revenu_minor", "operator": ">=", "value": 1}}, ["rule.field"]),
            (
                {"slug": "s", "name": "x", "rule": {"combinator": "or", "rules": [BIG, {"field": "city"}]}},
                ["rule.rules[1].operator"],
            ),
            ([], [""]),
        ],
    )
    def test_that_is_wrong_is_refused_with_every_path(self, client: Caller, body: Any, paths: list[str]) -> None:
        response = client.post("segments/", body)

        assert (response.status_code, paths_of(response)) == (422, paths)
        assert not Segment.objects.exists()

    def test_keeps_its_address(self, client: Caller) -> None:
        _made(client)

        assert paths_of(client.patch("segments/big/", {"slug": "small"})) == ["slug"]
        assert client.patch("segments/big/", {"slug": "big", "name": "B"}).status_code == 200

    def test_taken_is_taken(self, client: Caller) -> None:
        _made(client)

        assert paths_of(client.post("segments/", {"slug": "big", "name": "x", "rule": BIG})) == ["slug"]

    def test_that_closes_a_circle_is_refused(self, client: Caller) -> None:
        _made(client)
        _made(client, "inner", {"in_segment": "big"})

        response = client.patch("segments/big/", {"rule": {"in_segment": "inner"}})

        assert (response.status_code, paths_of(response)) == (422, ["rule.in_segment"])
        assert Segment.objects.get(slug="big").version.rule == BIG

    @pytest.mark.parametrize("below", ["", "members/", "transitions/", "history/", "versions/"])
    @pytest.mark.parametrize("slug", ["nobody", "%00", "x" * 10_000, "a%0Ab"])
    def test_that_nobody_made_is_404(self, client: Caller, slug: str, below: str) -> None:
        response = client.get(f"segments/{slug}/{below}")

        assert (response.status_code, response.json()["code"]) == (404, "not_found")


class TestSubLists:
    def test_are_pages(self, client: Caller) -> None:
        _made(client, "everyone", {"everyone": True})
        refresh(as_of=timezone.now())

        members = list(client.pages("segments/everyone/members/?page_size=2"))
        assert [[each["external_id"] for each in page["results"]] for page in members] == [["a", "b"], ["c"]]
        client.post("members/bulk/", {"items": [{"external_id": f"n{n}"} for n in range(3)]})
        refresh(as_of=timezone.now())
        transitions = client.all("segments/everyone/transitions/?page_size=1&entered=true")
        assert sorted(each["member"] for each in transitions) == ["n0", "n1", "n2"]
        assert client.all("segments/everyone/transitions/?entered=false") == []
        assert client.all("segments/everyone/transitions/?at_to=2020-01-01") == []

    def test_cost_the_same_however_many_rows_they_hold(self, client: Caller) -> None:
        _made(client, "everyone", {"everyone": True})
        refresh(as_of=timezone.now())
        client.post("members/bulk/", {"items": [{"external_id": f"n{n}"} for n in range(50)]})
        refresh(as_of=timezone.now())
        counts = set()
        for size in (1, 50):
            with CaptureQueriesContext(connection) as captured:
                client.get(f"segments/everyone/members/?page_size={size}")
                client.get(f"segments/everyone/transitions/?page_size={size}")
            counts.add(len(captured))

        assert len(counts) == 1

    def test_tell_how_large_the_segment_was_day_by_day(self, client: Caller) -> None:
        _made(client)
        refresh(as_of=timezone.now())

        history = client.all("segments/big/history/")

        assert [size["members"] for size in history[:1]] == [1]
        assert set(history[0]) == {"date", "members"}

    def test_of_segments_cost_the_same_however_many_there_are(self, client: Caller) -> None:
        counts = []
        for size in (1, 10):
            for n in range(size):
                client.post("segments/", {"slug": f"s{size}-{n}", "name": "x", "rule": BIG})
            with CaptureQueriesContext(connection) as captured:
                assert len(client.get(f"segments/?page_size={size}").json()["results"]) == size
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestThePreview:
    def test_counts_whom_a_rule_means(self, client: Caller) -> None:
        response = client.post("segments/preview/", {"rule": BIG})

        assert response.status_code == 200
        shown = response.json()
        assert (shown["count"], shown["share"], shown["sample"]) == (1, pytest.approx(1 / 3), ["a"])
        assert shown["sentence"]
        assert not Segment.objects.exists()

    def test_ages_scores_to_a_later_day(self, client: Caller) -> None:
        rule = {"field": "days_since_last_order", "operator": ">=", "value": 100}
        later = (timezone.now() + timedelta(days=100)).isoformat()

        assert client.post("segments/preview/", {"rule": rule}).json()["count"] == 0
        assert client.post("segments/preview/", {"rule": rule, "as_of": later}).json()["sample"] == ["a", "b"]

    def test_of_the_very_day_of_the_facts_means_its_last_moment(self, client: Caller) -> None:
        today = date_of(state().day).isoformat()

        assert client.post("segments/preview/", {"rule": BIG, "as_of": today}).json()["sample"] == ["a"]
        assert client.get(f"members/b/?as_of={today}").json()["scores"]["days_since_last_order"] == 5
        assert len(client.get(f"members/?as_of={today}").json()["results"]) == 3

    def test_of_a_day_before_the_facts_is_refused(self, client: Caller) -> None:
        response = client.post("segments/preview/", {"rule": BIG, "as_of": "2020-01-01T00:00:00Z"})

        assert (response.status_code, paths_of(response)) == (422, ["as_of"])

    @pytest.mark.parametrize(
        ("body", "paths"),
        [
            ({}, ["rule"]),
            ({"rule": {"field": "revenu_minor", "operator": ">=", "value": 1}}, ["rule.field"]),
            ({"rule": {"combinator": "and", "rules": [BIG, {"combinator": "or", "rules": []}]}}, ["rule.rules[1].rules"]),
            ({"rule": {"did": "sneeze", "operator": ">=", "times": 1}}, ["rule.did"]),
            ({"rule": BIG, "asof": "x"}, ["asof"]),
            ({"rule": BIG, "as_of": "9999-12-31T00:00:00Z"}, ["as_of"]),
        ],
    )
    def test_of_what_cannot_be_read_names_the_place(self, client: Caller, body: Any, paths: list[str]) -> None:
        response = client.post("segments/preview/", body)

        assert (response.status_code, paths_of(response)) == (422, paths)

    def test_speaks_chinese_when_asked(self, client: Caller) -> None:
        response = client.post("segments/preview/", {"rule": BIG}, headers={"accept-language": "zh-Hans"})

        assert any("\u4e00" <= character <= "\u9fff" for character in response.json()["sentence"])


class TestTheCatalogue:
    def test_is_a_json_schema_with_fields_and_operators(self, client: Caller) -> None:
        shown = client.get("rules/schema/").json()

        assert shown["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert {"revenue_minor", "days_since_last_order", "lifecycle_stage"} <= {field["name"] for field in shown["fields"]}
        assert {">=", "between", "has_tag"} <= {operator["code"] for operator in shown["operators"]}


class TestAMembersFactsAndScores:
    def test_stand_in_every_member_under_the_rule_languages_names(self, client: Caller) -> None:
        fit_models(as_of=timezone.now(), now=timezone.now())

        shown = client.get("members/b/").json()

        assert (shown["facts"]["order_count"], shown["facts"]["revenue_minor"]) == (3, 3_000)
        assert (shown["scores"]["days_since_last_order"], shown["scores"]["lifecycle_stage"]) == (5, "active")
        assert client.get("members/c/").json()["scores"]["lifecycle_stage"] == "none"
        assert [each["facts"]["order_count"] for each in client.all("members/?page_size=1")] == [1, 3, 0]

    def test_age_with_as_of_and_refuse_one_before_the_facts(self, client: Caller) -> None:
        later = (timezone.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")

        assert client.get(f"members/b/?as_of={later}").json()["scores"]["days_since_last_order"] == 35
        assert client.get(f"members/?as_of={later}").json()["results"][1]["scores"]["days_since_last_order"] == 35
        response = client.get("members/?as_of=2020-01-01T00:00:00Z")
        assert (response.status_code, paths_of(response)) == (422, ["as_of"])


class TestModels:
    def test_are_one_of_each_kind_unless_history_is_asked_for(self, client: Caller) -> None:
        now = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
        as_of = timezone.now()
        fit_models(as_of=as_of, now=now)
        fit_models(as_of=as_of, now=now + timedelta(days=7))

        current, every = client.all("models/"), client.all("models/?history=1&page_size=1")

        kinds = [model["kind"] for model in current]
        assert "rfm" in kinds
        assert len(kinds) == len(set(kinds))
        assert len(every) > len(current)
        assert {model["current"] for model in current} == {True}
        assert set(current[0]) >= {"kind", "parameters", "fitted_at", "as_of", "members", "metrics", "log_likelihood"}
        assert client.get("models/?history=perhaps").status_code == 422


class TestScopes:
    @pytest.mark.parametrize(
        ("method", "address", "scope"),
        [
            ("GET", "segments/", "segments:read"),
            ("POST", "segments/", "segments:write"),
            ("GET", "segments/big/", "segments:read"),
            ("PUT", "segments/big/", "segments:write"),
            ("PATCH", "segments/big/", "segments:write"),
            ("DELETE", "segments/big/", "segments:write"),
            ("POST", "segments/preview/", "segments:read"),
            ("GET", "segments/big/members/", "segments:read"),
            ("GET", "segments/big/transitions/", "segments:read"),
            ("GET", "segments/big/history/", "segments:read"),
            ("GET", "rules/schema/", "segments:read"),
            ("GET", "models/", "reports:read"),
        ],
    )
    def test_are_asked_for(self, client: Caller, method: str, address: str, scope: str) -> None:
        _made(client)
        others = [each for each in Scope.values if each != scope]

        response = caller(*others).call(method, address, b"{")

        assert (response.status_code, response.json()["code"]) == (403, "missing_scope")
        assert scope in response.json()["detail"]
        assert Segment.objects.count() == 1
