from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.models import Enrolment
from core.models import Job
from core.services.jobs import run_jobs
from members.admin import imports_upload
from members.models import Import, ImportState, Member, Order
from members.services import import_files
from members.services.import_files import Folder
from tests.db.admin.conftest import staff, text_of
from tests.db.members.imports.given import everything, imported, uploaded, work
from tests.factories import NOW
from tests.unit.members.connectors.samples import ORDER_HEADER, csv_text, order, write_xlsx

pytestmark = pytest.mark.django_db

ADD = "admin:members_import_add"
OWN = "external_id,member,placed_at,status,total_minor\n"
GOOD = OWN + "o1,m1,2026-05-01,paid,1000\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.IMPORTS_DIR = tmp_path / "imports"
    return tmp_path / "imports"


@pytest.fixture
def marketer(db: None) -> Client:
    return staff("members.add_import", "members.view_import", "members.change_import")


def upload(client: Client, content: bytes | str, name: str = "orders.csv") -> Any:
    data = content if isinstance(content, bytes) else content.encode()
    return client.post(reverse(ADD), {"files": SimpleUploadedFile(name, data)}, follow=True)


def url(step: str, source: Import) -> str:
    return reverse(f"admin:members_import_{step}", args=[source.pk])


def workbook(tmp_path: Path, *rows: list[object]) -> bytes:
    return write_xlsx(tmp_path / "book.xlsx", {"orders": rows}).read_bytes()


