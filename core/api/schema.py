"""The OpenAPI schema of the addresses under /api/v1/: what each needs, and which problems it may answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from core.api.idempotency import HEADER, LONGEST_KEY, UNSAFE
from core.api.problems import CONTENT_TYPE
from core.api.views import ApiView

PREFIX = "/api/v1/"

Endpoints = list[tuple[str, str, str, Any]]


class FieldProblemOut(serializers.Serializer[Any]):
    """One thing wrong with one part of the input."""

    path = serializers.CharField(help_text="where, such as `items[3].placed_at`; empty: the whole")
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """RFC 9457: why the call was refused. `code` is for machines and never changes; `detail` is for people."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = FieldProblemOut(many=True, required=False)  # type: ignore[assignment]


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "core.api.auth.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key made by `manage.py create_api_key NAME --scopes a,b`.",
        }


class ApiSchema(AutoSchema):
    """Reads from the view what every operation shares: its parameters, its scope, its problems, its idempotency."""

    def get_description(self) -> str:  # type: ignore[override]
        scope = self._scope()
        words = super().get_description() or ""
        return f"{words}\n\nScope: `{scope}`." if scope else words

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = []
        query_in = getattr(self.view, "query_in", None)
        if self.method in getattr(self.view, "asks_in", ("GET",)) and query_in is not None:
            parameters.append(query_in)
        if self.method in UNSAFE:
            parameters.append(
                OpenApiParameter(
                    HEADER,
                    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
                    OpenApiParameter.HEADER,
                    description="Names this call: sent again with the same body it gets the first answer and does nothing.",
                )
            )
        return parameters

    def get_extensions(self) -> dict[str, Any]:
        scope = self._scope()
        return {"x-scope": scope} if scope else {}

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, words in self._problems().items():
            response = OpenApiResponse(ProblemOut, description=words)
            bodies.setdefault(status, self._get_response_for_code(response, status, [CONTENT_TYPE], direction))
        return dict(sorted(bodies.items()))

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        """Components are named for the thing: `...Out` is what our code calls its shape on the way out."""
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return name.removesuffix("Out")

    def _is_list_view(self, serializer: Any = None) -> bool:
        return getattr(self.view, "pagination_class", None) is not None and self.method == "GET"

    def _scope(self) -> str | None:
        """A method that needs no scope of its own says in words which keys it serves."""
        scope = getattr(self.view, "scopes", {}).get(self.method)
        return str(scope) if scope else getattr(self.view, "serves", None)

    def _problems(self) -> dict[str, str]:
        problems = {"401": "No valid API key.", "403": "The key lacks the scope.", "429": "Too many calls in this minute."}
        if "{" in self.path:
            problems["404"] = "There is nothing by this name."
        if self.method == "GET":
            problems["422"] = "A parameter is not valid."
        else:
            problems |= {
                "400": "The body is not JSON.",
                "409": "The state does not allow it.",
                "422": "The input is not valid.",
            }
        return problems


def request_example(document: dict[str, Any]) -> OpenApiExample:
    """This function will make the example that a body's shape is shown with."""
    return OpenApiExample("example", value=document, request_only=True)


def only_version_one(endpoints: Endpoints, **_kwargs: Any) -> Endpoints:
    """This function will leave out what is no address of this API, and the one that hands out the schema itself."""
    return [
        (path, regex, method, callback)
        for path, regex, method, callback in endpoints
        if path.startswith(PREFIX) and issubclass(callback.cls, ApiView) and callback.cls.scopes
    ]
