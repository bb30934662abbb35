"""Events in admin: the list, one of them, and what a member did - bounded however many there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from members.models import Product
from members.selectors import happenings
from members.selectors.happenings import Place, event_page, timeline
from tests.db.admin.conftest import XSS, staff, text_of
from tests.factories import NOW, TODAY_NUMBER, make_event, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db

LIST = "admin:members_behaviourevent_changelist"


def listed(client: Client, **query: str) -> list[str]:
    return [row.event.external_id for row in client.get(reverse(LIST), query).context["rows"]]


class TestTheList:
    def test_shows_the_newest_first(self, admin: Client) -> None:
        member = make_member()
        for number, at in enumerate((NOW - timedelta(hours=2), NOW, NOW - timedelta(hours=1), NOW)):
            make_event(member, "visit", occurred_at=at, external_id=f"e{number}")
        assert listed(admin) == ["e3", "e1", "e2", "e0"]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"kind": "search"}, ["search"]),
            ({"keyword": "green tea"}, ["search"]),
            ({"keyword": "tea"}, []),
            ({"day": "2026-06-14"}, ["yesterday"]),
            ({"member": "li"}, ["yesterday"]),
            ({"member": "Wang"}, ["view", "search"]),
            ({"member": "nobody"}, []),
            ({"product": "T1"}, ["view"]),
            ({"product": "een te"}, ["view"]),
            ({"product": "T1", "kind": "search"}, []),
            ({"member": "wang", "kind": "view", "day": "2026-06-15"}, ["view"]),
        ],
    )
    def test_is_narrowed_by_what_people_know(self, query: dict[str, str], found: list[str], admin: Client) -> None:
        wang, li = make_member("wang", name="Wang Fang"), make_member("li")
        make_event(li, "visit", occurred_at=shop_time(TODAY_NUMBER - 1), external_id="yesterday")
        make_event(wang, "search", keyword="green tea", occurred_at=NOW - timedelta(hours=1), external_id="search")
        tea = Product.objects.create(code="T1", name="Green tea")
        make_event(wang, "view", product=tea, external_id="view")
        assert listed(admin, **query) == found

    @pytest.mark.parametrize(
        "query",
        [
            {"kind": "nonsense"}, {"day": "tomorrow"}, {"day": "0001-01-01"}, {"day": "9999-12-31"}, {"before": "x"},
            {"before": "2026-06-15T00:00:00~1"}, {"before": f"{NOW.isoformat()}~{'9' * 30}"}, {"before": "~"},
            {"product": "%"}, {"keyword": "'"}, {"quality": "nonsense"},
            {"before": f"{NOW.isoformat()}~²"}, {"before": f"{NOW.isoformat()}~{'0' * 5000}"},
        ],
    )  # fmt: skip
    def test_answers_whatever_is_asked(self, query: dict[str, str], admin: Client) -> None:
        make_event(make_member(), "visit")
        assert admin.get(reverse(LIST), query).status_code == 200

    def test_leads_from_page_to_page_and_shows_each_event_once(self, admin: Client) -> None:
        member = make_member()
        for number in range(120):
            make_event(member, "visit", occurred_at=NOW - timedelta(minutes=number // 7), external_id=f"e{number:03}")
        shown, address = [], reverse(LIST)
        while address:
            page = admin.get(address).context
            shown.append([row.event.external_id for row in page["rows"]])
            address = page["older_url"] and reverse(LIST) + page["older_url"]
        assert [len(rows) for rows in shown] == [50, 50, 20]
        assert sorted(each for rows in shown for each in rows) == [f"e{number:03}" for number in range(120)]

    def test_teaches_what_fills_it(self, admin: Client) -> None:
        assert f'href="{reverse("admin:members_import_add")}"' in admin.get(reverse(LIST)).content.decode()

    def test_finds_a_rare_kind_by_looking_further_back(self, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        member = make_member()
        make_event(member, "complaint", occurred_at=NOW - timedelta(days=9), external_id="rare")
        for number in range(7):
            make_event(member, "visit", occurred_at=NOW - timedelta(hours=number))
        with monkeypatch.context() as patched:
            patched.setattr(happenings, "EVENTS_LOOKED_THROUGH", 3)
            address, looks = reverse(LIST) + "?kind=complaint", 0
            while not (page := admin.get(address).context)["rows"]:
                assert page["until"]
                address, looks = reverse(LIST) + page["older_url"], looks + 1
        assert ([row.event.external_id for row in page["rows"]], looks) == (["rare"], 2)


class TestAPageOfEvents:
    @pytest.mark.parametrize("narrowed", [{}, {"kind": "visit"}, {"members": [0]}, {"day": TODAY_NUMBER}, {"products": [0]}])
    def test_leaves_nothing_out_where_looking_ends(self, narrowed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        member, tea = make_member(), Product.objects.create(code="T1")
        made = [
            make_event(
                member, "visit" if number % 3 else "view", product=tea, occurred_at=NOW - timedelta(hours=number // 4)
            ).pk
            for number in range(40)
        ]
        real = {"members": [member.pk], "products": [tea.pk]}
        asked = {name: real.get(name, value) for name, value in narrowed.items()}
        found: list[int] = []
        before: Place | None = None
        with monkeypatch.context() as patched:
            patched.setattr(happenings, "EVENTS_LOOKED_THROUGH", 7)
            for _page in range(60):
                page = event_page(most=5, before=before, **asked)
                found += [event.pk for event in page.events]
                if (before := page.following) is None:
                    break
        kept = [pk for number, pk in enumerate(made) if "kind" not in narrowed or number % 3]
        assert found == sorted(kept, key=lambda pk: (-(made.index(pk) // 4), pk), reverse=True)

    @pytest.mark.postgresql
    @pytest.mark.parametrize(
        "asked",
        [{}, {"kind": "complaint"}, {"keyword": "tea"}, {"day": TODAY_NUMBER - 3}, {"members": [1]}, {"products": [1]}],
    )
    def test_never_reads_the_table_row_by_row(self, asked: dict[str, Any]) -> None:
        """Sequential scans are made dear: what is left of them could not be answered by an index."""
        make_event(make_member(), "visit")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        with CaptureQueriesContext(connection) as captured:
            event_page(most=50, before=Place(NOW, 10**9), **asked)
        for query in captured.captured_queries:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"])
                plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on members_behaviourevent" not in plan, plan


class TestOneEvent:
    def test_says_what_happened_in_words(self, admin: Client) -> None:
        event = make_event(
            make_member("wang"), "review", rating=4, topic="taste", dwell_seconds=12.5,
            properties={"platform": "ios", "first": True, "taps": 3},
        )  # fmt: skip
        shown = text_of(admin.get(reverse("admin:members_behaviourevent_change", args=[event.pk])))
        assert all(words in shown for words in ("wang", "4 of 5", "taste", "12.5", "platform", "ios", "yes"))

    def test_lets_no_word_speak_as_markup(self, admin: Client) -> None:
        event = make_event(make_member(XSS), "search", keyword=XSS, properties={XSS: XSS}, topic=XSS, page=XSS)
        page = reverse("admin:members_member_change", args=[event.member_id])
        pages = [reverse(LIST), reverse("admin:members_behaviourevent_change", args=[event.pk]), page]
        assert [XSS in text_of(admin.get(each)) for each in pages] == [False] * 3

    def test_is_for_who_may_see_events(self) -> None:
        event = make_event(make_member(), "visit")
        for address in (reverse(LIST), reverse("admin:members_behaviourevent_change", args=[event.pk])):
            assert staff("members.view_member").get(address).status_code == 403
            assert staff("members.view_behaviourevent").get(address).status_code == 200


class TestTheTimeline:
    def moments(self, client: Client, member: Any, **query: str) -> list[str]:
        page = client.get(reverse("admin:members_member_change", args=[member.pk]), query)
        panel = next(each for each in page.context["panels"] if each.code == "timeline").context
        self.panel = panel
        return [row.about for row in panel["rows"]]

    def test_holds_orders_and_events_in_one_line(self, admin: Client) -> None:
        member = make_member()
        make_order(member, external_id="N1", placed_at=NOW - timedelta(hours=2), total_minor=1_000)
        make_event(member, "search", keyword="tea", occurred_at=NOW - timedelta(hours=1))
        make_order(member, external_id="N2", total_minor=2_000)
        make_event(make_member(), "visit")
        told = {"channel": "sms", "campaign": "back"}
        make_event(member, "message_clicked", occurred_at=NOW - timedelta(hours=3), properties=told)
        assert self.moments(admin, member) == ["order N2: ¥20", "“tea”", "order N1: ¥10", "back"]

    def test_is_narrowed_to_a_kind_that_the_member_has(self, admin: Client) -> None:
        member = make_member()
        make_order(member, external_id="N1", total_minor=1_000)
        make_event(member, "search", keyword="tea")
        make_event(member, "visit")
        assert self.moments(admin, member, kind="search") == ["“tea”"]
        assert [label for label, _url, _chosen in self.panel["kinds"]] == ["Everything", "Orders", "searched", "visited"]
        assert self.moments(admin, member, kind="order") == ["order N1: ¥10"]
        assert len(self.moments(admin, member, kind="complaint")) == 3

    def test_is_leafed_through_and_shows_each_once(self) -> None:
        member = make_member()
        for number in range(25):
            at = NOW - timedelta(hours=number // 5)
            make_order(member, placed_at=at) if number % 2 else make_event(member, "visit", occurred_at=at)
        found, before = [], None
        while True:
            moments, more = timeline(member.pk, most=4, before=before)
            found += [(each.at, each.rank, each.pk) for each in moments]
            if not more:
                break
            before = found[-1]
        assert (len(found), found) == (25, sorted(set(found), reverse=True))

    def test_shows_no_event_to_who_may_not_see_events(self) -> None:
        member = make_member()
        make_order(member, external_id="N1", total_minor=1_000)
        make_event(member, "search", keyword="tea")
        looker = staff("members.view_member", "members.view_order")
        assert self.moments(looker, member) == ["order N1: ¥10"]
        assert self.moments(looker, member, kind="search") == ["order N1: ¥10"]

    def test_of_a_member_of_whom_nothing_is_known_teaches(self, admin: Client) -> None:
        page = admin.get(reverse("admin:members_member_change", args=[make_member().pk]))
        assert "Nothing has happened yet." in text_of(page)

    @pytest.mark.parametrize("before", ["x", "~~", f"{NOW.isoformat()}~7~1", f"{NOW.isoformat()}~1~{'9' * 40}", "1~1~1"])
    def test_answers_whatever_is_asked(self, before: str, admin: Client) -> None:
        member = make_member()
        make_event(member, "visit")
        assert admin.get(reverse("admin:members_member_change", args=[member.pk]), {"before": before}).status_code == 200