def bomb() -> bytes:
    """A workbook whose one sheet claims to unpack to five gigabytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"")
    data = bytearray(file.getvalue())
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    return bytes(data)


class TestUploading:
    @pytest.mark.parametrize(
        ("content", "name", "said"),
        [
            (b"", "a.csv", "“a.csv” is empty"),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "photo.png", "This is not a text file."),
            (b"\xd0\xcf\x11\xe0" + bytes(600), "old.xls", "This is an old .xls file, or a workbook with a password."),
            (bomb(), "bomb.xlsx", "This workbook is too large to be read."),
            (b"PK\x03\x04" + bytes(100), "half.xlsx", "This workbook is damaged or was not copied to its end."),
            ("订单编号,买家会员名\n".encode() + "会员,会员\n".encode("gb18030"), "mixed.csv", "The file mixes encodings"),
        ],
    )
    def test_says_in_a_sentence_why_a_file_is_not_taken_and_keeps_nothing(
        self, marketer: Client, folder: Path, content: bytes, name: str, said: str
    ) -> None:
        response = upload(marketer, content, name)
        assert said in text_of(response)
        assert not Import.objects.exists()
        assert not any(folder.iterdir())

    def test_refuses_too_many_bytes_while_they_come(
        self, marketer: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_files, "MOST_BYTES", 100_000)
        monkeypatch.setattr(imports_upload, "MOST_BYTES", 100_000)
        response = upload(marketer, GOOD + "x" * 150_000)
        assert "These files are larger than 97.7 KB together." in text_of(response)
        assert not Import.objects.exists()
        assert not any(folder.iterdir())

    def test_says_the_limit_before(self, marketer: Client) -> None:
        assert "Up to 1 GB together" in text_of(marketer.get(reverse(ADD)))

    def test_asks_for_a_file(self, marketer: Client) -> None:
        assert "Choose a file first." in text_of(marketer.post(reverse(ADD), follow=True))

    def test_answers_a_script_in_its_way(self, marketer: Client) -> None:
        headers = {"X-Requested-With": "XMLHttpRequest"}
        refused = marketer.post(reverse(ADD), {"files": SimpleUploadedFile("a.csv", b"")}, headers=headers)
        assert (refused.status_code, refused.json()["errors"]) == (422, ["“a.csv” is empty: it has not a single byte."])
        taken = marketer.post(reverse(ADD), {"files": SimpleUploadedFile("a.csv", GOOD.encode())}, headers=headers)
        assert taken.json() == {"url": url("change", Import.objects.get())}

    def test_needs_the_forms_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(User.objects.create_superuser("boss"))
        assert upload(client, GOOD).status_code == 403
        assert not Import.objects.exists()

    def test_is_for_those_who_may(self) -> None:
        assert upload(staff("members.view_import"), GOOD).status_code == 403
        assert not Import.objects.exists()


class TestThePreview:
    def test_shows_rows_and_marks_what_is_wrong(self, marketer: Client) -> None:
        response = upload(marketer, OWN + "o1,m1,2026-05-01,paid,1000\no2,,2026-05-01,lost,x\n")
        page = text_of(response)
        assert "orders in our own columns, UTF-8, 2 rows" in page.lower().replace("utf-8", "UTF-8")
        assert "The first 2 as we read them: 1 with a problem, marked below." in page
        assert "¥10" in page

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("﻿" + GOOD, "nothing is wrong with them"),
            (GOOD.replace(",", ";"), "nothing is wrong with them"),
            (GOOD.encode("utf-16"), "nothing is wrong with them"),
            (OWN + "o1,m1,2026-05-01,paid,=1+1\n", "This cell is a formula"),
            (OWN + "o1,m1,2026-05-01,paid\n", "This row has 4 cells, the header has 5."),
            (OWN + 'o1,m1,2026-05-01,paid,"10', "The file cannot be read from here on"),
            (OWN, "There is no row under the header."),
        ],
    )
    def test_reads_what_comes_in_odd_shapes(self, marketer: Client, content: str | bytes, said: str) -> None:
        assert said in text_of(upload(marketer, content))

    def test_reads_dates_of_a_spreadsheet_and_refuses_shortened_numbers(self, marketer: Client, tmp_path: Path) -> None:
        header = ["订单编号", "买家会员名", "订单状态", "订单创建时间", "买家实际支付金额"]
        rows = [["A1", "ann", "交易成功", NOW.replace(tzinfo=None), 12.5], [1.93068e15, "bob", "交易成功", "2016/5/23", 1]]
        page = text_of(upload(marketer, workbook(tmp_path, header, *rows), "book.xlsx"))
        assert "2026-06-15 04:00" in page
        assert "A spreadsheet has shortened this number" in page

    def test_names_the_rows_of_another_currency(self, marketer: Client) -> None:
        page = text_of(
            upload(marketer, OWN.strip() + ",currency\no1,m1,2026-05-01,paid,1,CNY\no2,m1,2026-05-01,paid,1,USD\n")
        )
        assert "1 with a problem" in page
        assert "currency" in page

    def test_says_that_a_file_has_vanished(self, marketer: Client, tmp_path: Path) -> None:
        upload(marketer, GOOD)
        source = Import.objects.get()
        Folder(source.token).remove()
        page = text_of(marketer.get(url("preview", source)))
        assert "The file “orders.csv” is no longer on the server. Upload it again." in page

    def test_tries_with_the_whole_file_and_keeps_nothing(self, marketer: Client) -> None:
        before = everything()
        upload(marketer, OWN + "o1,m1,2026-05-01,paid,1000\no2,m2,2026-05-01,lost,1\n")
        source = Import.objects.get()
        marketer.post(url("try", source))
        assert Job.objects.get().kind == "members.try_import"
        run_jobs(now=NOW)
        page = text_of(marketer.get(url("preview", source)))
        assert "1 order would be accepted (1 new, 0 changed), 1 would be refused." in page
        assert everything() == before

    def test_leads_on_when_somebody_else_has_begun_the_import(self, marketer: Client) -> None:
        upload(marketer, GOOD)
        source = Import.objects.get()
        first, second = (marketer.post(url("start", source), follow=True) for _time in range(2))
        assert "Waiting for its turn." in text_of(first)
        assert "Somebody is working on this import already." in text_of(second)
        assert Job.objects.count() == 1
        assert marketer.get(url("preview", source)).url == url("change", source)  # type: ignore[attr-defined]

    def test_changes_the_shop(self, marketer: Client) -> None:
        upload(marketer, GOOD)
        source = Import.objects.get()
        marketer.post(url("preview", source), {"shop": "till"})
        marketer.post(url("start", source))
        run_jobs(now=NOW)
        assert Order.objects.values_list("shop__slug", flat=True).get() == "till"


class TestTheColumns:
    def test_names_what_no_column_says(self, marketer: Client) -> None:
        page = text_of(upload(marketer, "order id,customer,date\n1,2,2026-05-01\n"))
        assert "We know 3 of the file&#x27;s 3 columns" in page
        source = Import.objects.get()
        answer = marketer.post(
            url("columns", source),
            {"target": "orders", "column-0": "external_id", "column-1": "member", "column-2": "placed_at"},
        )
        assert "No column says the status." in text_of(answer)
        assert "No column says the total." in text_of(answer)

    def test_goes_on_with_columns_said_by_hand(self, marketer: Client) -> None:
        upload(marketer, "a,b,c,d\n1,2,2026-05-01,9.50\n")
        source = Import.objects.get()
        said = {
            "target": "orders",
            "column-0": "external_id",
            "column-1": "member",
            "column-2": "placed_at",
            "column-3": "total",
            "constant-status": "paid",
            "save_as": "abc",
        }
        page = text_of(marketer.post(url("columns", source), said, follow=True))
        assert "¥9.5" in page
        assert "Its columns are read as in “abc”." in page

    def test_refuses_two_columns_that_are_one_thing(self, marketer: Client) -> None:
        upload(marketer, "a,b,c\n1,2,3\n")
        said = {"target": "members", "column-0": "external_id", "column-1": "external_id"}
        page = text_of(marketer.post(url("columns", Import.objects.get()), said))
        assert "Another column is this already." in page

    def test_lets_a_file_that_cannot_be_read_be_left_out(self, marketer: Client) -> None:
        files = [SimpleUploadedFile("a.csv", GOOD.encode()), SimpleUploadedFile("b.png", b"\x89PNG" + bytes(50))]
        marketer.post(reverse(ADD), {"files": files}, follow=True)
        source = Import.objects.get()
        assert "b.png" in text_of(marketer.get(url("columns", source)))
        page = text_of(marketer.post(url("leave_out", source), {"name": "b.png"}, follow=True))
        assert "nothing is wrong with them" in page


class TestTheResult:
    def test_gives_refused_rows_to_download_safe_from_formulas(self, marketer: Client, tmp_path: Path) -> None:
        text = csv_text(ORDER_HEADER, [order(订单编号="A1", 订单状态="没", 买家留言="@SUM(1)")])
        path = tmp_path / "ExportOrderList.csv"
        path.write_text(text)
        source = imported(path)
        response = marketer.get(reverse("admin:members_import_refused", args=[source.pk, 0]))
        assert response["Content-Disposition"] == 'attachment; filename="ExportOrderList.refused.csv"'
        content = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        assert "'@SUM(1)" in content
        assert content.splitlines()[0].endswith("rekindle:row,rekindle:why")
        assert "Nothing was taken: all 1 rows were refused." in text_of(marketer.get(url("change", source)))

    def test_tells_its_progress(self, marketer: Client, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(GOOD)
        source = uploaded(path)
        marketer.post(url("start", source))
        assert marketer.get(url("progress", source)).json() == {
            "working": True,
            "said": "Waiting for its turn.",
            "done": 0,
            "total": 0,
        }
        work()
        assert marketer.get(url("progress", source)).json()["working"] is False

    def test_is_taken_back_after_asking(self, marketer: Client, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(GOOD)
        source = imported(path)
        assert "This removes what the import made (1 order)" in text_of(marketer.get(url("undo", source)))
        assert Order.objects.exists()
        marketer.post(url("undo", source))
        work()
        assert "This import was undone." in text_of(marketer.get(url("change", source)))
        assert not Member.objects.exists()

    def test_cannot_be_taken_back_once_a_campaign_has_fired(self, marketer: Client, world: Any, tmp_path: Path) -> None:
        fired = Enrolment.objects.filter(status="fired").first()
        assert fired is not None
        member = Member.objects.get(pk=fired.member_id)
        path = tmp_path / "orders.csv"
        path.write_text(OWN + f"o1,{member.external_id},2026-05-01,paid,1000\n")
        source = imported(path, now=NOW - timedelta(hours=1))
        page = text_of(marketer.get(url("undo", source), follow=True))
        assert "A campaign has fired at members of this import since it began (1 or more of them)" in page
        answer = text_of(marketer.post(url("undo", source), follow=True))
        assert "cannot be undone" in answer
        assert Order.objects.filter(external_id="o1").exists()
        source.refresh_from_db()
        assert source.state == ImportState.IMPORTED

    def test_is_looked_at_by_those_who_may_only_look(self, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(GOOD)
        source = imported(path)
        client = staff("members.view_import")
        page = text_of(client.get(url("change", source)))
        assert "1 order accepted (1 new, 0 changed), none refused." in page
        assert "Undo import" not in page
        assert client.post(url("undo", source)).status_code == 403
        assert client.post(url("start", source)).status_code == 403


class TestTheList:
    def test_shows_how_imports_stand(self, marketer: Client, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(GOOD)
        imported(path), uploaded(path)
        page = text_of(marketer.get(reverse("admin:members_import_changelist")))
        assert "not imported yet" in page
        assert "imported" in page

    def test_finds_a_file_by_its_name(self, marketer: Client, tmp_path: Path) -> None:
        path = tmp_path / "orders of may.csv"
        path.write_text(GOOD)
        uploaded(path)
        found = [
            "orders of may.csv" in text_of(marketer.get(reverse("admin:members_import_changelist"), {"q": word}))
            for word in ("May", "June")
        ]
        assert found == [True, False]

    def test_teaches_when_it_is_empty(self, marketer: Client) -> None:
        assert "An import brings members, orders or behaviour events in" in text_of(
            marketer.get(reverse("admin:members_import_changelist"))
        )


class TestToday:
    def test_asks_for_refused_rows_until_they_come_back(self, admin: Client, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(OWN + "o1,m1,2026-05-01,lost,1000\n")
        source = imported(path)
        sentence = "1 row of “orders.csv” was refused and can be corrected."
        assert sentence in text_of(admin.get(reverse("admin:index")))
        again = tmp_path / "orders.refused.csv"
        again.write_text(Folder(source.token).rejects(0).read_text("utf-8-sig").replace("lost", "paid"))
        assert imported(again).accepted == 1
        assert sentence not in text_of(admin.get(reverse("admin:index")))
