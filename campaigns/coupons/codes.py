"""Coupon codes: unguessable, easy to read aloud, and forgiving when typed.

A code of our own is twelve random characters of Crockford's alphabet (60 bits) and one check character. The check is a
weighted sum in the field of 32 elements: it finds every single wrong character and every swap of two neighbours, so that a
typing error is told from a code that never was.
"""

from __future__ import annotations

import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
BITS = 5
RANDOM_CHARACTERS = 12
OWN_LENGTH = RANDOM_CHARACTERS + 1
PUBLIC_LENGTH = 64

FIELD_SIZE = 1 << BITS
REDUCTION = 0b100101  # x^5 + x^2 + 1, primitive: powers of x run through all 31 elements but zero

VALUE_OF = {character: value for value, character in enumerate(ALPHABET)}
SEEN_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_codes(count: int) -> list[str]:
    """This function will make `count` different codes that nobody can guess; which exist already the database knows."""
    codes: dict[str, None] = {}
    while len(codes) < count:
        codes[_new_code()] = None
    return list(codes)


def own_code(text: str) -> str | None:
    """This function will read a typed code of our own: case, spaces, dashes and look-alikes do not matter. None: not one."""
    typed = _as_typed(text)
    return typed if typed is not None and check_character(typed[:-1]) == typed[-1] else None


def is_mistyped(text: str) -> bool:
    """This function will say whether the text has the shape of a code of ours but a wrong character in it."""
    return _as_typed(text) is not None and own_code(text) is None


def public_code(text: str) -> str:
    """This function will give a public code as it is stored and shown: wide characters narrowed, the ends trimmed."""
    return unicodedata.normalize("NFKC", text).strip()


def public_key(text: str) -> str:
    """This function will give the form in which public codes are compared, so that case does not matter."""
    return public_code(text).upper()


def is_public_shape(code: str) -> bool:
    """This function will say whether a public code may be used: 1 to 64 letters, digits, dashes and underscores.

    Letters beyond ASCII that have a case are refused: the two databases do not agree on their capitals. A code that reads as
    one of our own is refused too, for a code must mean one coupon.
    """
    return 1 <= len(code) <= PUBLIC_LENGTH and all(map(_may_stand_in_public, code)) and own_code(code) is None


def check_character(characters: str) -> str:
    """This function will compute the check character of a body of alphabet characters.

    Source: a check sum over GF(32) with weights x^n .. x^1. Weights are never zero, so a changed character changes the sum;
    neighbours have different weights, so swapping two different neighbours changes it.
    """
    total = 0
    for character in characters:
        total = _times_x(total ^ VALUE_OF[character])
    return ALPHABET[total]


def _new_code() -> str:
    number = secrets.randbits(BITS * RANDOM_CHARACTERS)
    body = "".join(ALPHABET[number >> shift & (FIELD_SIZE - 1)] for shift in range(0, BITS * RANDOM_CHARACTERS, BITS))
    return body + check_character(body)


def _as_typed(text: str) -> str | None:
    typed = public_key(text).translate(SEEN_AS)
    return typed if len(typed) == OWN_LENGTH and all(character in VALUE_OF for character in typed) else None


def _may_stand_in_public(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in "-_"
    return character.isalnum() and character.upper() == character.lower()


def _times_x(value: int) -> int:
    shifted = value << 1
    return shifted ^ REDUCTION if shifted & FIELD_SIZE else shifted
