"""Rules that come from outside: refused with a path for each thing wrong, or said in words."""

from __future__ import annotations

from contextlib import nullcontext

from django.utils import translation

from retention.selectors.rules import readable, writer
from rules.ast import Node


def checked_rule(document: object, *, prefix: str = "") -> Node:
    """This function will read a rule that can be evaluated now, or raise InvalidInput with paths below `prefix`."""
    return readable(document, prefix=prefix)[0]


def sentence(document: object, *, language: str | None = None) -> str:
    """This function will say a rule in words, in a language or the active one; raises InvalidInput as `checked_rule`."""
    rule = checked_rule(document)
    with translation.override(language) if language else nullcontext():
        return writer().sentence(rule)
