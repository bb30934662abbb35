"""Path parameters are plain strings: an id is whatever the shop calls its member."""

from __future__ import annotations

from django.urls import register_converter


class AnyText:
    """One or more characters of any kind, a slash too: servers hand `%2F` over as `/`.

    An address that ends in such a parameter comes after the longer ones that begin the same.
    """

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """Blanks around an id are no part of it, as when it comes in; an id of blanks alone is none."""
        if not value.strip():
            raise ValueError(value)
        return value.strip()

    def to_url(self, value: str) -> str:
        return value


class Segment(AnyText):
    """The same without a slash."""

    regex = r"[^/]+"


register_converter(AnyText, "any")
register_converter(Segment, "segment")
