"""What a service raises when it refuses: the reason in words, a code for machines, whether trying again may help."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise

Text = str | Promise


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one part of the input; `path` is empty for the whole."""

    path: str
    code: str
    message: Text

    def as_json(self) -> dict[str, str]:
        return {"path": self.path, "code": self.code, "message": str(self.message)}


class DomainError(Exception):
    """The base of every refusal. `status` is what REST answers: 409 for a conflict of state, 422 for invalid input."""

    code = "refused"
    retryable = False
    status = 409

    def __init__(self, message: Text, *, code: str | None = None, problems: Iterable[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return str(self.message)


class InvalidInput(DomainError):
    """The input itself is wrong, whatever the state: each problem names its field."""

    code = "invalid"
    status = 422


class NotFound(DomainError):
    code = "not_found"
    status = 404


ERROR_LENGTH = 500


def told(failure: Exception) -> str:
    """This function will say of an error what may stand on a page and in a log: our own refusals in words; of others the
    kind and the place.

    Messages of foreign errors quote what they choked on: a row with somebody's phone number, an address with a password.
    """
    kind = type(failure).__name__
    if isinstance(failure, DomainError):
        return f"{kind}: {failure}"[:ERROR_LENGTH]
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno} of {frames[-1].filename.rpartition('/')[2]}" if frames else ""
    return f"{kind}{place}"[:ERROR_LENGTH]
