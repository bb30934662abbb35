"""Every page: who gets in, what it costs, and that no name can speak as markup."""

from __future__ import annotations

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Coupon, Delivery, Enrolment
from core.admin import base
from core.models import ApiKey, ClockEntry
from members.models import Member, Order
from retention.models import RefreshRun, ScoringModel
from tests.db.admin.conftest import XSS, World, grow, staff, text_of
from tests.factories import make_order

OURS = ("core", "members", "retention", "campaigns")
ONE_ROW = {
    *("birthdaypolicy", "eventpolicy", "lifecyclebands", "modelpolicy", "monthlypolicy", "pointspolicy", "upkeep"),
}
"""Settings of one row: their list leads to it."""
LISTS = [
    f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    for model in site._registry
    if model._meta.app_label in OURS and model._meta.model_name not in ONE_ROW
]


def addresses(world: World) -> dict[str, str]:
    """This function will name one page of each kind."""

    def page(name: str, pk: int, verb: str = "change") -> str:
        return reverse(f"admin:{name}_{verb}", args=[pk])

    newest = {model: model.objects.order_by("-pk").first().pk for model in (Coupon, Delivery, Enrolment, Order, Member)}
    return {
        "today": reverse("admin:index"),
        "member": page("members_member", newest[Member]),
        "member edit": page("members_member", newest[Member], "edit"),
        "order": page("members_order", newest[Order]),
        "segment": page("retention_segment", world.segment.pk),
        "segment edit": page("retention_segment", world.segment.pk, "edit"),
        "segment add": reverse("admin:retention_segment_add"),
        "segment delete": page("retention_segment", world.segment.pk, "delete"),
        "model": page("retention_scoringmodel", ScoringModel.objects.first().pk),
        "refresh": page("retention_refreshrun", RefreshRun.objects.first().pk),
        "draft": page("campaigns_campaign", world.draft.pk),
        "draft start": page("campaigns_campaign", world.draft.pk, "start"),
        "draft delete": page("campaigns_campaign", world.draft.pk, "delete"),
        "campaign": page("campaigns_campaign", world.running.pk),
        "campaign pause": page("campaigns_campaign", world.running.pk, "pause"),
        "campaign finish": page("campaigns_campaign", world.running.pk, "finish"),
        "campaign add": reverse("admin:campaigns_campaign_add"),
        "template": page("campaigns_coupontemplate", world.template.pk),
        "template add": reverse("admin:campaigns_coupontemplate_add"),
        "rule add": reverse("admin:members_earningrule_add"),
        "days add": reverse("admin:members_earningdays_add"),
        "reward add": reverse("admin:campaigns_reward_add"),
        "growth adjust": page("members_growthentry", newest[Member], "adjust"),
        "template delete": page("campaigns_coupontemplate", world.template.pk, "delete"),
        "coupon": page("campaigns_coupon", newest[Coupon]),
        "message": page("campaigns_delivery", newest[Delivery]),
        "enrolment": page("campaigns_enrolment", newest[Enrolment]),
        "key": page("core_apikey", ApiKey.objects.first().pk),
        "key add": reverse("admin:core_apikey_add"),
        "key revoke": page("core_apikey", ApiKey.objects.first().pk, "revoke"),
        "clock": page("core_clockentry", ClockEntry.objects.first().pk),
        "tiers edit": reverse("admin:members_tierscheme_edit"),
    }


