"""Names by which sources know members, and names of shops."""

from __future__ import annotations

import pytest

from members.models import DirtyMark, Identifier, Shop
from members.services.identifiers import claim_identifiers, holders_of
from members.services.shops import name_shops
from tests.factories import make_member

pytestmark = pytest.mark.django_db

NICK = ("tmall", "nick", "老王")
CARD = ("crm", "card", "7")


class TestClaimIdentifiers:
    def test_gives_free_names_and_marks_their_members(self) -> None:
        member, _other = make_member("m1"), make_member("m2")
        DirtyMark.objects.all().delete()
        assert claim_identifiers(names={NICK: "m1", CARD: "m1"}) == 2
        assert holders_of(names=[NICK, CARD]) == {NICK: "m1", CARD: "m1"}
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [member.pk]

    def test_takes_nothing_away(self) -> None:
        make_member("m1")
        make_member("m2")
        claim_identifiers(names={NICK: "m1"})
        assert claim_identifiers(names={NICK: "m2", CARD: "m2"}) == 1
        assert holders_of(names=[NICK, CARD]) == {NICK: "m1", CARD: "m2"}

    def test_changes_nothing_the_second_time(self) -> None:
        make_member("m1")
        claim_identifiers(names={NICK: "m1"})
        DirtyMark.objects.all().delete()
        assert claim_identifiers(names={NICK: "m1"}) == 0
        assert (Identifier.objects.count(), DirtyMark.objects.count()) == (1, 0)

    def test_knows_only_members_that_are_there(self) -> None:
        assert claim_identifiers(names={NICK: "nobody"}) == 0
        assert holders_of(names=[NICK]) == {}


class TestNameShops:
    def test_names_what_nobody_named(self) -> None:
        Shop.objects.create(slug="tea-co", name="tea-co")
        Shop.objects.create(slug="mine", name="My shop")
        assert name_shops(names={"tea-co": "Tea & Co", "mine": "Theirs", "none": "None"}) == 1
        assert dict(Shop.objects.values_list("slug", "name")) == {"tea-co": "Tea & Co", "mine": "My shop"}
