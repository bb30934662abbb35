"""The page of the tiers: from nothing to a sample in force, a change with its counts, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from members.models import Member, MemberTier, Tier, TierScheme
from retention.services.refresh import refresh
from tests.db.admin.conftest import staff, text_of
from tests.factories import NOW, make_member, make_order
from tests.tiers import put_in_force, tier_of

pytestmark = pytest.mark.django_db

PAGE, EDIT = "/admin/members/tierscheme/", "/admin/members/tierscheme/edit/"
INPUT = re.compile(r'<input[^>]*?name="(?P<name>[^"]+)"[^>]*?>')


def form_of(page: str) -> dict[str, str]:
    """What a browser would send of the form as it stands, template of a new card left out."""
    shown = page.partition('id="tier-form"')[2].partition("<template")[0]
    given = {}
    for found in INPUT.finditer(shown):
        ticked = 'type="checkbox"' not in found[0] or " checked" in found[0]
        value = re.search(r'value="([^"]*)"', found[0])
        if ticked:
            given[found["name"]] = value[1] if value else "on" if "checkbox" in found[0] else ""
    for name, inner in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', shown, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inner)
        given[name] = chosen[1] if chosen else ""
    return given


def sent(client: Client, stage: str, address: str = EDIT, **changes: Any) -> Any:
    form = form_of(text_of(client.get(address)))
    return client.post(EDIT, {**form, "stage": stage, **{name.replace("__", "-"): value for name, value in changes.items()}})


@pytest.fixture
def members(db: None) -> tuple[Member, Member]:
    silver, gold = make_member("silver"), make_member("gold")
    make_order(silver, total_minor=100_000)
    make_order(gold, total_minor=600_000)
    refresh(as_of=NOW)
    return silver, gold


class TestASample:
    def test_is_counted_and_then_in_force(self, admin: Client, members: tuple[Member, Member]) -> None:
        assert "No tiers yet" in text_of(admin.get(PAGE))
        preview = text_of(sent(admin, "preview", f"{EDIT}?sample=spend"))
        assert "2 members get a first tier." in preview
        assert not TierScheme.objects.exists()
        applied = sent(admin, "apply", f"{EDIT}?sample=spend")
        assert applied.headers["Location"] == PAGE
        assert [tier_of(member) for member in members] == ["silver", "gold"]
        page = text_of(admin.get(PAGE))
        assert "2 members hold a tier, 2 of them one above the lowest." in page
        assert "15% off" in page
        assert "¥5,000" in page


class TestAChange:
    @pytest.fixture
    def in_force(self, admin: Client, members: tuple[Member, Member]) -> None:
        sent(admin, "apply", f"{EDIT}?sample=spend")

    @pytest.mark.usefixtures("in_force")
    def test_says_who_would_move_and_moves_them_down_if_asked(self, admin: Client, members: tuple[Member, Member]) -> None:
        preview = text_of(sent(admin, "preview", tiers__2__threshold="7000"))
        assert "1 holds more than is earned. 1 stays." in preview
        assert "They move down at once: 1 members lose benefits today." in preview
        sent(admin, "apply", tiers__2__threshold="7000", moves_down="1")
        assert [tier_of(member) for member in members] == ["silver", "silver"]

    @pytest.mark.usefixtures("in_force")
    def test_of_names_alone_says_that_nobody_moves(self, admin: Client) -> None:
        preview = text_of(sent(admin, "preview", tiers__3__name="Star"))
        assert "Only names and benefits change: nobody moves." in preview

    @pytest.mark.usefixtures("in_force")
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"tiers__2__threshold": "1000"}, "“Silver” and “Gold” both begin at ¥1,000."),
            ({"tiers__2__threshold": "500"}, "“Gold” begins at ¥500, below “Silver” before it: the two overlap."),
            ({"tiers__0__threshold": "5"}, "The lowest tier begins at 0"),
            ({"window_days": "0"}, "At least one day"),
            ({"tiers__2__DELETE": "on"}, "1 members hold “Gold”, so it cannot be taken out."),
            ({"version": "7"}, "Somebody else changed the tiers meanwhile."),
        ],
    )
    def test_that_cannot_be_is_refused_at_its_field(self, admin: Client, changes: dict[str, str], said: str) -> None:
        page = text_of(sent(admin, "apply", **changes))
        assert said in page.replace("&quot;", '"')
        assert TierScheme.objects.get().version == 1
        assert Tier.objects.in_force().count() == 4

    def test_is_not_for_who_may_only_look(self, members: tuple[Member, Member]) -> None:
        put_in_force()
        looker = staff("members.view_tierscheme")
        assert looker.get(PAGE).status_code == 200
        assert "Change tiers" not in text_of(looker.get(PAGE))
        assert looker.get(EDIT).status_code == looker.post(EDIT, {}).status_code == 403


class TestTheMemberPage:
    def test_says_the_tier_what_is_missing_and_when_it_drops(self, admin: Client, members: tuple[Member, Member]) -> None:
        sent(admin, "apply", f"{EDIT}?sample=spend")
        MemberTier.objects.filter(member=members[0]).update(drop_day=21_000, review_day=21_000)
        page = text_of(admin.get(f"/admin/members/member/{members[0].pk}/change/"))
        assert "¥1,000 count now." in page
        assert "¥4,000 more for Gold." in page
        assert "Will drop on July 1, 2027" in page
        listed = text_of(admin.get("/admin/members/member/?tier=gold"))
        assert f"/member/{members[1].pk}/" in listed
        assert f"/member/{members[0].pk}/" not in listed
