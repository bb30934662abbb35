"""What can be wrong with a rule: each error names the place, a stable code and a sentence."""

from types import TracebackType
from typing import TypedDict

from rules.messages import Message, Translate, untranslated

MOST_ERRORS = 100
"""Findings reported at once. Origin: nobody reads more, and a hostile document must not cost more."""


class Problem(TypedDict):
    """One error as the REST interface and the builder show it."""

    path: str
    code: str
    message: str


class RuleError(Exception):
    """One thing wrong at one place, such as `rules[0].rules[2].value` ("" is the root)."""

    def __init__(self, path: str, code: str, message: Message) -> None:
        super().__init__(path, code, message)
        self.path = path
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else str(self.message)

    def as_problem(self, translate: Translate = untranslated) -> Problem:
        """This function will give the error as path, code and message."""
        return {"path": self.path, "code": self.code, "message": self.message.text(translate)}


class RuleErrors(Exception):
    """Everything found wrong with one rule, in the order of the document."""

    def __init__(self, errors: tuple[RuleError, ...]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(str(error) for error in self.errors)

    def as_problem(self, translate: Translate = untranslated) -> list[Problem]:
        """This function will give every error as path, code and message."""
        return [error.as_problem(translate) for error in self.errors]


class _Enough(Exception):
    """Stops a reading that has found as many errors as anybody will read."""


class Findings:
    """Collects errors inside a `with` block and raises them together at its end."""

    def __init__(self, most: int = MOST_ERRORS) -> None:
        self._most = most
        self._errors: list[RuleError] = []

    def add(self, path: str, code: str, msgid: str, **params: object) -> None:
        """This function will note one error and go on, unless there are enough."""
        self._errors.append(RuleError(path, code, Message(msgid, params)))
        if len(self._errors) >= self._most:
            raise _Enough

    def add_last(self, path: str, code: str, msgid: str, **params: object) -> None:
        """This function will note an error that makes reading on a waste."""
        self.add(path, code, msgid, **params)
        raise _Enough

    def __enter__(self) -> "Findings":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._errors and (kind is None or kind is _Enough):
            raise RuleErrors(tuple(self._errors)) from None


def refuse(path: str, code: str, msgid: str, **params: object) -> RuleErrors:
    """This function will make the exception for a single error that ends the work."""
    return RuleErrors((RuleError(path, code, Message(msgid, params)),))
