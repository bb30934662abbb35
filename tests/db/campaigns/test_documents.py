"""Campaigns as people write them: everything wrong is named with its path."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Campaign
from campaigns.selectors.documents import document_of
from campaigns.services.documents import read_document
from core.errors import InvalidInput
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, EMAIL, EVERYONE, SMS, document, make_draft, make_template
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def problems(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        read_document(document(**changes))
    return [(problem.path, problem.code) for problem in caught.value.problems]


class TestReadDocument:
    def test_fills_in_defaults(self):
        given = {"slug": "hello", "name": "Hello", "trigger": {"kind": "manual"}, "audience": EVERYONE, "steps": [SMS]}

        read = read_document(given)

        assert read.control_share == 0.1
        assert read.attribution_days == 14
        assert read.re_entry == {"policy": "once"}
        assert (read.starts_at, read.ends_at, read.exclusion) == (None, None, None)

    def test_lets_a_birthday_come_back_every_year(self):
        read = read_document(document(trigger={"kind": "date"}))

        assert read.re_entry == {"policy": "per_occurrence"}
        assert read.trigger == {
            "kind": "date", "field": "birth_date", "days_before": 0, "at": "09:00", "leap_day": None,
        }  # fmt: skip

    def test_takes_birthday_as_another_name_of_date(self):
        read = read_document(document(trigger={"kind": "birthday", "days_before": 3}))

        assert (read.trigger["kind"], read.trigger["field"], read.trigger["days_before"]) == ("date", "birth_date", 3)

    def test_is_what_document_of_gives_back(self):
        make_template()
        draft = make_draft(
            steps=[COUPON, SMS, EMAIL],
            control_share=0.25,
            re_entry={"policy": "every", "days": 30},
            trigger={"kind": "schedule", "every": "week", "weekday": "monday"},
            exclusion={"field": "order_count", "operator": "=", "value": 0},
            starts_at="2026-07-01T00:00:00+08:00",
            ends_at="2026-08-01T00:00:00+08:00",
            attribution_days=7,
        )
        stored = document_of(Campaign.objects.select_related("version").get(pk=draft.pk))

        again = read_document(stored)

        assert again == read_document(document_of(draft))
        assert again.re_entry == {"policy": "every", "days": 30}

    def test_names_everything_wrong_at_once(self):
        assert problems(slug="with space", name="", control_share=2, steps=[], attribution_days=0) == [
            ("slug", "invalid"),
            ("name", "invalid"),
            ("steps", "required"),
            ("control_share", "invalid"),
            ("attribution_days", "invalid"),
        ]

    @pytest.mark.parametrize("key", ["starts_at", "ends_at"])
    @pytest.mark.parametrize("instant", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2201-01-01T00:00:00Z"])
    def test_refuses_an_instant_that_no_list_could_show_again(self, key, instant):
        assert problems(**{key: instant}) == [(key, "out_of_range")]

    @pytest.mark.parametrize("missing", ["slug", "name", "trigger", "audience", "steps"])
    def test_wants_what_a_campaign_cannot_be_without(self, missing):
        assert problems(**{missing: None}) == [(missing, "required")]

    @pytest.mark.parametrize(
        ("trigger", "expected"),
        [
            ({}, ("trigger.kind", "required")),
            ({"kind": "manul"}, ("trigger.kind", "unknown_kind")),
            ({"kind": "event"}, ("trigger.kind", "not_available")),
            ({"kind": "manual", "when": 1}, ("trigger.when", "unknown_key")),
            ({"kind": "schedule", "at": "25:00"}, ("trigger.at", "invalid")),
            ({"kind": "schedule", "every": "week"}, ("trigger.weekday", "required")),
            ({"kind": "schedule", "weekday": "monday"}, ("trigger.weekday", "not_used")),
            ({"kind": "schedule", "every": "month"}, ("trigger.day", "required")),
            ({"kind": "schedule", "every": "month", "day": 32}, ("trigger.day", "invalid")),
            ({"kind": "segment_entered"}, ("trigger.segment", "required")),
            ({"kind": "segment_entered", "segment": "none"}, ("trigger.segment", "unknown_segment")),
            ({"kind": "date", "days_before": -1}, ("trigger.days_before", "invalid")),
            ({"kind": "date", "field": "wedding"}, ("trigger.field", "invalid")),
        ],
    )
    def test_refuses_a_bad_trigger(self, trigger, expected):
        assert problems(trigger=trigger) == [expected]

    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            ("send", ("steps[0]", "wrong_type")),
            ({"kind": "send_mesage"}, ("steps[0].kind", "unknown_kind")),
            ({"kind": "wait", "days": 3}, ("steps[0].kind", "not_available")),
            ({"kind": "issue_coupon", "template": "none"}, ("steps[0].template", "unknown_template")),
            ({**SMS, "channel": "smms"}, ("steps[0].channel", "unknown_channel")),
            ({**SMS, "subject": "Hello"}, ("steps[0].subject", "not_used")),
            ({**SMS, "bdy": "Hello"}, ("steps[0].bdy", "unknown_key")),
            ({**SMS, "template": "hello"}, ("steps[0].template", "not_available")),
            ({**SMS, "body": "{{ member.nam }}"}, ("steps[0].body", "unknown_variable")),
            ({**SMS, "body": "{{ coupon.code }}"}, ("steps[0].body", "unknown_variable")),
            ({**SMS, "body": "   "}, ("steps[0].body", "required")),
            ({**EMAIL, "subject": "{{ member.nam }}"}, ("steps[0].subject", "unknown_variable")),
        ],
    )
    def test_refuses_a_bad_step(self, step, expected):
        assert problems(steps=[step]) == [expected]

    def test_lets_only_later_messages_name_the_coupon(self):
        make_template()
        with_code = {**SMS, "body": "{{ coupon.code }}"}

        assert read_document(document(steps=[COUPON, with_code])).steps[1]["body"] == "{{ coupon.code }}"
        assert problems(steps=[with_code, COUPON]) == [("steps[0].body", "unknown_variable")]

    def test_names_what_is_wrong_inside_a_rule(self):
        group = {"combinator": "and", "rules": [{"field": "order_cuont", "operator": ">", "value": 1}]}

        assert problems(audience=group) == [("audience.rules[0].field", "unknown_field")]
        assert problems(exclusion={"combinator": "and", "rules": []}) == [("exclusion.rules", "empty_group")]

    @pytest.mark.parametrize("key", ["exit", "budget", "priority"])
    def test_says_what_this_version_cannot_do_instead_of_ignoring_it(self, key):
        assert problems(**{key: {"value": 1}}) == [(key, "not_available")]
        assert read_document(document(**{key: None}))

    def test_guesses_a_misspelt_key(self):
        with pytest.raises(InvalidInput) as caught:
            read_document(document(audiense=EVERYONE))

        assert [(problem.path, problem.code) for problem in caught.value.problems] == [("audiense", "unknown_key")]
        assert "audience" in str(caught.value.problems[0].message)

    @pytest.mark.parametrize(
        ("re_entry", "expected"),
        [
            ({"policy": "twice"}, ("re_entry.policy", "invalid")),
            ({"policy": "every"}, ("re_entry.days", "required")),
            ({"policy": "once", "days": 3}, ("re_entry.days", "not_used")),
            ({"policy": "every", "days": 0}, ("re_entry.days", "invalid")),
        ],
    )
    def test_refuses_a_bad_re_entry(self, re_entry, expected):
        assert problems(re_entry=re_entry) == [expected]

    @pytest.mark.parametrize("share", [float("nan"), -0.1, 0.95, "0.1", True])
    def test_refuses_a_control_share_that_is_none(self, share):
        assert problems(control_share=share) == [("control_share", "invalid")]

    @pytest.mark.parametrize("given", ["2026-01-01T00:00:00", "soon", 5])
    def test_wants_instants_with_an_offset(self, given):
        assert problems(starts_at=given) == [("starts_at", "invalid")]

    def test_refuses_an_end_before_the_start(self):
        wrong = {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}

        assert problems(**wrong) == [("ends_at", "ends_before_start")]

    @pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
    def test_refuses_text_that_no_database_keeps(self, text):
        assert problems(name=text) == [("name", "unusable_character")]
        assert problems(steps=[{**SMS, "body": text}]) == [("steps[0].body", "unusable_character")]

    def test_refuses_a_document_without_end(self):
        deep: Any = "x"
        for _level in range(5_000):
            deep = [deep]

        assert [code for _path, code in problems(name=deep)] == ["too_deep"]

    @pytest.mark.parametrize("given", [None, [], "campaign", 5])
    def test_refuses_what_is_no_object(self, given):
        with pytest.raises(InvalidInput):
            read_document(given)

    def test_takes_a_segment_that_exists(self):
        create_segment(slug="lost", name="Lost", rule=EVERYONE, now=NOW)

        read = read_document(document(trigger={"kind": "segment_entered", "segment": "lost"}))

        assert read.trigger == {"kind": "segment_entered", "segment": "lost", "include_current": False}
