"""Cursor pages: `{next, previous, results}` by position in a stable order; no count, no offset, however long the list."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db.models import CharField, DateTimeField, Field, IntegerField, Q, QuerySet, TextField
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldProblem, InvalidInput

DEFAULT_SIZE = 100
LARGEST_SIZE = 1000
LARGEST_INTEGER = 2**63 - 1

Order = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row a page begins after (or, backwards, ends before): its values in the list's order."""

    backwards: bool
    values: tuple[Any, ...]

    def encoded(self) -> str:
        document = msgspec.json.encode([self.backwards, *map(_written, self.values)])
        return urlsafe_b64encode(document).decode().rstrip("=")


class CursorPages(BasePagination):
    """A page of a queryset. The order's last field is unique, so every row has one place and none shows twice.

    A cursor is checked against the types of the order's fields; a forged one is an invalid parameter, never an error.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        raise NotImplementedError("views call page(), which names the order")

    def page(self, queryset: Any, *, request: Request, order: Order) -> list[Any]:
        """This function will fetch the page the request's parameters ask for, and one row more to know what follows."""
        self._request, self._order = request, order
        size = read_size(request.query_params.get("page_size"))
        cursor = read_cursor(request.query_params.get("cursor"), self.fields(queryset, order))
        self._back = cursor is not None and cursor.backwards
        found = self.rows(queryset, order, cursor, most=size + 1)
        self._rows, more = found[:size], len(found) > size
        if self._back:
            self._rows.reverse()
        self._has_next = bool(self._rows) and (more if not self._back else True)
        self._has_previous = bool(self._rows) and (more if self._back else cursor is not None)
        return self._rows

    def fields(self, queryset: Any, order: Order) -> list[Field[Any, Any]]:
        """This function will return the types of the values that a cursor holds."""
        return [_field(queryset, name) for name in order]

    def rows(self, queryset: Any, order: Order, cursor: Cursor | None, *, most: int) -> list[Any]:
        """This function will fetch the rows next to the cursor, the nearest first."""
        place = _reversed(order) if self._back else order
        if cursor is not None:
            queryset = queryset.filter(_beyond(place, cursor.values))
        return list(queryset.order_by(*place)[:most])

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._address(backwards=False) if self._has_next else None,
                "previous": self._address(backwards=True) if self._has_previous else None,
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": address, "previous": address, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": str(_("Where the page begins; take it from `next` or `previous`.")),
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": str(_("How many results a page holds at most.")),
                "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE, "default": DEFAULT_SIZE},
            },
        ]

    def _address(self, *, backwards: bool) -> str:
        """The address of this very call, every parameter kept, with another cursor."""
        row = self._rows[0] if backwards else self._rows[-1]
        values = tuple(_value(row, name.lstrip("-")) for name in self._order)
        parameters = self._request.query_params.copy()
        parameters["cursor"] = Cursor(backwards, values).encoded()
        return self._request.build_absolute_uri(f"{escape_uri_path(self._request.path)}?{parameters.urlencode()}")


def read_size(given: str | None) -> int:
    if given is None:
        return DEFAULT_SIZE
    if given.isascii() and given.isdigit() and len(given) <= 4 and 1 <= int(given) <= LARGEST_SIZE:
        return int(given)
    message = _("A page holds 1 to %(most)d results.") % {"most": LARGEST_SIZE}
    raise _wrong("page_size", "out_of_range", message)


def read_cursor(given: str | None, fields: Sequence[Field[Any, Any]]) -> Cursor | None:
    if given is None:
        return None
    try:
        backwards, *values = msgspec.json.decode(urlsafe_b64decode(given + "=" * (-len(given) % 4)), type=list)
        read = tuple(_read(field, value) for field, value in zip(fields, values, strict=True))
    except (binascii.Error, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise _wrong("cursor", "invalid_cursor", _("This cursor is not one of ours. Begin again without it.")) from error
    return Cursor(backwards is True, read)


def _wrong(path: str, code: str, message: Any) -> InvalidInput:
    return InvalidInput(_("The input is not valid."), problems=[FieldProblem(path, code, message)])


def _field(queryset: QuerySet[Any, Any], name: str) -> Field[Any, Any]:
    field = queryset.model._meta.get_field(name.lstrip("-"))
    if not isinstance(field, Field) or field.null:
        raise TypeError(f"a list cannot be ordered by {name}: it needs a column that is never empty")
    return field


def _value(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _written(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _read(field: Field[Any, Any], value: Any) -> Any:
    if isinstance(field, DateTimeField):
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError(value)
        return instant.astimezone(UTC)
    if isinstance(field, IntegerField):
        if type(value) is not int or abs(value) > LARGEST_INTEGER:
            raise ValueError(value)
        return value
    if isinstance(field, CharField | TextField):
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(value)
        return value
    raise TypeError(f"no cursor can hold a {type(field).__name__}")


def _reversed(order: Order) -> Order:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def _beyond(order: Order, values: Sequence[Any]) -> Q:
    """Rows after `values` in `order`. The plain bound on the first field comes beside the exact one: it is what an index
    can begin from."""
    first, *rest = order
    name, past = (first[1:], "lt") if first.startswith("-") else (first, "gt")
    beyond = Q(**{f"{name}__{past}": values[0]})
    if not rest:
        return beyond
    same = Q(**{name: values[0]}) & _beyond(tuple(rest), values[1:])
    return Q(**{f"{name}__{past}e": values[0]}) & (beyond | same)
