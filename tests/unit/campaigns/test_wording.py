"""The language of messages."""

from __future__ import annotations

import pytest

from campaigns.actions.wording import Unreadable, problems_in, written

KNOWN = ("member.name", "member.external_id", "campaign.name", "shop.name")


def problems(text: str) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in problems_in(text, path="body", known=KNOWN)]


class TestProblemsIn:
    def test_finds_none_in_a_message_with_known_words(self):
        assert (
            problems("Dear {{ member.name | default: 'friend' }}{% if shop.name != '' %} of {{ shop.name }}{% endif %}")
            == []
        )

    def test_names_an_unknown_word_and_guesses(self):
        found = list(problems_in("{{ member.nmae }}", path="body", known=KNOWN))

        assert [(each.path, each.code) for each in found] == [("body", "unknown_variable")]
        assert "member.name" in str(found[0].message)

    def test_finds_an_unknown_word_inside_a_condition_that_may_never_hold(self):
        assert problems("{% if member.name == 'x' %}{{ secret.key }}{% endif %}") == [("body", "unknown_variable")]

    def test_tells_that_no_step_before_gives_a_coupon(self):
        found = list(problems_in("{{ coupon.code }}", path="body", known=KNOWN))

        assert "no step before this message gives a coupon" in str(found[0].message)

    def test_names_an_unknown_filter(self):
        assert problems("{{ member.name | nosuch }}") == [("body", "unknown_filter")]

    def test_knows_words_that_the_message_itself_makes(self):
        assert problems("{% assign greeting = 'Hi ' | append: member.name %}{{ greeting }}") == []

    @pytest.mark.parametrize("text", ["{{ member.name", "{% if %}", "{% include 'x' %}", "{% endif %}"])
    def test_refuses_what_cannot_be_read(self, text):
        assert problems(text) == [("body", "message_syntax")]


class TestWritten:
    def test_falls_back_when_a_name_is_missing(self):
        assert written("Dear {{ member.name | default: 'friend' }}", {"member": {"name": ""}}) == "Dear friend"

    def test_does_not_read_a_name_as_language(self):
        assert written("{{ member.name }}", {"member": {"name": "{{ 1 | plus: 1 }}"}}) == "{{ 1 | plus: 1 }}"

    def test_gives_up_on_a_message_without_end(self):
        with pytest.raises(Unreadable):
            written("{% for i in (1..1000000) %}{{ member.name }}{% endfor %}", {"member": {"name": "x"}})

    def test_gives_up_on_a_word_that_has_no_value(self):
        with pytest.raises(Unreadable):
            written("{{ coupon.code }}", {"member": {"name": "x"}})
