"""Text kept apart from its translation: this library does not know which language is on the screen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Translate = Callable[[str], str]


def _(msgid: str) -> str:
    """This function will mark a text as translatable, so that makemessages finds it, and return it unchanged."""
    return msgid


def untranslated(msgid: str) -> str:
    """This function will stand in for a translator where English is wanted."""
    return msgid


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence before translation. Parameters may be messages, or lazy strings such as a field's label."""

    msgid: str
    params: Mapping[str, object] = field(default_factory=dict)

    def text(self, translate: Translate = untranslated) -> str:
        """This function will give the sentence in the translator's language."""
        return translate(self.msgid) % {
            name: value.text(translate) if isinstance(value, Message) else value for name, value in self.params.items()
        }

    def __str__(self) -> str:
        return self.text()


def shorten(value: object, *, longest: int = 60) -> str:
    """This function will show what somebody typed inside a message without repeating a novel."""
    shown = value if isinstance(value, str) else f"({type(value).__name__})"
    shown = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in shown[: longest + 1])
    return shown if len(shown) <= longest else shown[:longest] + "…"
