from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from campaigns.services.lifecycle import pause
from config.figures import TILES
from retention.models import LifecycleBands, ReportTarget, Segment
from retention.models.failures import failure
from retention.selectors.overview import overview
from retention.services.refresh import refresh
from tests.db.admin.conftest import World, staff, text_of
from tests.factories import NOW, make_member, make_order

TODAY = "admin:index"


class TestOverview:
    def test_counts_everybody_once_by_stage_and_by_cell(self, world: World) -> None:
        make_member("new-here")
        refresh(as_of=NOW, full=True)
        seen = overview()
        assert (seen.members, seen.buyers, seen.repeat_buyers, seen.orders) == (4, 3, 3, 9)
        assert seen.stages == {"active": 3, "none": 1}
        assert sum(cell.members for cell in seen.grid.values()) == 3
        assert sum(cell.revenue_minor for cell in seen.grid.values()) == seen.revenue_minor == 3 * (5_000 + 5_100 + 5_200)

    def test_is_empty_before_the_first_refresh(self, db: None) -> None:
        make_member()
        assert (overview().members, overview().stages) == (0, {})


class TestQuiet:
    @pytest.mark.parametrize(("days", "said"), [(2, ""), (3, "The newest order is 3 days old.")])
    def test_says_that_orders_stopped_coming_in(self, days: int, said: str, admin: Client, world: World) -> None:
        with time_machine.travel(NOW + timedelta(days=days), tick=False):
            quiet = admin.get(reverse(TODAY)).context["standing"]["quiet"]
        assert quiet[: len("The newest order is 3 days old.")] == said


class TestPage:
    def test_explains_stages_by_the_bands_in_use(self, admin: Client, world: World) -> None:
        LifecycleBands.objects.update_or_create(pk=1, defaults={"at_risk_ratio": 2.5, "lost_ratio": 9})
        tiles = {tile.code: str(tile.meaning) for tile in admin.get(reverse(TODAY)).context["figures"]}
        assert tiles["at_risk"] == "past 2.5 times their own rhythm"
        assert tiles["lost_lately"] == "past 9 times their own rhythm"

    def test_teaches_while_nobody_is_here(self, admin: Client) -> None:
        shown = text_of(admin.get(reverse(TODAY)))
        assert "Nobody is here yet" in shown
        assert reverse("admin:members_import_add") in admin.get(reverse(TODAY)).content.decode()

    def test_opens_with_a_sentence_with_a_number(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(reverse(TODAY)))
        assert "0 members are at risk or dormant (0%)." in shown

    def test_leads_from_a_stage_to_its_members(self, admin: Client, world: World) -> None:
        [stage] = admin.get(reverse(TODAY)).context["standing"]["stages"]
        assert (stage["count"], len(admin.get(stage["url"]).context["cl"].result_list)) == ("3", 3)

    def test_leads_from_a_cell_to_its_members(self, admin: Client, world: World) -> None:
        rows = admin.get(reverse(TODAY)).context["standing"]["grid"]
        cells = [cell for _recency, cells in rows for cell in cells if cell["url"]]
        lists = [len(admin.get(cell["url"]).context["cl"].result_list) for cell in cells]
        assert lists == [int(cell["members"]) for cell in cells]

    def test_shows_campaigns_under_way_with_their_balance(self, admin: Client, world: World) -> None:
        [shown] = admin.get(reverse(TODAY)).context["campaigns"]
        assert (shown["campaign"].pk, shown["balance"]["due"]) == (world.running.pk, "3")

    def test_counts_again_after_a_refresh_and_not_before(self, admin: Client, world: World) -> None:
        admin.get(reverse(TODAY))
        make_order(make_member())
        assert admin.get(reverse(TODAY)).context["standing"]["stages"][0]["count"] == "3"
        refresh(as_of=NOW + timedelta(minutes=1))
        stages = admin.get(reverse(TODAY)).context["standing"]["stages"]
        assert sum(int(stage["count"]) for stage in stages) == 4

    def test_shows_ten_figures_with_the_lists_behind_them(self, admin: Client, world: World) -> None:
        tiles = admin.get(reverse(TODAY)).context["figures"]
        assert [tile.code for tile in tiles] == [codes[0] for codes in TILES]
        [active] = [tile for tile in tiles if tile.code == "active"]
        [(count, url)] = active.parts
        assert (count, len(admin.get(url).context["cl"].result_list)) == ("3", 3)

    def test_shows_only_figures_of_rooms_one_may_enter(self, world: World) -> None:
        tiles = staff("retention.view_memberfacts", "members.view_member").get(reverse(TODAY)).context["figures"]
        assert {"messages_sent", "coupons_issued", "points_liability"}.isdisjoint(tile.code for tile in tiles)

    def test_says_whether_a_target_is_reached(self, admin: Client, world: World) -> None:
        for figure, value in (("active", 3), ("at_risk", -1)):
            ReportTarget.objects.create(report="morning", figure=figure, value=value, set_at=NOW)
        told = {tile.code: tile.target for tile in admin.get(reverse(TODAY)).context["figures"]}
        assert told["active"] == "target 3: reached"
        assert (told["at_risk"], told["returned"]) == ("target -1: not reached", "")

    def test_says_what_changed_since_yesterday(self, admin: Client, world: World) -> None:
        assert admin.get(reverse(TODAY)).context["changes"] is None
        make_order(make_member())
        with time_machine.travel(NOW + timedelta(days=1), tick=False):
            refresh(as_of=NOW + timedelta(days=1))
            news = admin.get(reverse(TODAY)).context["changes"]
        assert news.title == "What changed since yesterday"
        assert "members: 1 more, 4 now." in [told.sentence for told in news.told]

    def test_names_segments_that_fail_and_campaigns_that_were_paused(self, admin: Client, world: World) -> None:
        Segment.objects.update(failure=failure("said", said="its field is gone"))
        pause(campaign_id=world.running.pk, now=NOW, reason="Its segment is stale.")
        sentences = [need.sentence for need in admin.get(reverse(TODAY)).context["needs"]]
        assert [sentence.rsplit(": ", 1)[1] for sentence in sentences] == ["its field is gone", "Its segment is stale."]

    def test_turns_amber_when_the_nightly_count_is_late(self, admin: Client, world: World) -> None:
        seen = []
        for hours in (1, 15, 17):  # 13:00, 03:00 and 05:00 in the shop
            with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
                seen.append(admin.get(reverse(TODAY)).context["fresh"]["late"])
        assert seen == [False, False, True]
