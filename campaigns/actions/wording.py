"""The language of messages: Liquid with a fixed set of words, checked when a campaign is saved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

import liquid
from django.utils.translation import gettext_lazy as _
from liquid.exceptions import LiquidError

from core.errors import FieldProblem
from rules.fields import nearest

MEMBER_WORDS = ("member.name", "member.external_id")
SHOP_WORDS = ("campaign.name", "shop.name")
POINTS_WORDS = ("points.available", "points.expiring", "points.expires_on")
REFUSALS = ("拒收", "退订", "unsubscribe", "preferences_url", "reply r", "reply stop")
"""What a text that says how to refuse has in it, one of them: the carriers' 拒收请回复R, or a link."""
LINK_WORDS = ("unsubscribe_url", "preferences_url")
COUPON_WORDS = ("coupon.code", "coupon.name", "coupon.valid_until", "coupon.link")

# Far more than a message needs, and far less than what would fill a worker's memory.
LONGEST_MESSAGE = 20_000


class Unreadable(Exception):
    """The message cannot be written for this member."""


class _Language(liquid.Environment):
    loop_iteration_limit = 1_000
    local_namespace_limit = 100_000
    output_stream_limit = LONGEST_MESSAGE * 4
    block_nesting_limit = 20


LANGUAGE = _Language(undefined=liquid.StrictUndefined)


def problems_in(text: str, *, path: str, known: Collection[str]) -> Iterator[FieldProblem]:
    """This function will yield what is wrong with a message: grammar first, then every word it knows nothing about."""
    try:
        read = LANGUAGE.from_string(text).analyze()
    except (LiquidError, RecursionError) as error:
        message = _("This cannot be read: %(error)s") % {"error": str(error)}
        yield FieldProblem(path, "message_syntax", message)
        return
    words = {".".join(map(str, each.segments)) for uses in read.globals.values() for each in uses}
    for word in sorted(words - set(known)):
        yield FieldProblem(path, "unknown_variable", _about(word, known))
    for name in sorted(set(read.filters) - set(LANGUAGE.filters)):
        yield FieldProblem(path, "unknown_filter", _("There is no filter “%(name)s”.") % {"name": name})


def written(text: str, words: Mapping[str, str | Mapping[str, str]]) -> str:
    """This function will write a message with a member's words, or raise Unreadable."""
    try:
        return _template(text).render(**words)
    except (LiquidError, ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable(str(error)) from error


@lru_cache(maxsize=1_000)
def _template(text: str) -> liquid.BoundTemplate:
    return LANGUAGE.from_string(text)


def _about(word: str, known: Collection[str]) -> str:
    if word in COUPON_WORDS:
        return str(_("“%(word)s” has no value here: no step before this message gives a coupon.") % {"word": word})
    guess = nearest(word, known)
    if guess is None:
        return str(_("There is no “%(word)s” to put in a message.") % {"word": word})
    return str(_("There is no “%(word)s” to put in a message. Did you mean “%(guess)s”?") % {"word": word, "guess": guess})


def says_how_to_refuse(text: str) -> bool:
    """This function will tell whether a text says how to get no more of its kind. It looks for the usual words."""
    plain = text.casefold()
    return any(word in plain for word in REFUSALS)


def may_hold_links(text: str) -> bool:
    """This function will tell whether a message, before it is written for somebody, has a link of the shop's in it."""
    return "://" in text or "coupon.link" in text
