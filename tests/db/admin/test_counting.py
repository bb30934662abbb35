from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.campaign_factories import know_everybody
from tests.db.admin.conftest import World
from tests.factories import make_member

pytestmark = pytest.mark.django_db

PREVIEW = "admin:retention_rule_preview"
BUYERS = {"field": "order_count", "operator": ">=", "value": 1}


class TestPreview:
    def ask(self, client: Client, rule: Any) -> Any:
        return client.post(reverse(PREVIEW), json.dumps(rule), content_type="application/json")

    def test_answers_count_share_sentence_and_examples(self, admin: Client, world: World) -> None:
        answer = self.ask(admin, BUYERS).json()
        assert (answer["count"], answer["count_text"], answer["share_text"]) == (3, "3 members", "100% of all")
        assert answer["sentence"] == "orders is at least 1 order"
        assert [each["name"] for each in answer["sample"]] == [member.name for member in world.members]

    def test_answers_what_is_wrong_with_paths_inside_the_rule(self, admin: Client) -> None:
        answer = self.ask(admin, {"combinator": "and", "rules": []})
        assert (answer.status_code, [each["path"] for each in answer.json()["problems"]]) == (422, ["rules"])

    def test_answers_text_that_is_no_json(self, admin: Client) -> None:
        answer = admin.post(reverse(PREVIEW), "{", content_type="application/json")
        assert answer.status_code == 400

    def test_answers_nobody_before_the_first_refresh(self, admin: Client) -> None:
        make_member()
        assert self.ask(admin, {"everyone": True}).json()["count"] == 0

    def test_is_refused_to_who_may_not_see_segments(self, clerk: Client) -> None:
        know_everybody()
        assert self.ask(clerk, BUYERS).status_code == 403

    def test_only_takes_posts(self, admin: Client) -> None:
        assert admin.get(reverse(PREVIEW)).status_code == 405
