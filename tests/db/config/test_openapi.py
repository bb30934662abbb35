import io
import json
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, get_resolver

from core.api.views import ApiView

COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "openapi.yaml"


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(Client().get("/api/v1/openapi.json").content)


def _views() -> list[tuple[str, type[ApiView]]]:
    def below(resolver, prefix):
        for each in resolver.url_patterns:
            path = prefix + str(each.pattern)
            if isinstance(each, URLPattern):
                cls = getattr(each.callback, "cls", None)
                if cls is not None and issubclass(cls, ApiView):
                    yield path, cls
            else:
                yield from below(each, path)

    return list(below(get_resolver(), ""))


class TestTheSchema:
    def test_is_the_committed_one(self) -> None:
        """`make openapi` writes it anew; read the difference before committing it."""
        out = io.StringIO()

        call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

        assert yaml.safe_load(out.getvalue()) == yaml.safe_load(COMMITTED.read_text())

    def test_served_is_the_same(self, schema) -> None:
        assert schema == yaml.safe_load(COMMITTED.read_text())

    def test_holds_full_paths_of_this_api_alone(self, schema) -> None:
        assert {path for path in schema["paths"] if not path.startswith("/api/v1/")} == set()
        assert "/api/v1/members/{external_id}/" in schema["paths"]

    def test_says_of_every_operation_its_scope_and_its_refusals(self, schema) -> None:
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                assert "x-scope" in operation, (method, path)
                assert {"401", "403", "429"} <= set(operation["responses"]), (method, path)
                assert operation["security"] == [{"apiKey": []}], (method, path)
                problem = operation["responses"]["401"]["content"]
                assert problem == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

    def test_is_answered_without_touching_the_database(self) -> None:
        assert Client().get("/api/v1/openapi.json").status_code == 200


class TestEveryAddress:
    def test_says_which_scope_each_of_its_methods_needs(self) -> None:
        """A method without a word is shut, so a forgotten one would be found by nobody but an integrator."""
        for path, view in _views():
            if not view.scopes:
                continue
            methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}
            assert set(view.scopes) == methods, path


class TestTheDocsPage:
    def test_fetches_nothing_from_elsewhere(self) -> None:
        response = Client().get("/api/docs/")

        page = response.content.decode()
        assert response.status_code == 200
        assert "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in page
        assert "/api/v1/openapi.json" in page
        assert "https://" not in page

    def test_has_its_files_here(self) -> None:
        response = Client().get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")

        assert response.status_code == 200
        assert len(b"".join(response.streaming_content)) > 1_000_000
