from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from members.models import Identifier, Member
from members.selectors import member_listing, members_found, members_reachable, order_listing
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db


def found(text: str) -> list[str]:
    return sorted(members_found(text).values_list("external_id", flat=True))


class TestMembersFound:
    @pytest.mark.parametrize("text", ["m1", "m10", "Wang", "王", "138001", "+86138", "wang@", "Wang@Exam", "t**8"])
    def test_by_how_an_id_a_name_a_phone_or_an_address_begins(self, text: str) -> None:
        member = make_member("m10", name="王五", phone="+8613800138000", email="wang@example.com")
        make_member("Wang 1", name="王二")
        make_member("x", name="other", phone="+8613900139000", email="x@example.com")
        Identifier.objects.create(member=member, source="tmall", kind="nick", value="t**8")
        expected = {"Wang": ["Wang 1", "m10"], "王": ["Wang 1", "m10"]}
        assert found(text) == expected.get(text, ["m10"])

    @pytest.mark.parametrize("text", ["%", "_", "\\", "'", "wang%"])
    def test_takes_no_letter_for_a_pattern(self, text: str) -> None:
        make_member("m1", name="wang", phone="+8613800138000", email="w@example.com")
        assert found(text) == []

    def test_finds_patterns_that_are_meant(self) -> None:
        make_member("100%_\\x")
        make_member("100x")
        assert found("100%_\\") == ["100%_\\x"]

    def test_finds_nobody_by_an_empty_phone(self) -> None:
        make_member("m1")
        assert found("+86") == []

    def test_reads_an_index_not_the_table(self) -> None:
        rows = [
            Member(external_id=f"m{n}", name=f"n{n}", phone=f"p{n}", email=f"e{n}", created_at=NOW) for n in range(3_000)
        ]
        Member.objects.bulk_create(rows)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE members_member")
        for column in ("external_id", "name", "phone", "email"):
            wanted = Member.objects.filter(**{f"{column}__begins": "n12"}).exclude(**{column: ""}).values_list("pk")
            plan = wanted.explain().lower()
            assert ("index" in plan, "seq scan" in plan) == (True, False), plan


class TestMembersReachable:
    def test_have_an_address_and_said_yes(self, django_assert_num_queries: Any) -> None:
        for name, phone, granted in [("yes", "+8613800138000", True), ("no", "+8613800138001", False), ("bare", "", True)]:
            member = make_member(name, phone=phone)
            member.consents.create(channel="sms", granted=granted, proof="a test", changed_at=NOW)
        with django_assert_num_queries(1):
            assert [member.external_id for member in members_reachable("sms")] == ["yes"]
        assert not members_reachable("email").exists()


class TestListings:
    def test_cost_the_same_however_many_rows(self, django_assert_num_queries: Any) -> None:
        for number in range(20):
            make_order(make_member(f"m{number}"), external_id=f"o{number}")
        with django_assert_num_queries(4):
            assert len([(member, list(member.tags.all())) for member in member_listing()]) == 20
        with django_assert_num_queries(3):
            assert len([(order.member.external_id, list(order.lines.all())) for order in order_listing()]) == 20
