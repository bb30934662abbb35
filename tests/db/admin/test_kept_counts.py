"""Pages of a large shop that show what the nightly look kept, say so, and count anew for who asks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.services.jobs import run_jobs
from members.models import Identifier, Member
from members.services.identity import merge_members
from members.services.quality import ask_for_look
from tests.campaign_factories import make_reachable
from tests.db.admin.conftest import text_of
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

CONSENTS, DUPLICATES = "admin:members_consent_changelist", "admin:members_mergerecord_changelist"
SAID = "can be sent advertising by SMS"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("members.services.kept_counts.SMALL", 1)


def looked() -> None:
    ask_for_look(now=NOW)
    run_jobs(now=NOW)


def page_of(client: Client, number: int = 1, reason: str = "phone", **query: str) -> list[tuple[int, ...]]:
    context = client.get(reverse(DUPLICATES), {"reason": reason, "page": number, **query}).context
    return [group.group.member_ids for group in context["groups"]]


class TestWhomWeMayWriteTo:
    def test_is_told_as_of_the_look_with_its_time(self, admin: Client, large: None) -> None:
        make_reachable("m1"), make_reachable("m2")
        looked()
        make_reachable("m3")
        shown = text_of(admin.get(reverse(CONSENTS)))
        assert (f"2 members {SAID}" in shown, "Counted by the look" in shown) == (True, True)
        anew = text_of(admin.get(reverse(CONSENTS), {"now": "1"}))
        assert (f"3 members {SAID}" in anew, "Counted by the look" in anew) == (True, False)

    def test_is_counted_when_opened_in_a_small_shop_and_where_nobody_looked(
        self, admin: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_reachable("m1"), make_reachable("m2")
        looked()
        make_reachable("m3")
        assert f"3 members {SAID}" in text_of(admin.get(reverse(CONSENTS)))
        monkeypatch.setattr("members.services.kept_counts.SMALL", 1)
        monkeypatch.setattr("members.models.quality.QualityLookQuerySet.newest", lambda self: None)
        assert f"3 members {SAID}" in text_of(admin.get(reverse(CONSENTS)))

    def test_scans_no_table_for_what_is_kept(self, admin: Client, large: None) -> None:
        make_reachable("m1"), make_reachable("m2")
        looked()
        with CaptureQueriesContext(connection) as asked:
            admin.get(reverse(CONSENTS))
        assert [each["sql"] for each in asked if "COUNT(" in each["sql"] and "members_" in each["sql"]] == []


class TestDuplicates:
    def test_are_those_of_the_look_as_they_are_now(self, admin: Client, large: None) -> None:
        pairs = [[make_member(phone=f"+861391234567{place}") for _time in range(2)] for place in range(3)]
        looked()
        merge_members(keep=pairs[0][0].pk, drop=pairs[0][1].pk, now=NOW, by="boss")
        third = make_member(phone="+8613912345671")
        make_member(phone="+8613800000000"), make_member(phone="+8613800000000")
        one, two = ((each[0].pk, each[1].pk) for each in pairs[1:])
        assert page_of(admin) == [(*one, third.pk), two]
        assert "Found by the look" in text_of(admin.get(reverse(DUPLICATES)))
        assert len(page_of(admin, now="1")) == 3

    def test_are_paged_through_as_far_as_they_were_kept(self, admin: Client, large: None) -> None:
        for number in range(25):
            make_member(phone=f"+86139{number:08}"), make_member(phone=f"+86139{number:08}")
        looked()
        assert [len(page_of(admin, number)) for number in (1, 2, 3)] == [20, 5, 0]

    def test_share_a_name_elsewhere_and_nothing_else_that_its_holder_has(self, admin: Client, large: None) -> None:
        first, second = make_member(), make_member()
        for member, value in ((first, "anna"), (second, "anna"), (first, "own")):
            Identifier.objects.create(member=member, source=f"shop{member.pk}", kind="nick", value=value)
        looked()
        assert page_of(admin, reason="identifier") == [(first.pk, second.pk)]

    def test_of_a_member_who_was_erased_since_are_none(self, admin: Client, large: None) -> None:
        first, _second, _other = make_member(phone="+8613912345671"), make_member(phone="+8613912345671"), make_member()
        looked()
        Member.objects.filter(pk=first.pk).update(phone="")
        assert page_of(admin) == []
