"""Whatever a person can be shown in English can be shown in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po
from django.utils.translation import gettext, ngettext, override, pgettext
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "core", "rules", "members", "retention", "campaigns")
ONE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
SEVERAL = {"ngettext", "ngettext_lazy"}
IN_CONTEXT = {"pgettext", "pgettext_lazy"}
QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
TEMPLATE_CALL = re.compile(rf"\b(gettext|_)\(u?(?P<text>{QUOTED})\)")
TEMPLATE_PLURAL = re.compile(rf"\bngettext\(u?(?P<text>{QUOTED}), ?u?(?P<more>{QUOTED}),")


def said_in_code(source: str) -> Iterator[tuple[str, ...]]:
    """This function will yield the arguments of translating calls: (text), (one, several) or (context, text)."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        wanted = 1 if name in ONE else 2 if name in SEVERAL | IN_CONTEXT else 0
        texts = [each.value for each in node.args[:wanted] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if wanted and len(texts) == wanted:
            yield ("context", *texts) if name in IN_CONTEXT else tuple(texts)


def said_in_template(source: str) -> Iterator[tuple[str, ...]]:
    python = templatize(source)
    for call in TEMPLATE_CALL.finditer(python):
        yield (ast.literal_eval(call["text"]),)
    for call in TEMPLATE_PLURAL.finditer(python):
        yield ast.literal_eval(call["text"]), ast.literal_eval(call["more"])


def everything_said() -> set[tuple[str, ...]]:
    said: set[tuple[str, ...]] = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if "migrations" not in path.parts:
                said.update(said_in_code(path.read_text()))
        for path in (ROOT / room).rglob("*.html"):
            said.update(said_in_template(path.read_text()))
    return said


def in_chinese(texts: tuple[str, ...]) -> str:
    if texts[0] == "context" and len(texts) == 3:
        return pgettext(texts[1], texts[2])
    return ngettext(texts[0], texts[1], 2) if len(texts) == 2 else gettext(texts[0])


def speaks(text: str) -> bool:
    """This function will tell whether a text has words at all: «%(name)s × 2» reads the same everywhere."""
    return bool(re.search(r"[A-Za-z]{2}", re.sub(r"%\(\w+\)[sd]|\{\w*\}", "", text)))


def translated() -> Iterator[tuple[list[str], list[str]]]:
    """This function will yield each message of our catalogues that has its Chinese: the English forms, the Chinese ones."""
    for path in ROOT.glob("*/locale/zh_Hans/LC_MESSAGES/django.po"):
        with path.open("rb") as source:
            catalogue = read_po(source)
        for message in catalogue:
            texts = [message.id] if isinstance(message.id, str) else list(message.id)
            strings = [message.string] if isinstance(message.string, str) else list(message.string)
            if texts[0] and strings[0]:
                yield texts, strings


class TestEveryText:
    def test_has_its_chinese(self) -> None:
        known = {text for texts, _strings in translated() for text in texts}
        with override("zh-hans"):
            missing = sorted(
                texts[-1]
                for texts in everything_said()
                if speaks(texts[-1]) and in_chinese(texts) in texts and texts[-1] not in known
            )
        assert missing == [], "run `make messages`, then translate these in config/locale"

    def test_is_found_in_code_and_in_templates(self) -> None:
        said = everything_said()
        assert {("Start campaign",), ("Needs you",), ("context", "between conditions", "and")} <= said
        assert ("%(count)s member", "%(count)s members") in said


class TestTheCatalogue:
    def test_keeps_the_placeholders_of_each_text(self) -> None:
        broken = [texts[-1] for texts, strings in translated() if places(texts[-1]) != places(strings[0])]
        assert broken == []


def places(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]", text))
