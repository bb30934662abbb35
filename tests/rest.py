"""A client of the REST API as an integrator writes one: a key, JSON bodies, absolute addresses followed as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.test import Client
from django.utils import translation

from core.models import ApiKey, Scope
from core.services.keys import create_api_key

MADE_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ROOT = "/api/v1/"


def given_key(*scopes: str, name: str = "shop system") -> tuple[ApiKey, str]:
    return create_api_key(name=name, scopes=scopes or Scope.values, now=MADE_AT)


EXPORT = "/export/"
"""Of this address alone the answer may be a zip; everything else is JSON."""


class Caller:
    """Calls below /api/v1/; every answer is checked to be JSON or empty."""

    def __init__(self, key: str | None, **headers: str) -> None:
        self._client = Client(headers=headers | ({"authorization": f"Bearer {key}"} if key is not None else {}))

    def call(self, method: str, address: str, body: Any = None, **options: Any) -> Any:
        path = address if address.startswith(("http", "/")) else ROOT + address
        if body is not None and "content_type" not in options:
            options["content_type"] = "application/json"
        data = body if isinstance(body, bytes) else _json(body)
        with translation.override(translation.get_language()):  # a request's language is not the next test's
            response = self._client.generic(method, path, data=data, **{"content_type": "", **options})
        if response.content:
            allowed = (
                ("application/json", "application/zip") if response.status_code < 400 else ("application/problem+json",)
            )
            assert response.headers["Content-Type"] in allowed, (response.status_code, response.headers)
        return response

    def call_file(self, address: str) -> Any:
        """An answer that is a CSV, sent in pieces."""
        response = self._client.get(ROOT + address)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        return response

    def get(self, address: str, **options: Any) -> Any:
        return self.call("GET", address, **options)

    def post(self, address: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", address, body, **options)

    def put(self, address: str, body: Any = None, **options: Any) -> Any:
        return self.call("PUT", address, body, **options)

    def patch(self, address: str, body: Any = None, **options: Any) -> Any:
        return self.call("PATCH", address, body, **options)

    def delete(self, address: str, body: Any = None, **options: Any) -> Any:
        return self.call("DELETE", address, body, **options)

    def pages(self, address: str) -> Iterator[dict[str, Any]]:
        """Every page from here on, by following `next`."""
        following: str | None = address
        while following:
            response = self.get(following)
            assert response.status_code == 200, response.content
            page = response.json()
            yield page
            following = page["next"]

    def all(self, address: str) -> list[Any]:
        return [result for page in self.pages(address) for result in page["results"]]


def caller(*scopes: str, **headers: str) -> Caller:
    """This function will make a key with these scopes (all of them, if none are named) and a client that carries it."""
    return Caller(given_key(*scopes)[1], **headers)


def in_path(text: str) -> str:
    return quote(text, safe="")


def paths_of(response: Any) -> list[str]:
    return [error["path"] for error in response.json()["errors"]]


def _json(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()
