"""A marketer's import from end to end: two bad rows found, corrected, uploaded again, and everything taken back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from core.services.clock import ensure_entries
from core.services.jobs import run_jobs
from members.models import Import, ImportState, Member, Order
from tests.acceptance.browser.conftest import Visitor
from tests.unit.members.connectors.samples import line, line_report, order, order_report

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Any) -> None:
    settings.IMPORTS_DIR = tmp_path / "imports"


@pytest.fixture
def worker() -> Iterator[None]:
    """Somebody who runs jobs, in a thread of its own, as the clock does."""
    ensure_entries(now=timezone.now())
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            run_jobs(now=timezone.now(), stopped=over.is_set)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def picture(visitor: Visitor, name: str) -> None:
    if PICTURES:
        visitor.page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def reports(folder: Path) -> tuple[Path, Path]:
    orders = [order(订单编号=f"T{number}", 买家会员名=f"nick{number % 4}") for number in range(1, 9)]
    orders[2] |= {"订单状态": "不知道"}
    orders[5] |= {"买家实际支付金额": "many"}
    return order_report(folder, *orders), line_report(folder, *(line(订单编号=f"T{number}") for number in range(1, 9)))


class TestImporting:
    def test_takes_a_report_in_has_its_bad_rows_corrected_and_takes_it_back(
        self, visitor: Visitor, worker: None, tmp_path: Path
    ) -> None:
        page = visitor.visit("/admin/members/import/")
        picture(visitor, "empty")
        page.get_by_role("link", name="Add import").first.click()
        picture(visitor, "upload")
        page.set_input_files("#files", [str(path) for path in reports(tmp_path)])
        page.get_by_role("button", name="Upload and look").click()
        page.wait_for_url("**/preview/")
        assert "8 rows, two files that belong together" in page.inner_text("#content-main h2")
        assert "2 with a problem" in page.inner_text("#content-main")
        assert page.locator("td.rk-wrong").all_inner_texts() == ["error不知道", "errormany"]
        picture(visitor, "preview")
        page.get_by_role("button", name="Try it with the whole file").click()
        page.wait_for_selector("#trial")
        assert "6 orders would be accepted" in page.inner_text("#trial")
        assert not Order.objects.exists()
        picture(visitor, "trial")
        page.get_by_role("button", name="Import", exact=True).click()
        page.wait_for_selector("text=Undo import")
        assert page.inner_text("#content-main h2").startswith("6 orders accepted (6 new, 0 changed), 2 refused.")
        assert Order.objects.count() == 6
        picture(visitor, "result")
        corrected = []
        for link in page.get_by_role("link", name="refused.csv").all():
            with page.expect_download() as download:
                link.click()
            path = tmp_path / download.value.suggested_filename
            download.value.save_as(path)
            path.write_text(path.read_text("utf-8-sig").replace("不知道", "交易成功").replace("many", "598.00"), "utf-8-sig")
            corrected.append(str(path))
        assert len(corrected) == 2
        page.get_by_role("link", name="Upload corrected rows").click()
        page.set_input_files("#files", corrected)
        page.get_by_role("button", name="Upload and look").click()
        page.wait_for_url("**/preview/")
        page.get_by_role("button", name="Import", exact=True).click()
        page.wait_for_selector("text=2 orders accepted (2 new, 0 changed), none refused.")
        assert Order.objects.count() == 8
        for source in Import.objects.order_by("-pk"):
            visitor.visit(f"/admin/members/import/{source.pk}/undo/")
            picture(visitor, "undo")
            page.locator("#confirm button").click()
            page.wait_for_selector("text=This import was undone.")
            picture(visitor, "undone")
        assert not Order.objects.exists()
        assert not Member.objects.exists()
        assert set(Import.objects.values_list("state", flat=True)) == {ImportState.UNDONE}
        visitor.visit("/admin/members/import/")
        picture(visitor, "list")

    def test_lets_columns_be_mapped_and_remembers_how(self, visitor: Visitor, worker: None, tmp_path: Path) -> None:
        path = tmp_path / "till.csv"
        path.write_text("Bon,Karte,Tag,Summe\nB1,K1,23/05/2026,12.50\nB2,K2,24/05/2026,8.00\n")
        page = visitor.visit("/admin/members/import/add/")
        page.set_input_files("#files", str(path))
        page.get_by_role("button", name="Upload and look").click()
        page.wait_for_url("**/columns/**")
        page.get_by_label("It holds").select_option("orders")
        page.wait_for_url("**target=orders**")
        picture(visitor, "columns")
        for column, key in (("Bon", "external_id"), ("Karte", "member"), ("Tag", "placed_at"), ("Summe", "total")):
            page.get_by_label(column, exact=True).select_option(key)
        page.get_by_role("button", name="See how it reads").click()
        assert "No column says the status." in page.inner_text("#columns")
        picture(visitor, "columns-missing")
        page.get_by_label("status").select_option("completed")
        page.get_by_label("Dates are written").select_option("dmy")
        page.get_by_label("Save this mapping as").fill("till")
        page.get_by_role("button", name="See how it reads").click()
        page.wait_for_url("**/preview/")
        picture(visitor, "mapped-preview")
        page.get_by_role("button", name="Import", exact=True).click()
        page.wait_for_selector("text=2 orders accepted")
        path.write_text("Bon,Karte,Tag,Summe\nB3,K1,25/05/2026,1.00\n")
        visitor.visit("/admin/members/import/add/")
        page.set_input_files("#files", str(path))
        page.get_by_role("button", name="Upload and look").click()
        page.wait_for_url("**/preview/")
        assert "Its columns are read as in “till.csv”." in page.inner_text("#content-main")
        page.get_by_role("link", name="Say yourself what the columns are").click()
        assert page.get_by_label("Karte", exact=True).input_value() == "member"

    def test_says_in_words_what_cannot_be_read(self, visitor: Visitor, tmp_path: Path) -> None:
        path = tmp_path / "photo.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
        page = visitor.visit("/admin/members/import/add/")
        page.set_input_files("#files", str(path))
        page.get_by_role("button", name="Upload and look").click()
        page.wait_for_selector(".rk-error")
        assert page.inner_text(".rk-errors") == (
            "“photo.png”: This is not a text file. Save it as CSV or JSONL, in UTF-8 if you can choose."
        )
        assert not Import.objects.exists()

    def test_goes_through_in_chinese_on_a_telephone(self, visitor: Visitor, worker: None, tmp_path: Path) -> None:
        """By what the steps are rather than what they are called: their words stand in the catalogue."""
        page = visitor.page
        page.set_viewport_size({"width": 390, "height": 844})
        page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": visitor.base}])
        visitor.visit("/admin/members/import/add/")
        assert page.get_attribute("html", "lang") == "zh-hans"
        page.set_input_files("#files", [str(path) for path in reports(tmp_path)])
        page.locator("#upload button[type=submit]").click()
        page.wait_for_url("**/preview/")
        assert page.locator("td.rk-wrong").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("form[action$='/start/'] button").click()
        page.wait_for_selector("a[href$='/undo/']")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        source = Import.objects.get()
        assert (source.accepted, source.rejected, source.language) == (6, 2, "zh-hans")
