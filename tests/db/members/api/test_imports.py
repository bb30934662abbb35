"""Large uploads over REST: a file in, a job, what came of it, the refused rows out, all of it back."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from core.models import Job
from core.services.jobs import run_jobs
from members.api import uploads
from members.models import Import, Member, Order
from members.services.imports import start_undo
from tests.rest import ROOT, Caller, given_key, paths_of

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = b"""external_id,member,placed_at,status,total_minor
o1,m1,2026-05-01,paid,1000
o2,m2,2026-05-02,lost,2000
o3,m1,2026-05-03,paid,-5
o4,m3,2026-05-04,completed,4000
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.IMPORTS_DIR = tmp_path / "imports"
    return tmp_path / "imports"


@pytest.fixture
def client() -> Caller:
    return Caller(given_key("orders:write", "members:write", name="ERP")[1])


def send(client: Caller, content: bytes = ORDERS, kind: str = "text/csv", query: str = "?target=orders", **more: Any) -> Any:
    return client.post(f"imports/{query}", content, content_type=kind, **more)


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


class TestSendingAFile:
    def test_is_answered_with_a_job_that_takes_it_in(self, client: Caller) -> None:
        answer = send(client)
        assert answer.status_code == 202
        job = answer.json()
        assert (job["kind"], job["state"], job["by"]) == ("members.import", "waiting", "ERP")
        assert answer.headers["Location"] == job["address"]
        assert not Order.objects.exists()

        assert run_jobs(now=timezone.now()) == {"done": 1}

        ended = client.get(job["address"]).json()
        assert (ended["state"], ended["share"], ended["error"]) == ("done", 1.0, None)
        assert {name: ended["result"][name] for name in ("accepted", "rejected", "created")} == {
            "accepted": 2,
            "rejected": 2,
            "created": 2,
        }
        assert sum(ended["result"]["reasons"].values()) == 2
        assert sorted(Order.objects.values_list("external_id", flat=True)) == ["o1", "o4"]
        page = client.get(ended["result"]["address"]).json()
        assert (page["state"], page["target"], page["accepted"], page["job"]) == ("imported", "orders", 2, job["address"])
        assert [reason["count"] for reason in page["reasons"]] == [1, 1]
        assert page["rejects"] == [f"{ended['result']['rejects']}?file=0"]

    def test_as_a_form_reads_its_fields(self, client: Caller) -> None:
        form = {"target": "orders", "shop": "tmall", "file": SimpleUploadedFile("五月.csv", ORDERS, "text/csv")}
        answer = send(client, encode_multipart(BOUNDARY, form), MULTIPART_CONTENT, query="")
        assert answer.status_code == 202, answer.content
        run_jobs(now=timezone.now())
        found = Import.objects.get()
        assert (found.files, found.accepted, found.created_by) == (["五月.csv"], 2, "ERP")
        assert set(Order.objects.values_list("shop__slug", flat=True)) == {"tmall"}

    def test_finds_out_what_it_holds_and_demands_its_scope(self, folder: Path) -> None:
        client = Caller(given_key("orders:write")[1])
        assert send(client, query="").status_code == 202
        refused = send(client, b"external_id,name\nm1,Ann\n", query="")
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        assert (Import.objects.count(), len(left(folder))) == (1, 1)

    def test_of_json_lines_is_read_by_its_type(self, client: Caller) -> None:
        lines = b'{"external_id": "m1", "name": "Ann"}\n{"external_id": "m2"}\n'
        assert send(client, lines, "application/x-ndjson", "?target=members").status_code == 202
        run_jobs(now=timezone.now())
        assert Member.objects.count() == 2

    def test_that_is_only_tried_keeps_nothing_and_can_be_taken_in_then(self, client: Caller) -> None:
        job = send(client, query="?target=orders&dry_run=1").json()
        assert job["kind"] == "members.try_import"
        run_jobs(now=timezone.now())
        result = client.get(job["address"]).json()["result"]
        assert (result["accepted"], result["rejected"], Order.objects.count()) == (2, 2, 0)
        started = client.post(f"imports/{Import.objects.get().pk}/start/")
        assert started.status_code == 202
        run_jobs(now=timezone.now())
        assert Order.objects.count() == 2

    def test_is_done_once_under_one_key(self, client: Caller, folder: Path) -> None:
        forms = [
            encode_multipart(boundary, {"target": "orders", "file": SimpleUploadedFile("a.csv", ORDERS)})
            for boundary in ("one", "two")
        ]
        first, again = (
            send(client, form, f"multipart/form-data; boundary={boundary}", "", headers={"Idempotency-Key": "k"})
            for form, boundary in zip(forms, ("one", "two"), strict=True)
        )
        other = send(client, ORDERS, headers={"Idempotency-Key": "k"})
        assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
        assert first.content == again.content
        assert (Import.objects.count(), Job.objects.count(), len(left(folder))) == (1, 1, 1)


