"""The base of every address under /api/v1/: what comes before the work, in which order, and how lists are answered."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView

from core.api.audit import Subject, answer_audited
from core.api.auth import NoPermissionNeeded
from core.api.idempotency import answer_once, idempotency_key
from core.api.pages import CursorPages, Order
from core.api.problems import LengthRequired, UnsupportedEncoding
from core.errors import FieldProblem, InvalidInput

SAFE = frozenset({"GET", "HEAD"})
PAGE_PARAMETERS = frozenset({"cursor", "page_size"})


class ApiView(APIView):
    """Parse, one service call, render; the rest happens here, in this order:

    401 without a key, whatever the address; 429; 403 by scope; 406; 405; 404 for an id that no database can hold; 422 for a
    query parameter nobody declared (a filter with a typing mistake must not answer everything); then the body.
    """

    scopes: ClassVar[dict[str, str | None]] = {}
    serves: ClassVar[str | None] = None
    """Which keys an address serves whose methods need no scope, for the schema."""
    audits: ClassVar[Subject | None] = None
    """What its unsafe methods change, for the audit trail."""
    query_in: ClassVar[type[Serializer[Any]] | None] = None
    asks_in: ClassVar[tuple[str, ...]] = ("GET", "HEAD")
    """The methods that take query parameters; of others they are passed over."""
    pagination_class: ClassVar[type[CursorPages] | None] = None
    # What is answered is about people: no proxy keeps it.
    cache_control = "no-store"
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    format_kwarg = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = {**self.default_response_headers, "Cache-Control": self.cache_control}
        try:
            self.initial(self.request, *args, **kwargs)
            handle: Callable[[], Response] = partial(self._handler(), self.request, *args, **kwargs)
            if self.audits is not None and self.request.method not in SAFE:
                handle = partial(answer_audited, self.audits, self.request, kwargs, handle)
            key = idempotency_key(self.request)
            if key is None:
                return self._rendered(handle())
            return self._with_headers(
                answer_once(
                    self.request,
                    key,
                    body=self.body_digest(),
                    handle=handle,
                    refuse=self.handle_exception,
                    render=self._rendered,
                )
            )
        except Exception as error:
            return self._rendered(self.handle_exception(error))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        self.check_throttles(request)
        self.check_permissions(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self._handler()
        if any("\0" in value for value in kwargs.values()):
            raise NotFound
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            raise LengthRequired
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedEncoding
        self._check_parameters(request)

    # what handlers use

    def parsed(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """This function will return the body as the serializer reads it, or raise 400, 415 or 422."""
        form = serializer(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def query(self) -> dict[str, Any]:
        """This function will return the query parameters as `query_in` reads them."""
        assert self.query_in is not None
        form = self.query_in(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def demand_known(self, names: Iterable[str], problems: Sequence[FieldProblem] = ()) -> None:
        """This function will refuse parameters that the address does not have, together with other problems of them."""
        known = set(PAGE_PARAMETERS) if self.pagination_class else set()
        if self.query_in is not None:
            known |= set(self.query_in().fields)
        unknown = [
            FieldProblem(name, "unknown_parameter", _unknown_parameter(name, known)) for name in names if name not in known
        ]
        if unknown or problems:
            raise InvalidInput(_("The input is not valid."), problems=[*unknown, *problems])

    def body_digest(self) -> bytes:
        """What tells one body from another under one Idempotency-Key."""
        return bytes(self.request.body)

    def page(
        self,
        queryset: Any,
        *,
        order: Order,
        render: type[BaseSerializer[Any]] | Callable[[Sequence[Any]], list[Any]],
    ) -> Response:
        """This function will answer one page; `render` is an `...Out` serializer, or turns the rows of a page into JSON."""
        assert self.pagination_class is not None
        pages = self.pagination_class()
        rows = pages.page(queryset, request=self.request, order=order)
        data = render(rows, many=True).data if isinstance(render, type) else render(rows)
        return pages.get_paginated_response(data)

    # inside

    def _handler(self) -> Callable[..., Response]:
        method = str(self.request.method).lower()
        if method not in self.http_method_names:
            return self.http_method_not_allowed
        handler: Callable[..., Response] = getattr(self, method, self.http_method_not_allowed)
        if handler == self.http_method_not_allowed:
            self.http_method_not_allowed(self.request)
        return handler

    def _check_parameters(self, request: Request) -> None:
        if request.method not in self.asks_in:
            return
        repeated = [
            FieldProblem(name, "repeated_parameter", _("This parameter is given more than once."))
            for name, values in request.query_params.lists()
            if len(values) > 1
        ]
        self.demand_known(request.query_params, repeated)

    def _rendered(self, response: Response) -> Response:
        final = self.finalize_response(self.request, response, *self.args, **self.kwargs)
        return final.render() if isinstance(final, Response) else final

    def _with_headers(self, response: HttpResponse) -> HttpResponse:
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        return response


class UnknownAddress(ApiView):
    """Everything under /api/v1/ that is no address: a caller without a key learns nothing, one with a key gets 404."""

    permission_classes = (NoPermissionNeeded,)
    default_response_headers: ClassVar[dict[str, str]] = {}

    def _handler(self) -> Callable[..., Response]:
        return self._nothing_here

    def _check_parameters(self, request: Request) -> None:
        return

    def _nothing_here(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if request.path.endswith("/"):
            raise NotFound(_("There is no such address."))
        raise NotFound(_("There is no such address. All addresses but openapi.json end with a slash."))


def _unknown_parameter(name: str, known: set[str]) -> Any:
    near = difflib.get_close_matches(name[:50], known, n=1)
    if near:
        return _("There is no such parameter. Did you mean “%(near)s”?") % {"near": near[0]}
    if not known:
        return _("This address takes no parameters.")
    return _("There is no such parameter. Known are: %(known)s.") % {"known": ", ".join(sorted(known))}
