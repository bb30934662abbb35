"""Every refusal as RFC 9457 problem+json: one handler for our own errors, DRF's, Django's and the ones nobody expected."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.http.request import UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from core.errors import DomainError, FieldProblem, Text

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
WHOLE = "non_field_errors"


@dataclass(frozen=True, slots=True)
class Problem:
    """What a refused call is answered: `type` is always about:blank, so `title` is the status's own phrase."""

    status: int
    code: str
    detail: Text
    errors: tuple[FieldProblem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": str(self.detail),
            "code": self.code,
        }
        if self.errors:
            body["errors"] = [error.as_json() for error in self.errors]
        return body

    def as_response(self) -> Response:
        return Response(self.as_json(), status=self.status, headers=dict(self.headers), content_type=CONTENT_TYPE)


class Unparsable(exceptions.ParseError):
    """The body is no JSON."""

    default_code = "unparsable"


class UnsupportedEncoding(exceptions.APIException):
    """The body is packed in a way that nobody here unpacks."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported_encoding"
    default_detail = _("Send the body as it is: no Content-Encoding is read.")


class BodyTooLarge(exceptions.APIException):
    """The body says itself that it is larger than this address takes."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class LengthRequired(exceptions.APIException):
    """A chunked body has no length, and the server behind us would read it as empty."""

    status_code = HTTPStatus.LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = _("Send the body with a Content-Length; chunked bodies are not read.")


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """This function will turn any error of a call into its answer. DRF calls it; nothing is left to an HTML page."""
    return problem_of(error).as_response()


@singledispatch
def problem_of(error: Exception) -> Problem:
    """Nobody expected this one: the log has the traceback, the caller learns no internals."""
    logger.error("api.unexpected_error", exc_info=error)
    return Problem(500, "internal_error", _("Something went wrong on our side. It has been noted."))


@problem_of.register
def _domain(error: DomainError) -> Problem:
    headers = {"Retry-After": "1"} if error.retryable else {}
    return Problem(error.status, error.code, error.message, error.problems, headers)


@problem_of.register
def _api(error: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Problem(error.status_code, _code(error), str(error.detail), headers=headers)


@problem_of.register
def _invalid(error: exceptions.ValidationError) -> Problem:
    return Problem(422, "invalid", _("The input is not valid."), tuple(field_problems(error.detail)))


@problem_of.register
def _throttled(error: exceptions.Throttled) -> Problem:
    seconds = max(1, round(getattr(error, "wait", None) or 1))
    detail = _("This key has used up its calls for this minute. Try again in %(seconds)d s.") % {"seconds": seconds}
    return Problem(429, "throttled", detail, headers={"Retry-After": str(seconds)})


@problem_of.register
def _missing(error: Http404) -> Problem:
    return Problem(404, "not_found", _("There is nothing here."))


@problem_of.register
def _forbidden(error: DjangoPermissionDenied) -> Problem:
    return Problem(403, "permission_denied", _("This is not allowed."))


@problem_of.register
def _too_large(error: RequestDataTooBig) -> Problem:
    return Problem(413, "body_too_large", _("The body is too large. Send fewer items in a call."))


@problem_of.register(SuspiciousOperation)
@problem_of.register(UnreadablePostError)
def _unreadable(error: Exception) -> Problem:
    return Problem(400, "unreadable", _("The request could not be read."))


@problem_of.register
def _database_busy(error: OperationalError) -> Problem:
    """A lock not got in time, a deadlock's loser, a connection lost: nothing was written, and the next try may pass."""
    logger.warning("api.database_unavailable", exc_info=error)
    return Problem(503, "unavailable", _("The database is busy. Try again in a moment."), headers={"Retry-After": "1"})


def field_problems(detail: Any, path: str = "") -> Iterator[FieldProblem]:
    """This function will flatten DRF's nested errors to a path, a code and a message each: `lines[0].quantity`."""
    if isinstance(detail, Mapping):
        for key, below in detail.items():
            yield from field_problems(below, path if key == WHOLE else _below(path, key))
    elif isinstance(detail, list):
        yield from _listed(detail, path)
    else:
        yield FieldProblem(path, str(getattr(detail, "code", "invalid")), str(detail))


def _listed(details: Iterable[Any], path: str) -> Iterator[FieldProblem]:
    """A list holds the messages of one field, or one mapping (empty when all is well) for each item of a list field."""
    for position, each in enumerate(details):
        yield from field_problems(each, f"{path}[{position}]" if isinstance(each, Mapping | list) else path)


def _below(path: str, key: object) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code
