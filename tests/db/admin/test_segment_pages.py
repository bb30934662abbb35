"""The page of a segment and what stands around it: parts, lists, files, the library."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import AuditRecord
from core.services.jobs import run_jobs
from members.models import Member
from retention.models import Segment, SegmentVersion, StaticMember
from retention.services.library import READY_RULES
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment
from retention.services.static_lists import create_list
from tests.campaign_factories import make_reachable
from tests.db.admin.conftest import XSS, World, grow, staff, text_of
from tests.factories import NOW, make_order

pytestmark = pytest.mark.django_db

FETCH = {"X-Requested-With": "fetch"}
LATER = NOW + timedelta(minutes=1)


def address(name: str, segment: Segment, *more: object) -> str:
    return reverse(f"admin:retention_segment_{name}", args=[segment.pk, *more])


def part(client: Client, name: str, segment: Segment, **query: str) -> str:
    answer = client.get(address(name, segment), query, headers=FETCH)
    assert answer.status_code == 200
    return text_of(answer)


def lines(answer: Any) -> list[str]:
    return b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()


@pytest.fixture
def ids(world: World) -> Segment:
    """A fixed list of the first member, counted."""
    segment, _upload = create_list(slug="ids", name=f"Ids {XSS}", members=[world.members[0].external_id], now=NOW)
    refresh(as_of=LATER)
    return Segment.objects.get(pk=segment.pk)


class TestThePage:
    def test_says_the_number_and_how_it_moved_in_a_week(self, admin: Client, world: World) -> None:
        page = address("change", world.segment)
        first = text_of(admin.get(page))
        make_order(make_reachable())
        refresh(as_of=NOW + timedelta(days=7))
        after = text_of(admin.get(page))
        assert ("3 members are in it." in first, "4 members are in it, 1 more than a week ago." in after) == (True, True)

    def test_shows_size_over_time_as_picture_words_and_table(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(address("change", world.segment)))
        assert '{"labels": ["2026-06-15"], "values": [3], "label": "members"}' in shown
        assert "1 days: between 3 and 3 members, 3 at the end." in shown

    def test_names_who_uses_it(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(address("change", world.segment))).split('id="uses"')[1]
        assert reverse("admin:campaigns_campaign_change", args=[world.draft.pk]) in shown

    def test_costs_the_same_however_many_are_inside(self, admin: Client, world: World) -> None:
        page = address("change", world.segment)
        admin.get(page)
        with CaptureQueriesContext(
            connection,
        ) as few:
            admin.get(page)
        grow(30)
        with CaptureQueriesContext(connection) as many:
            admin.get(page)
        assert len(many) == len(few)

    def test_waits_while_another_rule_is_counted(self, admin: Client, world: World) -> None:
        change_rule(segment=world.segment, rule={"everyone": True}, now=LATER)
        assert admin.get(address("change", world.segment)).context["waits"] is True


class TestWhoTheyAre:
    def test_share_stages_spend_and_reach_each_lead_to_the_list(self, admin: Client, world: World) -> None:
        shown = part(admin, "insight", world.segment)
        assert "That is 100% of all 3 members." in shown
        assert "?segment=buyers&amp;stage=" in shown
        assert "?segment=buyers&amp;reach=sms" in shown
        assert "¥459" in shown

    def test_of_an_empty_segment_says_so(self, admin: Client, world: World) -> None:
        empty = create_segment(slug="e", name="E", rule={"field": "order_count", "operator": ">", "value": 99}, now=NOW)
        assert "Nobody is inside" in part(admin, "insight", empty)


class TestWhy:
    def test_marks_each_condition_with_the_members_value(self, admin: Client, world: World) -> None:
        outsider = make_reachable("out", name="Out")
        refresh(as_of=LATER)
        shown = part(admin, "why", world.segment, member="out")
        assert "is not meant" in shown
        assert "has: 0 orders" in shown
        assert "What would have to change:" in shown
        assert reverse("admin:members_member_change", args=[outsider.pk]) in shown
        assert "is meant" in part(admin, "why", world.segment, member=world.members[0].external_id)

    def test_asks_again_when_several_or_none_are_called_so(self, admin: Client, world: World) -> None:
        for name in ("twin-1", "twin-2"):
            make_reachable(name)
        several = part(admin, "why", world.segment, member="twin")
        nobody = part(admin, "why", world.segment, member="<b>nobody</b>")
        assert "Several members begin with “twin”" in several
        assert "No member is called" in nobody
        assert "<b>nobody" not in nobody

    def test_opens_as_a_page_where_there_is_no_script(self, admin: Client, world: World) -> None:
        answer = admin.get(address("why", world.segment), {"member": world.members[0].external_id})
        assert 'id="content-main"' in text_of(answer)

    def test_is_asked_from_the_members_page_too(self, admin: Client, world: World) -> None:
        member = world.members[0]
        assert 'id="panel-why"' in text_of(admin.get(reverse("admin:members_member_change", args=[member.pk])))
        query = {"member": member.pk, "segment": "buyers"}
        assert "is meant" in text_of(admin.get(reverse("admin:retention_why"), query, headers=FETCH))
        assert admin.get(reverse("admin:retention_why"), {"member": "x", "segment": "buyers"}).status_code == 404
        assert staff().get(reverse("admin:retention_why"), query).status_code == 404

    def test_of_a_rule_nobody_can_read_any_more_says_so(self, admin: Client, world: World) -> None:
        SegmentVersion.objects.update(rule={"field": "gone", "operator": "=", "value": 1})
        assert "gone" in part(admin, "why", world.segment, member=world.members[0].external_id)

    def test_of_a_campaign_is_asked_from_the_members_page(self, admin: Client, world: World) -> None:
        member = world.members[0]
        assert 'id="panel-why_campaign"' in text_of(admin.get(reverse("admin:members_member_change", args=[member.pk])))
        page = reverse("admin:campaigns_why")
        reached = text_of(admin.get(page, {"member": member.pk, "campaign": world.running.slug}, headers=FETCH))
        draft = text_of(admin.get(page, {"member": member.pk, "campaign": world.draft.slug}))
        assert "</a>: fired</p>" in reached
        assert "The campaign is not running: it is draft." in draft
        assert XSS not in reached + draft
        assert admin.get(page, {"member": member.pk, "campaign": "gone"}).status_code == 404
        assert staff().get(page, {"member": member.pk, "campaign": world.draft.slug}).status_code == 404


class TestOverlap:
    def test_counts_the_parts_and_offers_each_as_a_segment(self, admin: Client, world: World, ids: Segment) -> None:
        shown = part(admin, "overlap", world.segment, **{"with": "ids"})
        assert "1 members of Buyers" in shown
        assert shown.count(reverse("admin:retention_segment_add")) == 3
        assert XSS not in shown
        assert admin.get(address("overlap", world.segment), {"with": "gone"}).status_code == 404


class TestComingsAndGoings:
    def test_are_counted_listed_and_given_as_a_file(self, admin: Client, world: World, ids: Segment) -> None:
        admin.post(address("ids", ids), {"how": "replace", "ids": world.members[1].external_id})
        refresh(as_of=LATER + timedelta(minutes=1))
        assert "1 entered and 1 left." in part(admin, "moves", ids)
        listed = text_of(admin.get(address("moves", ids), {"which": "left"}))
        assert reverse("admin:members_member_change", args=[world.members[0].pk]) in listed
        assert reverse("admin:members_member_change", args=[world.members[1].pk]) not in listed
        rows = lines(admin.get(address("moves", ids), {"format": "csv"}))
        assert [row.split(",")[1] for row in rows] == ["moved", "left", "entered"]
        before = {"first": "2020-01-01", "last": "2020-01-02"}
        assert "Nobody entered or left in this time" in text_of(admin.get(address("moves", ids), before))

    @pytest.mark.parametrize("query", [{"first": "x", "last": "9999-12-31"}, {"first": "2026-12-31", "last": "2026-01-01"}])
    def test_of_no_period_are_those_of_the_last_week(self, admin: Client, world: World, query: dict[str, str]) -> None:
        assert admin.get(address("moves", world.segment), query).status_code == 200


class TestTheFile:
    def test_holds_chosen_columns_contacts_half_hidden_for_who_may_not_see_them(self, world: World) -> None:
        member = world.members[0]
        clerk = staff("retention.view_segment", "retention.export_segment")
        boss = staff("retention.view_segment", "retention.export_segment", "retention.export_contacts")
        chosen = {"columns": ["email", "external_id", "phone", "nonsense"]}
        page = address("export", world.segment)
        assert "The file will hold 3 members." in text_of(clerk.get(page))
        hidden, whole = lines(clerk.post(page, chosen)), lines(boss.post(page, chosen))
        assert hidden[0] == whole[0] == "external_id,phone,email"
        assert hidden[1] == f"{member.external_id},'{member.phone[:-8]}****{member.phone[-4:]},m***@example.com"
        assert whole[1] == f"{member.external_id},'{member.phone},{member.email}"
        assert AuditRecord.objects.filter(said__contains="exported").count() == 2

    def test_calculates_nothing_and_asks_for_a_column(self, admin: Client, world: World) -> None:
        Member.objects.filter(pk=world.members[0].pk).update(name="=HYPERLINK(1)")
        page = address("export", world.segment)
        assert lines(admin.post(page, {"columns": ["name"]}))[1] == "'=HYPERLINK(1)"
        assert "Choose at least one column." in text_of(admin.post(page, {}))

    def test_is_refused_to_who_may_only_look(self, world: World) -> None:
        looker = staff("retention.view_segment")
        assert looker.get(address("export", world.segment)).status_code == 403
        assert looker.get(address("moves", world.segment), {"format": "csv"}).status_code == 403

    def test_of_thousands_is_read_a_chunk_at_a_time(
        self, admin: Client, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("retention.selectors.exporting.CHUNK", 2)
        columns = ["external_id", "order_count", "last_order_at", "r_score"]
        rows = lines(admin.post(address("export", world.segment), {"columns": columns}))
        days = ("2026-06-15", "2026-06-14", "2026-06-13")
        expected = [f"{member.external_id},3,{day}" for member, day in zip(world.members, days, strict=True)]
        assert [row.rpartition(",")[0] for row in rows[1:]] == expected


class TestAList:
    def test_is_made_of_pasted_numbers(self, admin: Client, world: World) -> None:
        numbers = "\n".join(member.external_id for member in world.members)
        answer = admin.post(
            reverse("admin:retention_segment_new_list"), {"name": "Friends 朋友", "ids": f"{numbers}\nnobody"}, follow=True
        )
        made = Segment.objects.get(name="Friends 朋友")
        assert (made.static, StaticMember.objects.filter(segment=made).count()) == (True, 3)
        assert "3 came on the list, 0 went off it." in text_of(answer)
        assert "1 number means nobody: see below." in text_of(answer)
        upload = made.uploads.get()
        rows = lines(admin.get(address("unknown", made, upload.pk)))
        assert rows == ["id,reason", "nobody,no member is called so"]

    def test_is_made_of_a_file_by_a_job(self, admin: Client, world: World) -> None:
        file = SimpleUploadedFile("ids.csv", f"external_id\n{world.members[0].external_id}\n".encode())
        answer = admin.post(reverse("admin:retention_segment_new_list"), {"name": "F", "file": file}, follow=True)
        made = Segment.objects.get(name="F")
        assert "The file is read in the background" in text_of(answer)
        assert not StaticMember.objects.exists()
        run_jobs(now=LATER)
        assert StaticMember.objects.get().segment == made
        assert "ids.csv" in text_of(admin.get(address("change", made)))

    def test_of_a_bad_file_says_why_on_its_page_and_stays_as_it_was(self, admin: Client, ids: Segment) -> None:
        admin.post(address("ids", ids), {"how": "replace", "file": SimpleUploadedFile("x.csv", b"a,b\n1,2\n")})
        run_jobs(now=LATER)
        assert "The file has several columns." in text_of(admin.get(address("change", ids)))
        assert StaticMember.objects.count() == 1

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"how": "add"}, "Paste member numbers, or choose a file."),
            ({"how": "add", "ids": "\n".join(map(str, range(10_001)))}, "At most 10,000 ids at once"),
        ],
    )
    def test_asks_for_numbers_in_words(self, admin: Client, ids: Segment, data: dict[str, str], said: str) -> None:
        assert said in text_of(admin.post(address("ids", ids), data))

    def test_refuses_an_empty_file_and_both_ways_at_once(self, admin: Client, ids: Segment) -> None:
        empty = admin.post(address("ids", ids), {"how": "add", "file": SimpleUploadedFile("x.csv", b"")})
        both = admin.post(address("ids", ids), {"how": "add", "ids": "a", "file": SimpleUploadedFile("x.csv", b"a")})
        assert "The file is empty." in text_of(empty)
        assert "not both" in text_of(both)

    def test_keeps_who_is_in_a_segment_today(self, admin: Client, world: World) -> None:
        page = address("freeze", world.segment)
        assert "3 members go on the list" in text_of(admin.get(page))
        admin.post(page, {"name": "Then"})
        assert StaticMember.objects.filter(segment__name="Then").count() == 3

    def test_is_not_changed_by_who_may_only_look(self, ids: Segment) -> None:
        looker = staff("retention.view_segment")
        assert looker.post(address("ids", ids), {"how": "remove", "ids": "m1"}).status_code == 403
        assert looker.post(reverse("admin:retention_segment_new_list"), {"name": "x"}).status_code == 403
        assert looker.post(address("freeze", ids), {"name": "x"}).status_code == 403
        assert Segment.objects.count() == 2


class TestTheLibrary:
    def test_shows_every_rule_at_once_and_counts_beside(self, admin: Client, world: World) -> None:
        page = reverse("admin:retention_segment_library")
        plain, counted = text_of(admin.get(page)), text_of(admin.get(page, headers=FETCH))
        for ready in READY_RULES:
            assert f"ready-{ready.code}" in plain
            assert f"?library={ready.code}" in counted
        assert ("Counting…" in plain, "0 members" in counted) == (True, True)

    def test_fills_the_form_of_a_new_segment(self, admin: Client) -> None:
        form = admin.get(reverse("admin:retention_segment_add"), {"library": "coupon-lovers"}).context["form"]
        assert (form.initial["name"], form.initial["rule"]["combinator"]) == ("Coupon lovers", "and")

    def test_makes_nothing_for_who_may_only_look(self) -> None:
        looker = staff("retention.view_segment")
        shown = text_of(looker.get(reverse("admin:retention_segment_library"), headers=FETCH))
        assert "?library=" not in shown
        assert staff().get(reverse("admin:retention_segment_library")).status_code == 403
