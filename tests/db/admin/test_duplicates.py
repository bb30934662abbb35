from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import AuditRecord
from members.models import Identifier, Member, MergeRecord, Order
from members.services.identity import merge_members
from tests.campaign_factories import consent
from tests.db.admin.conftest import XSS, staff, text_of
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db

LIST = "admin:members_mergerecord_changelist"
PHONE = "+8613812345678"


def merge_url(keep: Member, drop: Member) -> str:
    return reverse("admin:members_mergerecord_merge", args=[keep.pk, drop.pk])


@pytest.fixture
def pair(db: None) -> tuple[Member, Member]:
    """Two with one phone number; the second has the orders."""
    first, second = make_member("first", name="Anna", phone=PHONE), make_member("second", phone=PHONE, city="上海")
    make_order(second), make_order(second, placed_at=NOW - timedelta(days=3))
    return first, second


class TestTheList:
    @pytest.mark.parametrize(
        ("reason", "shared", "masked"),
        [
            ("phone", {"phone": PHONE}, {}),
            ("email", {"email": "a@example.com"}, {"email": "a***@example.com"}),
            ("birthday", {"name": "王芳", "birth_key": 229, "birth_year": 1996}, {}),
        ],
    )
    def test_shows_who_shares_what_is_one_person_s(
        self, reason: str, shared: dict[str, str], masked: dict[str, str], admin: Client
    ) -> None:
        keep, drop, alone = make_member(**shared), make_member(**shared), make_member(city="上海")
        if masked:
            make_member(**masked), make_member(**masked)
        page = admin.get(reverse(LIST), {"reason": reason}).context
        assert [group.group.member_ids for group in page["groups"]] == [(keep.pk, drop.pk)]
        assert alone.external_id not in str(page["groups"])

    def test_shows_who_has_the_same_name_elsewhere_unless_it_is_masked(self, admin: Client) -> None:
        people = [make_member() for _place in range(6)]
        for place, (kind, value) in enumerate(
            (
                ("nick", "anna88"),
                ("nick", "anna88"),
                ("masked_nick", "a**8"),
                ("masked_nick", "a**8"),
                ("nick", "b*"),
                ("nick", "b*"),
            )
        ):
            Identifier.objects.create(member=people[place], source=f"shop{place}", kind=kind, value=value)
        page = admin.get(reverse(LIST), {"reason": "identifier"}).context
        assert [group.group.member_ids for group in page["groups"]] == [(people[0].pk, people[1].pk)]

    def test_does_not_take_a_masked_name_or_a_birthday_without_its_year_for_a_person(self, admin: Client) -> None:
        for year in (None, None):
            make_member(name="王芳", birth_key=229, birth_year=year)
        for _time in range(2):
            make_member(name="王*", birth_key=229, birth_year=1996)
        assert admin.get(reverse(LIST), {"reason": "birthday"}).context["groups"] == []

    def test_keeps_who_ordered_most_and_hides_what_is_personal(self, admin: Client, pair: tuple[Member, Member]) -> None:
        first, second = pair
        answer = admin.get(reverse(LIST))
        (group,) = answer.context["groups"]
        assert (group.kept.member, [url for _card, url in group.others]) == (second, [merge_url(second, first)])
        assert PHONE not in text_of(answer)
        assert "+86138****5678" in text_of(answer)

    def test_says_when_a_number_is_shared_by_too_many(self, admin: Client) -> None:
        for _time in range(9):
            make_member(phone=PHONE)
        answer = admin.get(reverse(LIST))
        assert answer.context["groups"][0].unnamed == 3
        assert "9 members with" in text_of(answer)

    def test_is_paged_and_costs_the_same_for_one_group_and_for_many(
        self, admin: Client, pair: tuple[Member, Member]
    ) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin.get(reverse(LIST))
            return len(captured)

        few = cost()
        for number in range(25):
            for _time in range(2):
                make_order(make_member(phone=f"+86139{number:08}"))
        assert cost() == few
        first, second = (admin.get(reverse(LIST), {"page": page}).context for page in (1, 2))
        assert [(len(page["groups"]), page["more"]) for page in (first, second)] == [(20, True), (6, False)]

    @pytest.mark.parametrize("query", [{"reason": "x"}, {"page": "0"}, {"page": "9" * 30}, {"page": "²"}, {"merges": "x"}])
    def test_answers_whatever_is_asked(self, query: dict[str, str], admin: Client, pair: tuple[Member, Member]) -> None:
        assert admin.get(reverse(LIST), query).status_code == 200

    def test_lets_no_name_speak_as_markup(self, admin: Client) -> None:
        keep, drop = make_member(name=XSS, phone=PHONE), make_member(XSS, phone=PHONE)
        pages = [text_of(admin.get(reverse(LIST))), text_of(admin.get(merge_url(keep, drop)))]
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW, by=XSS)
        pages.append(text_of(admin.get(reverse(LIST))))
        pages.append(text_of(admin.get(reverse("admin:members_mergerecord_undo", args=[MergeRecord.objects.get().pk]))))
        assert [XSS in page for page in pages] == [False] * 4


