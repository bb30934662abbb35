import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import health
from core.models import ClockEntry
from tests.rest import MADE_AT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_a_new_process():
    health._up_to_date.clear()
    yield
    health._up_to_date.clear()


class TestLivez:
    def test_answers_without_a_key_or_a_database(self, django_assert_num_queries) -> None:
        with django_assert_num_queries(0):
            response = Client().get("/livez")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})
        assert Client().post("/livez").status_code == 405

    @pytest.mark.parametrize("address", ["/livez", "/readyz"])
    def test_is_asked_over_plain_http_also_where_people_are_not(self, settings, address) -> None:
        settings.SECURE_SSL_REDIRECT = True

        assert Client().get(address).status_code == 200
        assert Client().get("/admin/login/").status_code == 301


class TestReadyz:
    def test_is_ok_when_every_part_answers(self) -> None:
        response = Client().get("/readyz")

        assert response.status_code == 200
        assert response.json() == {
            "status": "ok",
            "database": True,
            "migrations": True,
            "broker": True,
            "clock_last_started_at": None,
        }
        assert "no-store" in response.headers["Cache-Control"]

    def test_tells_when_the_clock_last_ticked(self) -> None:
        ClockEntry.objects.create(code="a", every_seconds=60, next_at=MADE_AT, started_at=MADE_AT)

        assert Client().get("/readyz").json()["clock_last_started_at"] == "2026-01-05T09:00:00+00:00"

    def test_asks_for_no_broker_that_is_not_configured(self, settings) -> None:
        settings.REDIS_URL = ""

        assert "broker" not in Client().get("/readyz").json()

    def test_is_503_without_its_broker(self, settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"

        response = Client().get("/readyz")

        assert (response.status_code, response.json()["broker"]) == (503, False)

    def test_is_503_while_a_migration_is_missing(self) -> None:
        recorder = MigrationRecorder(connection)
        newest = MigrationLoader(connection).graph.leaf_nodes("campaigns")[0]
        recorder.record_unapplied(*newest)

        response = Client().get("/readyz")

        assert (response.status_code, response.json()["migrations"]) == (503, False)
        recorder.record_applied(*newest)
        assert Client().get("/readyz").status_code == 200
