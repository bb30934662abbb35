"""What becomes of a word on consent: a function of when things were said, not of the order in which they were heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from members.models import ConsentSource
from members.services.consents import Origin, Outcome, Standing, Stated, Word, outcome_of, strictest
from members.services.preferences import is_stop_word
from tests.factories import NOW

ORIGIN = Origin(ConsentSource.API, "stated by Shop")


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def yes(at: int | None = None, proof: str = "") -> Word:
    return Word(1, Stated("sms", "marketing", True, None if at is None else day(at), proof), ORIGIN)


def no(at: int | None = None) -> Word:
    return Word(1, Stated("sms", "marketing", False, None if at is None else day(at)), ORIGIN)


def stop(at: int) -> Word:
    return Word(1, Stated("sms", "marketing", False, day(at)), ORIGIN, suppresses=True)


def said(*words: Word, heard: int = 10) -> tuple[list[Outcome], Standing | None]:
    standing: Standing | None = None
    outcomes = []
    for word in words:
        outcome, standing = outcome_of(word, standing, day(heard))
        outcomes.append(outcome)
    return outcomes, standing


class TestARefusalForGood:
    @pytest.mark.parametrize(
        ("word", "outcome"),
        [
            (yes(), Outcome.SUPPRESSED),
            (yes(proof="form"), Outcome.SUPPRESSED),
            (yes(3), Outcome.SUPPRESSED),
            (yes(1, "form"), Outcome.SUPPRESSED),
            (yes(2, "form"), Outcome.SUPPRESSED),
            (yes(3, "form"), Outcome.TAKEN),
        ],
    )
    def test_yields_only_to_a_later_consent_with_a_date_and_a_proof(self, word: Word, outcome: Outcome) -> None:
        outcomes, standing = said(stop(2), word)
        assert standing is not None
        assert (outcomes[-1], standing.granted) == (outcome, outcome is Outcome.TAKEN)

    def test_is_remembered_after_it_was_lifted(self) -> None:
        _outcomes, standing = said(stop(2), yes(3, "form"), no(4))
        assert standing is not None
        assert standing.suppressed_at == day(2)
        assert outcome_of(yes(), standing, day(10))[0] is Outcome.SUPPRESSED

    def test_ends_the_same_in_whatever_order_things_are_heard(self) -> None:
        for words in permutations([yes(1, "form"), stop(2), yes(3, "form"), no(0)]):
            _outcomes, standing = said(*words)
            assert standing is not None
            assert (standing.granted, standing.suppressed_at) == (True, day(2))
        for words in permutations([yes(1, "form"), stop(2), stop(1), yes(2, "form")]):
            _outcomes, standing = said(*words)
            assert standing is not None
            assert (standing.granted, standing.suppressed_at) == (False, day(2))


class TestOtherWords:
    def test_of_two_the_later_stands_and_at_one_instant_the_refusal(self) -> None:
        assert said(no(2), yes(1, "form"))[0][-1] is Outcome.OUTDATED
        assert said(no(2), yes(2, "form"))[0][-1] is Outcome.OUTDATED
        assert said(yes(2, "form"), no(2))[0][-1] is Outcome.TAKEN
        assert said(no(1), yes())[0][-1] is Outcome.TAKEN

    def test_said_again_change_nothing_unless_newly_proven(self) -> None:
        assert said(yes(), yes())[0][-1] is Outcome.UNCHANGED
        assert said(yes(2, "form"), yes(2, "form"))[0][-1] is Outcome.UNCHANGED
        assert said(yes(2, "form"), yes(3, "call"))[1] == Standing(True, "call", day(3), day(3), None)


class TestTwoMembersMadeOne:
    def test_keep_the_strictest(self) -> None:
        stopped = Standing(False, "link", day(5), None, day(5))
        assert strictest(kept=Standing(True, "form", day(9)), dropped=stopped).granted is False
        assert strictest(kept=stopped, dropped=Standing(True, "form", day(4), day(4))).granted is False
        assert strictest(kept=stopped, dropped=Standing(True, "form", day(6), day(6))) == Standing(
            True, "form", day(6), day(6), day(5)
        )


@pytest.mark.parametrize("text", ["R", "r ", "td", "T", "退订", "【退订】", "ＴＤ", "Stop!", "N"])
def test_an_answer_that_refuses_is_understood(text: str) -> None:
    assert is_stop_word(text)


@pytest.mark.parametrize("text", ["", "谢谢", "re", "please don't stop", "to", "?"])
def test_any_other_answer_refuses_nothing(text: str) -> None:
    assert not is_stop_word(text)
