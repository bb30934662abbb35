from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from members.admin.panels import birthday
from members.models import Category, Consent, DirtyMark, Member, Order, OrderLine, Product
from retention.selectors import preview
from retention.services.refresh import refresh
from tests.campaign_factories import make_reachable
from tests.db.admin.conftest import World, staff, text_of
from tests.factories import NOW, make_member, make_order
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db

LIST = "admin:members_member_changelist"


def listed(client: Client, **query: str) -> list[str]:
    rows = client.get(reverse(LIST), query).context["cl"].result_list
    return [member.external_id for member in rows]


def profile(member: Member, **changes: str) -> dict[str, str]:
    """This function will give what the form would send for an unchanged profile, with changes."""
    page = {
        "name": member.name, "gender": member.gender, "birth_date": member.birth_date_text, "phone": member.phone,
        "email": member.email, "city": "", "province": "", "language": "", "time_zone": "",
        "tags": "", "consent_sms": "on", "consent_email": "on",
    }  # fmt: skip
    return {name: value for name, value in {**page, **changes}.items() if value is not None}


class TestSearch:
    @pytest.mark.parametrize("text", ["W-17", "W-1", "王", "13812345678", "+8613812345678", "wang@example.com"])
    def test_finds_a_member_by_what_people_know(self, text: str, admin: Client) -> None:
        make_member("W-17", name="王芳", phone="+8613812345678", email="wang@example.com")
        make_member("other", name="李伟", phone="+8613999999999", email="li@example.com")
        assert listed(admin, q=text) == ["W-17"]

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("138123", []),
            ("+86138123", []),
            ("wang@", []),
            ("13812345678", ["W-17"]),
            ("Wang@example.com", ["W-17"]),
            ("W-1", ["W-17"]),
        ],
    )
    def test_tells_no_phone_letter_by_letter_to_who_sees_it_masked(self, text: str, found: list[str]) -> None:
        member = make_member("W-17", name="王芳", phone="+8613812345678", email="wang@example.com")
        make_order(member)
        client = staff("members.view_member", "members.view_order")
        assert listed(client, q=text) == found
        orders = client.get(reverse("admin:members_order_changelist"), {"q": text}).context["cl"].result_list
        assert [order.member.external_id for order in orders] == found

    def test_finds_nobody_by_what_nobody_has(self, admin: Client) -> None:
        make_member("W-17")
        assert listed(admin, q="zzz") == []

    def test_filters_by_lifecycle_stage(self, admin: Client, world: World) -> None:
        make_member("new-here")
        assert sorted(listed(admin, stage="active")) == sorted(member.external_id for member in world.members)

    def test_shows_and_filters_by_tier(self, admin: Client) -> None:
        assert "column-tier" not in text_of(admin.get(reverse(LIST)))
        put_in_force()
        make_order(make_member("rich"), total_minor=6_000)
        make_member("new")
        refresh(as_of=NOW, full=True)
        rows = admin.get(reverse(LIST), {"tier": "gold"}).context["cl"].result_list
        assert [(member.external_id, vars(member)["columns"]["tier"].name) for member in rows] == [("rich", "Gold")]
        assert "Ordinary" in text_of(admin.get(reverse(LIST)))

    def test_filters_by_segment(self, admin: Client, world: World) -> None:
        make_member("new-here")
        assert len(listed(admin, segment="buyers")) == 3

    def test_filters_by_a_cell_of_the_grid(self, admin: Client, world: World) -> None:
        found = [listed(admin, cell=f"{recency}-{often}") for recency in range(1, 6) for often in range(1, 6)]
        assert sorted(each for cell in found for each in cell) == sorted(member.external_id for member in world.members)

    def test_filters_by_the_channel_that_reaches_a_member(self, admin: Client) -> None:
        make_reachable("both")
        make_reachable("mail", channels=("email",))
        make_member("silent", phone="+8613800000000")
        assert (listed(admin, reach="sms"), sorted(listed(admin, reach="email"))) == (["both"], ["both", "mail"])

    def test_filters_by_tag(self, admin: Client) -> None:
        make_member("tagged").tags.create(tag="vip")
        make_member("plain")
        assert listed(admin, tag="vip") == ["tagged"]

    def test_a_filter_that_means_nothing_shows_everybody(self, admin: Client) -> None:
        make_member("only")
        assert listed(admin, stage="nonsense", cell="9-9") == ["only"]


