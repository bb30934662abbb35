"""The schema of the API and the page that shows it: public, from our own files, made once a process."""

from __future__ import annotations

from functools import cache

from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.request import Request

from core.api.auth import NoPermissionNeeded
from core.api.views import ApiView


class OpenApiJson(ApiView):
    """The schema that docs/reference/openapi.yaml holds, as JSON. The only public address under /api/v1/."""

    authentication_classes = ()
    permission_classes = (NoPermissionNeeded,)
    cache_control = "max-age=60"

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(_schema_json(), content_type="application/json")


@cache
def _schema_json() -> bytes:
    """In English, whoever asks first: a schema is a contract, not a page."""
    with translation.override("en"):
        schema = SchemaGenerator().get_schema(request=None, public=True)
    rendered: bytes = OpenApiJsonRenderer().render(schema, renderer_context={})
    return rendered


class Docs(SpectacularSwaggerView):
    """The addresses, their shapes and a button to try each."""

    url_name = "openapi"
    authentication_classes = ()
    throttle_classes = ()
