"""Addresses of the REST API. Order matters: an id may hold a slash, so of two that begin alike the longer stands first."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from config.openapi import Docs, OpenApiJson
from core.api.views import UnknownAddress

version_one: list[URLPattern | URLResolver] = [
    path("openapi.json", OpenApiJson.as_view(), name="openapi"),
    path("", include("campaigns.api.urls")),
    path("", include("retention.api.urls")),
    path("", include("members.api.urls")),
    path("", include("retention.api.report_urls")),
    # Without a key nobody learns which addresses exist.
    re_path(r"", UnknownAddress.as_view()),
]

urlpatterns = [
    path("api/docs/", Docs.as_view(), name="docs"),
    path("api/v1", UnknownAddress.as_view()),
    path("api/v1/", include(version_one)),
]
