"""What spreadsheets and broken exports do to files in our own columns: read back where that is sure, else a sentence."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from members.ingest import files
from members.models import BehaviourEvent, Member, Order, OrderLine
from tests.db.members.test_import_commands import refused, run

pytestmark = pytest.mark.django_db

ORDERS = "external_id,member,placed_at,status,total_minor,product,quantity,unit_price_minor\n"


class TestANumberThatASpreadsheetShortened:
    """1930679858170647 and its neighbours all become 1.93068E+15: taken as ids, they would be one order."""

    @pytest.mark.parametrize(
        ("row", "column"),
        [
            ("1.93068E+15,m1,2026-06-01,paid,1,tea,1,1", "external_id"),
            ("o1,1.38001E+10,2026-06-01,paid,1,tea,1,1", "member"),
            ("o1,m1,2026-06-01,paid,1,6.9e+12,1,1", "product"),
        ],
    )
    def test_is_no_id_of_an_order(self, row: str, column: str, file: Any) -> None:
        path = file(f"{ORDERS}{row}\ngood,m9,2026-06-01,paid,1,,,\n")
        said, _complained, error = run("import_orders", path)
        assert (refused(path), error) == (
            [(2, ["digits_lost"])], "Refused rows: 1. Files that could not be read: 0.",
        )  # fmt: skip
        assert f"{column}: A spreadsheet has shortened this number: its last digits are lost." in said
        assert Order.objects.get().external_id == "good"

    def test_is_no_phone_and_no_id_of_an_event(self, file: Any) -> None:
        members = file("external_id,phone\nm1,1.38001E+10\n", "members.csv")
        events = file("id,member,kind,at\n1E+15,m1,visit,2026-06-01\n", "events.csv")
        run("import_members", members), run("import_events", events)
        assert (refused(members), refused(events)) == ([(2, ["digits_lost"])],) * 2
        assert (Member.objects.count(), BehaviourEvent.objects.count()) == (0, 0)

    def test_is_told_from_ids_that_only_look_alike(self, file: Any) -> None:
        run("import_orders", file(ORDERS + "1E5,SALE+1,2026-06-01,paid,1,,,\n7e3-A,m1,2026-06-01,paid,1,,,\n"))
        assert sorted(Order.objects.values_list("external_id", "member__external_id")) == [
            ("1E5", "SALE+1"),
            ("7e3-A", "m1"),
        ]

    def test_is_refused_out_of_a_workbook_too(self, tmp_path: Path) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(ORDERS.strip().split(","))
        sheet.append([1930679858170647, "m1", "2026-06-01", "paid", 1])
        sheet.append([193067985817, 13800138000, "2026-06-01", "paid", 1])
        book.save(path := tmp_path / "rows.xlsx")
        run("import_orders", path)
        assert refused(path) == [(2, ["digits_lost"])]
        assert Order.objects.values_list("external_id", "member__external_id").get() == ("193067985817", "13800138000")


class TestATimeThatASpreadsheetWrote:
    @pytest.mark.parametrize("written", ["2026/6/1 10:00", "2026-6-1 10:00:00", "46174.4166666667", "2026年6月1日 10:00"])
    def test_is_read_back(self, written: str, file: Any) -> None:
        assert run("import_orders", file(f"{ORDERS}o1,m1,{written},paid,1,,,\n"))[2] == ""
        assert Order.objects.get().placed_at.isoformat() == "2026-06-01T02:00:00+00:00"

    @pytest.mark.parametrize("written", ["01/06/2026", "1.6.2026 10:00"])
    def test_that_may_mean_two_days_is_asked_about(self, written: str, file: Any) -> None:
        path = file(f"{ORDERS}o1,m1,{written},paid,1,,,\n")
        assert "Day or month first?" in run("import_orders", path)[0]
        assert (refused(path), Order.objects.count()) == ([(2, ["ambiguous_date"])], 0)

    def test_may_be_a_birthday(self, file: Any) -> None:
        rows = "external_id,birth_date\nm1,1990/2/28\nm2,1990-02-28\nm3,--02-29\nm4,32932\nm5,1990/2/30\n"
        path = file(rows)
        run("import_members", path)
        known = dict(Member.objects.values_list("external_id", "birth_key"))
        assert (known, refused(path)) == ({"m1": 228, "m2": 228, "m3": 229, "m4": 228}, [(6, ["invalid_date"])])


class TestACountWithAFractionOfZeros:
    """So write programs whose columns of whole numbers have holes."""

    def test_is_a_whole_number(self, file: Any) -> None:
        run("import_orders", file(ORDERS + "o1,m1,2026-06-01,paid,100,tea,2.0,50\n"))
        run("import_events", file("id,member,kind,at,rating\ne1,m1,review,2026-06-01,4.0\n", "events.csv"))
        assert (OrderLine.objects.get().quantity, BehaviourEvent.objects.get().rating) == (2, 4)

    def test_is_no_amount_of_money_as_it_may_mean_another_unit(self, file: Any) -> None:
        path = file(ORDERS + "o1,m1,2026-06-01,paid,598.00,,,\n")
        run("import_orders", path)
        assert (refused(path), Order.objects.count()) == ([(2, ["wrong_type"])], 0)


class TestAFileOfOneEndlessLine:
    def test_is_given_up_before_it_fills_the_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.csv"
        with path.open("w") as out:
            out.write(ORDERS + 'o1,m1,2026-06-01,paid,1,"tea')
            for _piece in range(120):
                out.write("x" * 1_000_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said, _complained, _error = run("import_orders", path)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert f"a line is longer than {files.LONGEST_LINE:,} characters" in said
        assert (Order.objects.count(), grown < 150) == (0, True), grown
