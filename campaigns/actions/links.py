"""Links in the text of a message: where each begins and ends, and which host it leads to.

A link is what RFC 3986 lets an address be made of, so it ends before Chinese text that follows without a space. Its number
is its place among all links of the text: an address that was sent names it for ever, so what counts as a link must not
change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_LINK = 2_000
"""Characters. What browsers and phones are sure to open; a longer one is left as it is."""

ADDRESS = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
ENDS_A_SENTENCE = ".,;:!?'"
BRACKETS = {")": "(", "]": "["}
UNFINISHED = "=&?#%+-_"
NO_PART_OF_AN_ADDRESS = "\\|{}^`"
"""What no address may hold and some are written with all the same: nobody knows where such a one ends."""


@dataclass(frozen=True, slots=True)
class Link:
    """`address` is `text[start:end]` of the text it stands in."""

    start: int
    end: int
    address: str
    host: str


def links_in(text: str) -> list[Link]:
    """This function will find the links of a text, in their order.

    One that goes on in letters that an address may not hold (`?name=张三`) is none: cut off there it would lead elsewhere.
    """
    return list(_links(text))


def hosts_in(text: str) -> set[str]:
    """This function will name the hosts that the links of a text lead to, each with its port and a user before it."""
    return {link.host for link in links_in(text)}


def _links(text: str) -> Iterator[Link]:
    for found in ADDRESS.finditer(text):
        address = _without_the_sentence(found[0])
        host = _host(address)
        if host and len(address) <= LONGEST_LINK and not _goes_on(found[0], text[found.end() : found.end() + 1]):
            yield Link(found.start(), found.start() + len(address), address, host)


def _without_the_sentence(address: str) -> str:
    """A full stop, or the bracket around it, belongs to the sentence a link stands in."""
    while address:
        last = address[-1]
        closes = last in BRACKETS and address.count(last) > address.count(BRACKETS[last])
        if not closes and last not in ENDS_A_SENTENCE:
            break
        address = address[:-1]
    return address


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        return parts.netloc.lower() if parts.hostname else ""
    except ValueError:
        return ""


def _goes_on(found: str, following: str) -> bool:
    """Whether the character behind belongs to the address as its writer meant it."""
    return bool(following) and (following in NO_PART_OF_AN_ADDRESS or (following.isalnum() and found[-1] in UNFINISHED))
