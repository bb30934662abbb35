from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.campaign_factories import know_everybody
from tests.db.admin.conftest import World, staff
from tests.factories import BUYERS, make_member

pytestmark = pytest.mark.django_db

COUNT = "admin:retention_rule_count"
DID = {"did": "order", "operator": ">=", "times": 1, "within_days": 3660}


def ask(client: Client, rule: Any, step: str = "quick", number: Any = 1) -> Any:
    question = {"step": step, "rule": rule, "page": "a secret", "number": number}
    return client.post(reverse(COUNT), json.dumps(question), content_type="application/json")


class TestCounting:
    @pytest.mark.parametrize("rule", [BUYERS, DID])
    def test_answers_count_share_and_sentence(self, rule: Any, admin: Client, world: World) -> None:
        answer = ask(admin, rule).json()
        assert (answer["count"], answer["exact"]) == (3, True)
        assert (answer["count_text"], answer["share_text"], answer["range_text"]) == ("3 members", "100% of all", "")
        assert answer["sentence"]

    def test_counts_to_the_end_what_was_estimated(self, admin: Client, world: World) -> None:
        assert ask(admin, BUYERS, "exact").json()["count"] == 3

    def test_says_who_is_inside(self, admin: Client, world: World) -> None:
        answer = ask(admin, BUYERS, "inside").json()
        assert [each["name"] for each in answer["sample"]] == [member.name for member in world.members]
        assert sum(stage["count"] for stage in answer["stages"]) == 3
        assert [(each["label"], each["text"]) for each in answer["reach"]] == [("SMS", "3 · 100%"), ("e-mail", "3 · 100%")]

    def test_says_a_rule_in_words_without_counting(self, admin: Client, world: World) -> None:
        assert ask(admin, BUYERS, "read").json() == {"sentence": "orders is at least 1 order"}

    def test_answers_nobody_before_the_first_refresh(self, admin: Client) -> None:
        make_member()
        assert ask(admin, {"everyone": True}).json()["count"] == 0


class TestRefusing:
    @pytest.mark.parametrize("step", ["read", "quick", "exact", "inside"])
    def test_answers_what_is_wrong_with_paths_inside_the_rule(self, step: str, admin: Client) -> None:
        answer = ask(admin, {"combinator": "and", "rules": []}, step)
        assert (answer.status_code, [each["path"] for each in answer.json()["problems"]]) == (422, ["rules"])

    @pytest.mark.parametrize(
        "body",
        [
            "{",
            "[]",
            '"x"',
            '{"step": "quick"}',
            '{"step": "dance", "rule": {}, "number": 1}',
            '{"step": "quick", "rule": 1}',
            '{"step": ["quick"], "rule": {}, "number": 1}',
            '{"step": "quick", "number": 1, "rule": ' + "9" * 5_000 + "}",
            '{"step": "quick", "number": 1, "rule": ' + "[" * 100_000,
        ],
    )
    def test_answers_what_is_no_question(self, body: str, admin: Client) -> None:
        assert admin.post(reverse(COUNT), body, content_type="application/json").status_code == 400

    @pytest.mark.parametrize("number", [-1, 1.5, "1", None, 10**12])
    def test_answers_a_number_that_is_none(self, number: Any, admin: Client) -> None:
        assert ask(admin, BUYERS, number=number).status_code == 400

    def test_is_refused_to_who_may_not_see_segments(self, clerk: Client) -> None:
        know_everybody()
        assert ask(clerk, BUYERS).status_code == 403

    def test_only_takes_posts(self, admin: Client) -> None:
        assert admin.get(reverse(COUNT)).status_code == 405


class TestStopping:
    def test_answers_also_where_nothing_runs(self, admin: Client) -> None:
        for number in ("3", "", "x", "9" * 20):
            told = admin.post(reverse("admin:retention_rule_stop"), {"page": "a secret", "number": number})
            assert told.status_code == 204


class TestValues:
    def ask(self, client: Client, of: str, text: str = "") -> Any:
        return client.get(reverse("admin:retention_rule_values"), {"of": of, "q": text})

    def test_offers_the_most_frequent_first_with_how_many_have_them(self, admin: Client) -> None:
        for city in ("Wuhan", "Wuhan", "Beijing", ""):
            make_member(city=city)
        assert self.ask(admin, "city").json() == {
            "values": [
                {"value": "Wuhan", "label": "Wuhan", "note": "2 members"},
                {"value": "Beijing", "label": "Beijing", "note": "1 member"},
            ]
        }

    def test_finds_what_holds_a_text(self, admin: Client) -> None:
        for city in ("Wuhan", "Beijing", "100%"):
            make_member(city=city)
        assert [each["value"] for each in self.ask(admin, "city", "WU").json()["values"]] == ["Wuhan"]
        assert [each["value"] for each in self.ask(admin, "city", "%").json()["values"]] == ["100%"]

    def test_knows_no_other_lists(self, admin: Client) -> None:
        assert self.ask(admin, "password").status_code == 404

    def test_is_refused_to_who_may_not_see_segments(self) -> None:
        assert self.ask(staff("members.view_member"), "city").status_code == 403