class TestMerging:
    def test_says_first_what_will_happen(self, admin: Client, pair: tuple[Member, Member]) -> None:
        first, second = pair
        consent(second, "sms", granted=False)
        sentences = admin.get(merge_url(first, second)).context["sentences"]
        assert [str(sentence) for sentence in sentences[:-1]] == [
            "“second” becomes part of Anna (first). What the kept profile says stays, and whatever comes in under the other"
            " id from now on belongs to Anna (first).",
            "These move: orders 2 and words on consent 1.",
            "The kept profile learns: city.",
            "Anna (first) is no longer written to by SMS: the later word is a refusal.",
            "You can undo this later.",
        ]
        assert merge_url(second, first) in sentences[-1]
        assert Member.objects.count() == 2

    def test_merges_and_writes_down_who_did_it(self, admin: Client, pair: tuple[Member, Member]) -> None:
        first, second = pair
        answer = admin.post(merge_url(first, second), follow=True)
        assert "“second” is part of “Anna” now." in text_of(answer)
        assert set(Order.objects.values_list("member_id", flat=True)) == {first.pk}
        record = MergeRecord.objects.get()
        assert (record.merged_by, record.merged_at, record.counts) == ("boss", NOW, {"orders": 2})
        trail = AuditRecord.objects.order_by("pk").values_list("verb", "object_id")
        assert list(trail) == [("changed", first.pk), ("removed", second.pk)]
        assert "orders 2" in text_of(answer)

    def test_tells_why_not(self, admin: Client, pair: tuple[Member, Member]) -> None:
        first, second = pair
        admin.post(merge_url(first, second))
        answer = admin.post(merge_url(first, second), follow=True)
        assert "has been merged with another one already" in text_of(answer)
        assert admin.get(merge_url(first, second)).status_code == 404
        assert MergeRecord.objects.count() == 1

    def test_is_undone(self, admin: Client, pair: tuple[Member, Member]) -> None:
        first, second = pair
        admin.post(merge_url(first, second))
        undo = reverse("admin:members_mergerecord_undo", args=[MergeRecord.objects.get().pk])
        assert "“second” becomes a member of its own again." in text_of(admin.get(undo))
        assert "is a member of its own again" in text_of(admin.post(undo, follow=True))
        assert set(Order.objects.values_list("member_id", flat=True)) == {second.pk}
        assert "has been undone already" in text_of(admin.post(undo, follow=True))


class TestWhoMay:
    def test_look_without_merging(self, pair: tuple[Member, Member]) -> None:
        looker = staff("members.view_member", "members.view_mergerecord")
        assert reverse("admin:members_mergerecord_merge", args=[1, 2])[:-4] not in text_of(looker.get(reverse(LIST)))
        assert looker.post(merge_url(*pair)).status_code == 403
        record = merge_members(keep=pair[0].pk, drop=pair[1].pk, now=NOW)
        assert looker.post(reverse("admin:members_mergerecord_undo", args=[record.pk])).status_code == 403
        assert MergeRecord.objects.get().undone_at is None

    @pytest.mark.parametrize("permissions", [(), ("members.view_mergerecord",), ("members.view_member",)])
    def test_not_even_look(self, permissions: tuple[str, ...], db: None) -> None:
        assert staff(*permissions).get(reverse(LIST)).status_code == 403

    def test_merge(self, pair: tuple[Member, Member]) -> None:
        keeper = staff("members.view_member", "members.change_member", "members.view_mergerecord", "members.add_mergerecord")
        assert keeper.post(merge_url(*pair)).status_code == 302
        assert Member.objects.count() == 1