class TestTheCount:
    @pytest.fixture
    def many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("members.admin.members.MemberAdmin.list_per_page", 2)
        for number in range(7):
            make_member(f"m{number}")
        refresh(as_of=NOW)

    def test_asks_what_a_filter_means_once(self, admin: Client, many: None) -> None:
        with CaptureQueriesContext(connection) as asked:
            assert listed(admin, stage="none") == ["m6", "m5"]
        assert len([each for each in asked if "THEN 'dormant'" in each["sql"]]) == 2  # for the filter, and for its column

    def test_is_whole_while_it_takes_no_time(self, admin: Client, many: None) -> None:
        page = admin.get(reverse(LIST), {"stage": "none", "p": 4})
        assert [member.external_id for member in page.context["cl"].result_list] == ["m0"]
        assert (page.context["cl"].result_count, "more than" in text_of(page)) == (7, False)

    @pytest.mark.parametrize(("number", "shown", "count"), [(1, ["m6", "m5"], 3), (2, ["m4", "m3"], 5)])
    def test_stops_when_it_takes_long_and_says_that_there_are_more(
        self, number: int, shown: list[str], count: int, admin: Client, many: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.admin.base.PATIENCE", -1.0)
        page = admin.get(reverse(LIST), {"stage": "none", "p": number})
        assert [member.external_id for member in page.context["cl"].result_list] == shown
        assert f"more than {count} members" in text_of(page)

    def test_goes_no_further_than_a_list_is_paged_through(
        self, admin: Client, many: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.admin.base.COUNTED", 4)
        page = admin.get(reverse(LIST), {"p": 2})
        assert [member.external_id for member in page.context["cl"].result_list] == ["m4", "m3"]
        assert "more than 4 members" in text_of(page)


class TestPage:
    def test_says_the_habit_in_words(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(reverse("admin:members_member_change", args=[world.members[0].pk])))
        assert "Buys about every 40 days, last order today." in shown

    def test_hides_phone_and_address_from_who_may_not_see_contacts(self) -> None:
        member = make_member(phone="+8613812345678", email="wang@example.com")
        page = reverse("admin:members_member_change", args=[member.pk])
        shown = text_of(staff("members.view_member").get(page))
        assert ("13812345678" in shown, "wang@" in shown, "+86138****5678" in shown) == (False, False, True)
        assert "+8613812345678" in text_of(staff("members.view_member", "members.view_contacts").get(page))
        editing = reverse("admin:members_member_edit", args=[member.pk])
        form = text_of(staff("members.view_member", "members.change_member").get(editing))
        assert ("13812345678" in form, "wang@" in form) == (False, False)

    def test_tells_what_the_member_said_about_being_written_to(self, admin: Client) -> None:
        member = make_reachable("m")
        page = reverse("admin:members_consent_say", args=[member.pk])
        told = {"channel": "sms", "purpose": "marketing", "proof": "on the phone", "note": "<b>angry</b>"}
        assert staff("members.view_consent").post(page, told).status_code == 403
        answer = admin.post(page, {**told, "granted": "no", "said_at": "2026-06-15T12:00"})
        assert answer.status_code == 302
        again = text_of(admin.post(page, {**told, "granted": "yes", "said_at": "2026-06-15T11:00"}))
        assert "Only a consent said after that" in again
        shown = text_of(admin.get(reverse("admin:members_member_change", args=[member.pk])))
        assert ("unsubscribed" in shown, "on the phone" in shown, "<b>angry" in shown) == (True, True, False)
        reach = text_of(admin.get(reverse("admin:members_consent_changelist")))
        assert "1 member can be sent advertising by e-mail (100%)." in reach

    def test_labels_what_was_made_up(self, admin: Client) -> None:
        member = make_member(phone="+8613812345678", made_up_fields=["phone"])
        shown = text_of(admin.get(reverse("admin:members_member_change", args=[member.pk])))
        assert shown.count("made up for the demonstration") == 1

    def test_shows_why_a_campaign_reached_the_member(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(reverse("admin:members_member_change", args=[world.members[0].pk])))
        assert "Was due, and got what the campaign does." in shown

    def test_shows_only_panels_that_may_be_seen(self, world: World) -> None:
        page = reverse("admin:members_member_change", args=[world.members[0].pk])
        shown = text_of(staff("members.view_member").get(page))
        assert ("panel-profile" in shown, "panel-orders" in shown, "panel-messages" in shown) == (True, False, False)

    def test_works_out_the_scores_once_for_all_that_it_says_of_them(self, admin: Client, world: World) -> None:
        with CaptureQueriesContext(connection) as asked:
            admin.get(reverse("admin:members_member_change", args=[world.members[0].pk]))
        scored = [each["sql"] for each in asked if '"scored"."clv_365d_minor" AS' in each["sql"]]
        assert len(scored) == 1

    def test_pages_through_orders(self, admin: Client) -> None:
        member = make_member()
        for number in range(12):
            make_order(member, external_id=f"N{number:02d}")
        page = reverse("admin:members_member_change", args=[member.pk])
        second = text_of(admin.get(page, {"orders": "2"})).split('id="panel-orders"', 1)[1]
        assert sum(f"N{number:02d}" in second for number in range(12)) == 2


class TestEdit:
    def test_sends_what_was_changed_through_the_ingest_with_the_user_as_proof(self, admin: Client) -> None:
        member = make_reachable("m", name="Old")
        page = reverse("admin:members_member_edit", args=[member.pk])
        answer = admin.post(page, profile(member, name="New", tags="vip, tea", consent_email=None))
        member.refresh_from_db()
        email = Consent.objects.get(member=member, channel="email")
        sms = Consent.objects.get(member=member, channel="sms")
        assert answer.status_code == 302
        assert member.name == "New"
        assert sorted(tag.tag for tag in member.tags.all()) == ["tea", "vip"]
        assert (email.granted, email.proof) == (False, "stated by boss in the admin")
        assert (sms.granted, sms.proof) == (True, "a form")

    def test_shows_what_the_ingest_refuses_at_the_field(self, admin: Client) -> None:
        member = make_reachable("m", name="Old")
        page = reverse("admin:members_member_edit", args=[member.pk])
        answer = admin.post(page, profile(member, name="New", phone="12"))
        member.refresh_from_db()
        assert (answer.status_code, member.name) == (200, "Old")
        assert list(answer.context["form"].errors) == ["phone"]

    def test_changes_nothing_when_nothing_was_changed(self, admin: Client) -> None:
        member = make_reachable("m", name="Old")
        admin.post(reverse("admin:members_member_edit", args=[member.pk]), profile(member))
        assert set(Consent.objects.values_list("proof", flat=True)) == {"a form"}

    def test_is_refused_to_who_may_only_look(self) -> None:
        member = make_reachable("m", name="Old")
        page = reverse("admin:members_member_edit", args=[member.pk])
        answer = staff("members.view_member").post(page, profile(member, name="New"))
        member.refresh_from_db()
        assert (answer.status_code, member.name) == (403, "Old")


class TestOrders:
    def found(self, client: Client, **query: str) -> list[str]:
        rows = client.get(reverse("admin:members_order_changelist"), query).context["cl"].result_list
        return sorted(order.external_id for order in rows)

    @pytest.fixture
    def bought(self, db: None) -> Product:
        tea = Product.objects.create(code="T1", name="Green tea", category=Category.objects.create(name="Tea"))
        order = make_order(make_member("W-17"), external_id="N1")
        OrderLine.objects.create(order=order, position=1, product=tea, quantity=2, unit_price_minor=500, amount_minor=1000)
        make_order(make_member("other"), external_id="N2")
        return tea

    @pytest.mark.parametrize("text", ["N1", "W-17", "T1", "green te"])
    def test_are_found_by_number_by_member_and_by_product(self, text: str, admin: Client, bought: Product) -> None:
        assert self.found(admin, q=text) == ["N1"]

    def test_are_narrowed_to_a_product(self, admin: Client, bought: Product) -> None:
        assert self.found(admin, product=str(bought.pk)) == ["N1"]

    def test_a_product_tells_who_bought_it(self, admin: Client, bought: Product) -> None:
        shown = text_of(admin.get(reverse("admin:members_product_change", args=[bought.pk])))
        assert ("W-17" in shown, "other<" in shown) == (True, False)

    def test_cannot_be_written_by_anybody(self, admin: Client, bought: Product) -> None:
        assert admin.get(reverse("admin:members_order_add")).status_code == 403


class TestALedList:
    def test_says_who_is_on_it_and_can_be_made_a_segment(self, admin: Client, world: World) -> None:
        answer = admin.get(reverse(LIST), {"stage": "active"})
        assert [(str(label), str(value)) for label, value in answer.context["chosen"]] == [("stage", "active")]
        made = admin.get(answer.context["segment_url"]).context["form"].initial["rule"]
        assert made == {"field": "lifecycle_stage", "operator": "=", "value": "active"}
        assert preview(rule=made).count == len(answer.context["cl"].result_list) == 3

    def test_joins_what_was_chosen(self, admin: Client, world: World) -> None:
        answer = admin.get(reverse(LIST), {"stage": "active", "segment": "buyers"})
        made = admin.get(answer.context["segment_url"]).context["form"].initial["rule"]
        assert made["rules"] == [{"field": "lifecycle_stage", "operator": "=", "value": "active"}, {"in_segment": "buyers"}]

    @pytest.mark.parametrize("query", [{}, {"stage": "active", "q": "x"}, {"stage": "nonsense"}])
    def test_is_no_segment_when_no_rule_says_the_same(self, query: dict[str, str], admin: Client, world: World) -> None:
        assert admin.get(reverse(LIST), query).context["segment_url"] == ""

    def test_is_offered_only_to_who_may_make_segments(self, world: World) -> None:
        looking = staff("members.view_member").get(reverse(LIST), {"stage": "active"})
        assert looking.context["segment_url"] == ""


class TestBirthday:
    @pytest.mark.parametrize(
        ("given", "said"),
        [({"birth_key": 1031}, "October 31"), ({"birth_key": 229, "birth_year": 1992}, "Feb. 29, 1992"), ({}, "")],
    )
    def test_is_said_as_people_do(self, given: dict[str, int], said: str, db: None) -> None:
        assert birthday(make_member(**given)) == said


class TestDeletingAnOrder:
    def test_says_first_what_it_takes_away_and_marks_the_member(self, admin: Client) -> None:
        order = make_order(make_member("li"), external_id="N1", total_minor=1_000)
        DirtyMark.objects.all().delete()
        page = reverse("admin:members_order_remove", args=[order.pk])
        assert "li loses an order of ¥10" in text_of(admin.get(page))
        assert admin.post(page).status_code == 302
        assert Order.objects.count() == 0
        assert [mark.member_id for mark in DirtyMark.objects.all()] == [order.member_id]
        assert admin.post(page).status_code == 404

    def test_is_refused_and_not_offered_to_who_may_only_look(self) -> None:
        order = make_order(make_member())
        page = reverse("admin:members_order_remove", args=[order.pk])
        looker = staff("members.view_order")
        assert (looker.post(page).status_code, Order.objects.count()) == (403, 1)
        assert page not in text_of(looker.get(reverse("admin:members_order_change", args=[order.pk])))
