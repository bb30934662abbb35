from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from members.models import BehaviourEvent, Consent, DirtyMark, Member, Order, OrderLine

pytestmark = pytest.mark.django_db

MEMBERS = "external_id,name,phone,consent_sms,consent_email,email\n"
ORDERS = "external_id,member,placed_at,status,total_minor,product,quantity,unit_price_minor\n"


def run(command: str, *arguments: object) -> tuple[str, str, str]:
    """This function will run a command: what it said, what it complained of, and the error (exit 1) it ended with."""
    out, err = StringIO(), StringIO()
    try:
        call_command(command, *map(str, arguments), stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        return out.getvalue().strip(), err.getvalue().strip(), str(error)
    return out.getvalue().strip(), err.getvalue().strip(), ""


def refused(path: Path) -> list[tuple[int, list[str]]]:
    lines = path.with_name(path.name + ".rejected.jsonl").read_text().splitlines()
    return [(line["row"], [error["code"] for error in line["errors"]]) for line in map(json.loads, lines)]


class TestImportMembers:
    def test_takes_a_file_and_says_who_can_be_reached(self, file) -> None:
        path = file(MEMBERS + "m1,王五,13800138000,1,1,a@b.cn\nm2,x,13800138001,0,,\nm3,,,1,1,\n")
        assert run("import_members", path) == (
            "Members: 3 accepted (3 new, 0 changed), 0 refused. Of 3 members 1 can be reached by SMS and 1 by e-mail.",
            "",
            "",
        )
        assert set(Consent.objects.values_list("proof", flat=True)) == {"stated by rows.csv"}
        assert not path.with_name("rows.csv.rejected.jsonl").exists()

    def test_keeps_the_good_rows_and_writes_the_others_beside_the_file(self, file) -> None:
        path = file(MEMBERS + "m1,x,12345,,,\nm2,y,,,,\n,z,,,,\nm4,half\n")
        said, complained, error = run("import_members", path)
        assert said.startswith("Members: 1 accepted (1 new, 0 changed), 3 refused.")
        assert complained == f"Refused rows: 3, with their reasons in {path}.rejected.jsonl"
        assert error == "Refused rows: 3. Files that could not be read: 0."
        assert refused(path) == [(2, ["invalid_phone"]), (4, ["required"]), (5, ["wrong_number_of_cells"])]
        assert Member.objects.get().external_id == "m2"

    def test_takes_away_what_an_earlier_run_refused(self, file) -> None:
        path = file(MEMBERS + "m1,x,12345,,,\n")
        run("import_members", path)
        path.write_text(MEMBERS + "m1,x,,,,\n")
        assert run("import_members", path)[2] == ""
        assert not path.with_name("rows.csv.rejected.jsonl").exists()

    def test_lists_what_is_wrong_with_a_file_and_goes_on_to_the_next(self, file) -> None:
        wrong = file("extrnal_id,name\nm1,x\n", "wrong.csv")
        binary = file(bytes(range(256)) * 50, "binary.csv")
        good = file('{"external_id": "m1"}\n', "good.jsonl")
        said, complained, error = run("import_members", wrong, binary, wrong.with_name("none.csv"), good)
        assert said.startswith("Members: 1 accepted")
        assert complained.splitlines() == [
            f"{wrong}: The file's columns cannot be read.",
            '  extrnal_id: Row 1: this column is not known. Did you mean "external_id"?',
            "  external_id: Row 1: this column is missing.",
            f"{binary}: This is not a text file. Save it as CSV or JSONL, in UTF-8 if you can choose.",
            f"{wrong.with_name('none.csv')}: No such file or directory",
        ]
        assert error == "Refused rows: 0. Files that could not be read: 3."

    def test_reads_what_it_is_told_the_file_is(self, file) -> None:
        path = file('{"external_id": "m1"}\n')
        assert "columns cannot be read" in run("import_members", path, "--format", "csv")[1]
        assert run("import_members", path, "--format", "jsonl")[2] == ""

    def test_can_be_rehearsed(self, file) -> None:
        path = file(MEMBERS + "m1,x,,,,\nm2,x,12345,,,\n")
        said, _, error = run("import_members", path, "--dry-run")
        assert said.endswith("Dry run: nothing was kept.")
        assert said.startswith("Members: 1 accepted (1 new, 0 changed), 1 refused. Of 1 members")
        assert error != ""
        assert refused(path) == [(3, ["invalid_phone"])]
        assert (Member.objects.count(), DirtyMark.objects.count()) == (0, 0)

    def test_writes_refused_rows_whatever_they_hold(self, file) -> None:
        path = file('{"external_id": "a\\u0000"}\n{"external_id": "\\ud800"}\n{"nonsense": [{}]}\n', "rows.jsonl")
        run("import_members", path)
        assert refused(path) == [(1, ["nul_character"]), (2, ["not_json"]), (3, ["unknown_field", "required"])]


class TestImportOrders:
    def test_takes_a_row_a_line(self, file) -> None:
        path = file(ORDERS + "o1,m1,2026-06-01 10:00:00,paid,300,tea,1,100\no1,,,,,cup,2,100\no2,m1,2026-06-01,paid,0,,,\n")
        said, _, error = run("import_orders", path, "--shop", "tmall")
        assert error == ""
        assert said.startswith("Orders: 2 accepted (2 new, 0 changed), 0 refused. Of 1 members")
        assert dict(Order.objects.values_list("external_id", "shop__slug")) == {"o1": "tmall", "o2": "tmall"}
        assert list(OrderLine.objects.order_by("position").values_list("product__code", flat=True)) == ["tea", "cup"]

    def test_changes_nothing_the_second_time(self, file) -> None:
        path = file(ORDERS + "o1,m1,2026-06-01 10:00:00,paid,300,tea,1,100\n")
        run("import_orders", path)
        marks = DirtyMark.objects.count()
        assert run("import_orders", path)[0].startswith("Orders: 1 accepted (0 new, 0 changed)")
        assert DirtyMark.objects.count() == marks

    def test_refuses_by_the_number_of_the_first_row(self, file) -> None:
        path = file(ORDERS + "o1,m1,2026-06-01,paid,300,tea,1,100\no1,,,,,cup,x,100\no2,m1,2026-06-01,paid,1,,,\n")
        run("import_orders", path)
        assert refused(path) == [(2, ["wrong_type"])]
        assert Order.objects.get().external_id == "o2"

    def test_goes_in_batch_by_batch(self, file) -> None:
        rows = "".join(f"o{number},m{number % 9},2026-06-01,paid,1,,,\n" for number in range(4_500))
        assert run("import_orders", file(ORDERS + rows))[0].startswith("Orders: 4,500 accepted (4,500 new")
        assert Order.objects.count() == 4_500


class TestImportEvents:
    def test_takes_a_row_an_event(self, file) -> None:
        path = file(
            "ID;Member;Kind;At;Rating;Dwell_Seconds;Product;properties.Platform\n"
            'e1;m1;visit;2026-06-01 10:00:00;;12.5;;ios\n="e2";m1;review;2026-06-02;5;;tea;\n'
        )
        said, _, error = run("import_events", path)
        assert error == ""
        assert said.startswith("Events: 2 accepted (2 new, 0 changed), 0 refused. Of 1 members")
        rows = BehaviourEvent.objects.order_by("external_id")
        assert list(rows.values_list("external_id", "kind", "rating", "dwell_seconds", "product__code", "properties")) == [
            ("e1", "visit", None, 12.5, None, {"Platform": "ios"}),
            ("e2", "review", 5, None, "tea", {}),
        ]

    def test_takes_lines_of_json(self, file) -> None:
        path = file('{"id": "e1", "member": "m1", "kind": "search", "at": "2026-06-01", "keyword": "tea"}\n', "rows.jsonl")
        assert run("import_events", path)[0].startswith("Events: 1 accepted (1 new, 0 changed)")
        assert run("import_events", path)[0].startswith("Events: 1 accepted (0 new, 0 changed)")
        assert BehaviourEvent.objects.get().keyword == "tea"

    def test_keeps_the_good_rows_and_writes_the_others_beside_the_file(self, file) -> None:
        path = file(
            "id,member,kind,at,rating\ne1,m1,visit,2026-06-01,\ne2,m1,coupon_issued,soon,9\ne3,m1,review,2026-06-01,x\n"
        )
        _said, _complained, error = run("import_events", path)
        assert error == "Refused rows: 2. Files that could not be read: 0."
        assert refused(path) == [(3, ["out_of_range"]), (4, ["wrong_type"])]
        assert BehaviourEvent.objects.get().external_id == "e1"

    def test_needs_the_columns_that_make_an_event(self, file) -> None:
        _said, complained, _error = run("import_events", file("id,member,kynd\n"))
        assert complained.splitlines()[1:] == [
            '  kynd: Row 1: this column is not known. Did you mean "kind"?',
            "  kind: Row 1: this column is missing.",
            "  at: Row 1: this column is missing.",
        ]

    def test_can_be_rehearsed(self, file) -> None:
        said, _, error = run("import_events", file("id,member,kind,at\ne1,m1,visit,2026-06-01\n"), "--dry-run")
        assert (said.endswith("Dry run: nothing was kept."), error) == (True, "")
        assert (BehaviourEvent.objects.count(), Member.objects.count(), DirtyMark.objects.count()) == (0, 0, 0)
