import re

import pytest

from campaigns.coupons.codes import (
    ALPHABET,
    check_character,
    is_mistyped,
    is_public_shape,
    new_codes,
    own_code,
    public_code,
    public_key,
)

CODE = "0123456789AB" + check_character("0123456789AB")


class TestNewCodes:
    def test_are_twelve_random_characters_and_a_check(self):
        (code,) = new_codes(1)
        assert re.fullmatch(f"[{ALPHABET}]{{13}}", code)
        assert check_character(code[:-1]) == code[-1]

    def test_are_all_different(self):
        assert len(set(new_codes(10_000))) == 10_000

    def test_use_every_character_at_every_place(self):
        codes = new_codes(3_000)
        assert [len({code[place] for code in codes}) for place in range(13)] == [32] * 13

    def test_of_nobody_are_none(self):
        assert new_codes(0) == []


class TestACheckCharacter:
    def test_of_a_known_body_is_this_one(self):
        assert CODE == "0123456789ABV"

    def test_finds_every_single_wrong_character(self):
        for place in range(len(CODE)):
            for other in ALPHABET:
                wrong = CODE[:place] + other + CODE[place + 1 :]
                assert (own_code(wrong) is None) == (wrong != CODE)

    def test_finds_every_swap_of_two_neighbours(self):
        for code in new_codes(200):
            for place in range(len(code) - 1):
                swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
                assert (own_code(swapped) is None) == (swapped != code)


class TestReadingATypedCode:
    @pytest.mark.parametrize(
        "typed",
        [
            "0123456789ABV",
            "0123-4567-89AB-V",
            " 0123 4567 89ab v ",
            "O123456789ABV",
            "0i23456789abv",
            "ol23456789abv",
            "０１２３４５６７８９ＡＢＶ",
        ],
    )
    def test_forgives_case_spaces_dashes_and_look_alikes(self, typed):
        assert own_code(typed) == CODE

    @pytest.mark.parametrize("typed", ["", "SPRING", "0123456789ABVN", "U123456789ABV", "0123456789AB!", "\0"])
    def test_gives_nothing_for_what_has_not_the_shape(self, typed):
        assert own_code(typed) is None
        assert not is_mistyped(typed)

    def test_tells_a_typing_error_from_a_stranger(self):
        assert is_mistyped("0123456789ABM")
        assert not is_mistyped(CODE)


class TestAPublicCode:
    @pytest.mark.parametrize("code", ["SPRING", "spring-2026", "双11", "A", "x" * 64, "8_8"])
    def test_is_letters_digits_dashes_and_underscores(self, code):
        assert is_public_shape(code)

    @pytest.mark.parametrize("code", ["", "x" * 65, "two words", "a/b", "50%", "a\0b", "été", "ß", CODE, CODE.lower()])
    def test_is_nothing_else_and_not_one_of_our_own(self, code):
        assert not is_public_shape(code)

    def test_is_compared_without_case_and_width(self):
        assert public_key(" ｓｐｒｉｎｇ ") == public_key("Spring") == "SPRING"

    def test_is_kept_as_it_was_written(self):
        assert public_code(" Spring-１ ") == "Spring-1"
