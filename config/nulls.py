"""Addresses with a null character in what they ask for: no text that is stored has one, and PostgreSQL fails on it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def refuse_nulls(answer: Answer) -> Answer:
    """This function will answer that there is nothing at such an address; the API, which says more, is passed on."""

    def answered(request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") and not request.path.startswith("/api/"):
            raise Http404
        return answer(request)

    return answered