class TestAFileThatIsRefused:
    @pytest.mark.parametrize(
        ("content", "kind", "query", "status", "code"),
        [
            (ORDERS, "application/json", "?target=orders", 415, "unsupported_media_type"),
            (ORDERS, "", "?target=orders", 415, "unsupported_media_type"),
            (ORDERS, "text/csv", "?target=points", 422, "invalid"),
            (ORDERS, "text/csv", "?taget=orders", 422, "invalid"),
            (b"a,b\n1,2\n", "text/csv", "?target=orders", 422, "unreadable_file"),
            (b"\x00\x01\x02" * 99, "text/csv", "?target=orders", 422, "unreadable_file"),
            (b"no form", "multipart/form-data; boundary=x", "", 422, "invalid"),
            (b"no form", "multipart/form-data", "", 400, "unparsable"),
            (ORDERS, "text/csv", "?target=orders&format=nobody", 404, "not_found"),
        ],
    )
    def test_leaves_nothing(self, client: Caller, folder: Path, content, kind, query, status, code) -> None:
        refused = send(client, content, kind, query)
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.content
        assert (Import.objects.count(), Job.objects.count(), left(folder)) == (0, 0, [])

    def test_by_its_size_is_not_read_at_all(self, client: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(uploads, "MOST_BYTES", 10)
        monkeypatch.setattr(uploads, "ENVELOPE_BYTES", 0)
        refused = send(client)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert "10 B" in refused.json()["detail"]
        assert left(folder) == []

    @pytest.mark.parametrize(("length", "status", "code"), [(len(ORDERS) + 1, 400, "unparsable"), (0, 422, "empty_file")])
    def test_because_not_all_of_it_came_leaves_nothing(self, folder: Path, length: int, status: int, code: str) -> None:
        """Half a file must not be taken for a whole one."""
        _key, text = given_key("orders:write")
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"{ROOT}imports/",
            "QUERY_STRING": "target=orders",
            "CONTENT_TYPE": "text/csv",
            "CONTENT_LENGTH": str(length),
            "HTTP_AUTHORIZATION": f"Bearer {text}",
            "HTTP_HOST": "testserver",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(ORDERS),
        }
        said: list[str] = []
        answer = b"".join(WSGIHandler()(environ, lambda line, headers: said.append(line)))
        assert (said[0][:3], json.loads(answer)["code"]) == (str(status), code)
        assert (Import.objects.count(), left(folder)) == (0, [])

    def test_by_an_unknown_field_of_the_form_names_it(self, client: Caller) -> None:
        form = encode_multipart(BOUNDARY, {"taget": "orders", "file": SimpleUploadedFile("a.csv", ORDERS)})
        assert paths_of(send(client, form, MULTIPART_CONTENT, "")) == ["taget"]

    def test_without_the_scope_is_refused_before_it_is_read(self) -> None:
        reader = Caller(given_key("members:read")[1])
        assert [send(reader, query=query).status_code for query in ("", "?target=orders")] == [403, 403]
        assert send(Caller(None)).status_code == 401


class TestItsRefusedRows:
    def test_come_back_as_they_stood_with_their_reasons(self, client: Caller) -> None:
        send(client)
        run_jobs(now=timezone.now())
        found = Import.objects.get()
        answer = _download(client, f"imports/{found.pk}/rejects/")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="upload.refused.csv"'
        rows = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
        assert [row.split(",")[0] for row in rows] == ["external_id", "o2", "o3"]
        assert "rekindle:why" in rows[0]

    def test_are_none_where_none_was_refused(self, client: Caller) -> None:
        send(client, ORDERS.splitlines()[0] + b"\n" + ORDERS.splitlines()[1] + b"\n")
        run_jobs(now=timezone.now())
        refused = client.get(f"imports/{Import.objects.get().pk}/rejects/")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")

    def test_are_the_sender_s_alone(self, client: Caller) -> None:
        send(client)
        run_jobs(now=timezone.now())
        other, number = Caller(given_key()[1]), Import.objects.get().pk
        for address in (f"imports/{number}/", f"imports/{number}/rejects/", "imports/x/", f"imports/{'9' * 30}/"):
            assert other.get(address).status_code == 404
        assert other.post(f"imports/{number}/undo/").status_code == 404


class TestTakingItBack:
    def test_is_a_job_too(self, client: Caller) -> None:
        send(client)
        run_jobs(now=timezone.now())
        answer = client.post(f"imports/{Import.objects.get().pk}/undo/")
        assert (answer.status_code, answer.json()["kind"]) == (202, "members.undo_import")
        run_jobs(now=timezone.now())
        assert (Order.objects.count(), Import.objects.get().state) == (0, "undone")

    def test_by_somebody_in_admin_is_still_seen_by_the_sender(self, client: Caller) -> None:
        send(client)
        run_jobs(now=timezone.now())
        number = Import.objects.get().pk
        start_undo(import_id=number, now=timezone.now(), by="ann")
        assert client.get(f"imports/{number}/").json()["state"] == "undoing"
        other = Caller(given_key("orders:write", name="other")[1])
        assert other.get(f"imports/{number}/").status_code == 404

    def test_of_what_was_never_taken_in_is_a_conflict(self, client: Caller) -> None:
        send(client, query="?target=orders&dry_run=true")
        run_jobs(now=timezone.now())
        refused = client.post(f"imports/{Import.objects.get().pk}/undo/")
        assert (refused.status_code, refused.json()["code"]) == (409, "other_state")


def _download(client: Caller, address: str) -> Any:
    return client._client.get(ROOT + address, headers={"accept": "text/csv"})


def test_the_job_s_result_is_json(client: Caller) -> None:
    send(client)
    run_jobs(now=timezone.now())
    assert json.dumps(Job.objects.get().result)