def cost(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


class TestWhoGetsIn:
    def test_the_owner_sees_every_page(self, admin: Client, world: World) -> None:
        seen = {name: admin.get(address).status_code for name, address in addresses(world).items()}
        assert seen == dict.fromkeys(seen, 200)

    def test_the_owner_sees_every_list(self, admin: Client, world: World) -> None:
        seen = {name: admin.get(reverse(name)).status_code for name in LISTS}
        assert seen == dict.fromkeys(LISTS, 200)

    def test_a_stranger_is_asked_to_log_in_everywhere(self, client: Client, world: World) -> None:
        seen = {name: client.get(address).status_code for name, address in addresses(world).items()}
        assert seen == dict.fromkeys(seen, 302)

    def test_staff_without_permission_is_refused_everywhere_but_today(self, clerk: Client, world: World) -> None:
        seen = {name: clerk.get(address).status_code for name, address in addresses(world).items() if name != "today"}
        assert seen == dict.fromkeys(seen, 403)

    def test_staff_without_permission_sees_no_list(self, clerk: Client) -> None:
        assert {name: clerk.get(reverse(name)).status_code for name in LISTS} == dict.fromkeys(LISTS, 403)

    def test_today_shows_staff_without_permission_no_figure_and_no_room(self, clerk: Client, world: World) -> None:
        shown = text_of(clerk.get(reverse("admin:index")))
        assert "rk-figures" not in shown
        assert reverse("admin:members_member_changelist") not in shown

    def test_who_may_only_look_is_offered_no_button_that_changes(self, world: World) -> None:
        looker = staff("members.view_member", "retention.view_segment", "campaigns.view_campaign")
        pages = addresses(world)
        shown = [text_of(looker.get(pages[name])) for name in ("member", "segment", "campaign", "draft")]
        verbs = ("/edit/", "/pause/", "/finish/", "/start/", "/delete/")
        assert [verb for page in shown for verb in verbs if verb in page] == []

    def test_who_may_only_look_cannot_move_a_campaign_by_its_address(self, world: World) -> None:
        looker = staff("campaigns.view_campaign")
        refused = looker.post(reverse("admin:campaigns_campaign_pause", args=[world.running.pk]))
        world.running.refresh_from_db()
        assert (refused.status_code, world.running.status) == (403, "running")

    def test_a_number_that_nothing_has_is_not_found(self, admin: Client, db: None) -> None:
        assert admin.get(reverse("admin:members_member_change", args=[10**15])).status_code == 404

    def test_what_is_no_number_is_not_found(self, admin: Client, db: None) -> None:
        assert admin.get("/admin/members/member/x'--/change/").status_code == 404


class TestCost:
    def test_lists_and_today_cost_as_many_queries_for_many_rows_as_for_few(self, admin: Client, world: World) -> None:
        pages = [*(reverse(name) for name in LISTS if name != "admin:campaigns_campaign_changelist"), reverse("admin:index")]
        few = {page: cost(admin, page) for page in pages}
        grow()
        assert {page: cost(admin, page) for page in pages if cost(admin, page) > few[page] + campaigns_grown(page)} == {}

    def test_the_list_of_campaigns_asks_for_all_balances_at_once(self, admin: Client, world: World) -> None:
        page = reverse("admin:campaigns_campaign_changelist")
        few = cost(admin, page)
        grow(members=1)
        assert cost(admin, page) == few

    def test_a_members_page_costs_the_same_for_many_orders_as_for_few(self, admin: Client, world: World) -> None:
        page = reverse("admin:members_member_change", args=[world.members[0].pk])
        few = cost(admin, page)
        for _number in range(9):
            make_order(world.members[0])
        assert cost(admin, page) == few

    def test_a_list_counts_no_further_than_it_leafs(
        self, admin: Client, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(base, "COUNTED", 2)
        shown = text_of(admin.get(reverse("admin:members_member_changelist")))
        assert "more than 2 members; search to find the others" in shown


def campaigns_grown(page: str) -> int:
    """Today shows each campaign under way with its balance: one more campaign, one more statement."""
    return 1 if page == reverse("admin:index") else 0


class TestMarkup:
    def test_no_name_speaks_as_markup_anywhere(self, admin: Client, world: World) -> None:
        pages = {**addresses(world), **{name: reverse(name) for name in LISTS}}
        speaking = [name for name, address in pages.items() if XSS in text_of(admin.get(address))]
        assert speaking == []

    def test_no_page_of_ours_carries_a_script_of_its_own(self, admin: Client, world: World) -> None:
        for name, address in addresses(world).items():
            content = text_of(admin.get(address)).split('id="content-main"', 1)[-1]
            inline = [part[:80] for part in content.split("<script")[1:] if " src=" not in part.split(">", 1)[0]]
            assert [part for part in inline if 'type="application/json"' not in part] == [], name


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(ONE_ROW))
def test_settings_of_one_row_are_there_before_anybody_opened_their_list(name: str, admin: Client) -> None:
    model = next(model for model in site._registry if model._meta.model_name == name)
    address = reverse(f"admin:{model._meta.app_label}_{name}_change", args=[1])
    for each in (address, reverse(f"admin:{model._meta.app_label}_{name}_changelist")):
        assert staff().get(each).status_code == 403
    assert admin.get(address).status_code == 200
    assert admin.get(reverse(f"admin:{model._meta.app_label}_{name}_changelist")).headers["Location"] == address
