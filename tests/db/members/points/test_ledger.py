"""Points: what is given, waits, is spent, expires and is taken back, and what the ledger says of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.errors import InvalidInput, NotFound
from core.registry import checks
from members.models import EntryKind, LedgerEntry, Member, PointsAccount, PointsLot, PointsPolicy
from members.services.points.awarding import Award, award_batch, award_points
from members.services.points.policy import expiry_of
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.reversing import reverse_entry, reverse_part
from members.services.points.settling import EXPIRE, RELEASE, pass_all, settle_points
from members.services.points.standing import points_liability, points_standing
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def wrong() -> list[str]:
    return [sentence for check in checks if check.code.startswith("points") for sentence in check.rows()]


def balance(member: Member, now: datetime = NOW) -> tuple[int, int, int]:
    """(available, pending, owed) as told, after the books were proved."""
    assert wrong() == []
    standing = points_standing(member_id=member.pk, now=now)
    return standing.available, standing.pending, standing.owed


def award(member: Member, points: int, reference: str, now: datetime = NOW, **more: object) -> LedgerEntry:
    return award_points(member_id=member.pk, points=points, reference=reference, now=now, **more).entry  # type: ignore[arg-type]


def redeem(member: Member, points: int, reference: str, now: datetime = NOW) -> LedgerEntry:
    return redeem_points(member_id=member.pk, points=points, reference=reference, now=now).entry


def reverse(member: Member, reference: str, now: datetime = NOW) -> LedgerEntry:
    return reverse_entry(member_id=member.pk, reference=reference, now=now).entry


def policy(**fields: object) -> None:
    PointsPolicy.objects.update_or_create(id=1, defaults=fields)


@pytest.fixture
def member(db: None) -> Member:
    return make_member("m")


class TestAnAward:
    def test_is_available_at_once(self, member: Member) -> None:
        entry = award(member, 100, "a")
        assert (entry.kind, entry.points, entry.available) == (EntryKind.AWARD, 100, 100)
        assert balance(member) == (100, 0, 0)

    def test_waits_for_its_days(self, member: Member) -> None:
        award(member, 100, "a", pending_days=7)
        assert balance(member) == (0, 100, 0)
        assert balance(member, NOW + 7 * DAY) == (100, 0, 0)

    def test_under_the_same_reference_is_the_first(self, member: Member) -> None:
        first = award_points(member_id=member.pk, points=100, reference="a", now=NOW)
        again = award_points(member_id=member.pk, points=100, reference="a", now=NOW + DAY)
        assert (first.created, again.created, again.entry.pk) == (True, False, first.entry.pk)
        assert balance(member) == (100, 0, 0)

    def test_of_another_amount_under_the_same_reference_is_refused(self, member: Member) -> None:
        award(member, 100, "a")
        with pytest.raises(PointsRefused) as refused:
            award(member, 101, "a")
        assert refused.value.code == "reference_used"
        assert balance(member) == (100, 0, 0)

    def test_belongs_to_one_member_alone_under_its_reference(self, member: Member) -> None:
        other = make_member("o")
        award(member, 1, "a")
        award(other, 2, "a")
        assert (balance(member), balance(other)) == ((1, 0, 0), (2, 0, 0))

    @pytest.mark.parametrize(
        ("given", "path"),
        [
            ({"points": 0}, "points"),
            ({"points": -1}, "points"),
            ({"points": True}, "points"),
            ({"points": 10**13}, "points"),
            ({"reference": ""}, "reference"),
            ({"reference": "a\x00"}, "reference"),
            ({"reference": "rekindle:x"}, "reference"),
            ({"reference": "r" * 201}, "reference"),
            ({"pending_days": -1}, "pending_days"),
            ({"pending_days": 10**6}, "pending_days"),
            ({"expires_at": NOW}, "expires_at"),
        ],
    )
    def test_that_cannot_be_is_refused_naming_why(self, member: Member, given: dict[str, object], path: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            award_points(**{"member_id": member.pk, "points": 5, "reference": "a", "now": NOW} | given)  # type: ignore[arg-type]
        assert [problem.path for problem in refused.value.problems] == [path]
        assert not LedgerEntry.objects.exists()

    def test_reaches_thousands_in_one_call_and_once(self, member: Member) -> None:
        other = make_member("o")
        awards = [Award(member.pk, 5, "x"), Award(other.pk, 7, "x"), Award(member.pk, 9, "y"), Award(member.pk, 1, "x")]
        made = award_batch(awards=awards, now=NOW)
        assert set(made) == {(member.pk, "x"), (other.pk, "x"), (member.pk, "y")}
        assert award_batch(awards=awards, now=NOW) == {}
        assert (balance(member), balance(other)) == ((14, 0, 0), (7, 0, 0))


class TestARedemption:
    def test_spends_what_expires_soonest_then_what_is_oldest(self, member: Member) -> None:
        award(member, 10, "never", expires_at=None)
        late = award(member, 10, "late", expires_at=NOW + 20 * DAY)
        soon = award(member, 10, "soon", expires_at=NOW + 10 * DAY)
        redeem(member, 15, "r")
        left = {lot.entry_id: lot.available for lot in PointsLot.objects.all()}
        assert (left[soon.pk], left[late.pk]) == (0, 5)
        assert balance(member) == (15, 0, 0)

    def test_of_more_than_there_is_changes_nothing(self, member: Member) -> None:
        award(member, 10, "a")
        award(member, 10, "b", pending_days=1)
        with pytest.raises(PointsRefused) as refused:
            redeem(member, 11, "r")
        assert refused.value.code == "insufficient_points"
        assert balance(member) == (10, 10, 0)

    def test_of_somebody_without_an_account_is_refused(self, member: Member) -> None:
        with pytest.raises(PointsRefused):
            redeem(member, 1, "r")
        assert balance(member) == (0, 0, 0)

    def test_cannot_spend_what_expired_although_no_clock_ran(self, member: Member) -> None:
        award(member, 10, "a", expires_at=NOW + DAY)
        with pytest.raises(PointsRefused):
            redeem(member, 1, "r", NOW + DAY)

    def test_can_spend_what_was_released_although_no_clock_ran(self, member: Member) -> None:
        award(member, 10, "a", pending_days=1)
        redeem(member, 10, "r", NOW + DAY)
        assert balance(member, NOW + DAY) == (0, 0, 0)

    def test_under_a_reference_of_an_award_is_refused(self, member: Member) -> None:
        award(member, 10, "a")
        with pytest.raises(PointsRefused) as refused:
            redeem(member, 10, "a")
        assert refused.value.code == "reference_used"


class TestTimeAlone:
    def test_releases_and_expires_for_everybody_once(self, member: Member) -> None:
        other = make_member("o")
        award(member, 10, "a", pending_days=1)
        award(member, 3, "b", expires_at=NOW + 2 * DAY)
        award(other, 5, "c", expires_at=NOW + DAY)
        assert settle_points(now=NOW) == {"released": 0, "expired": 0}
        assert settle_points(now=NOW + DAY) == {"released": 1, "expired": 1}
        assert settle_points(now=NOW + DAY) == {"released": 0, "expired": 0}
        assert (balance(member), balance(other)) == ((13, 0, 0), (0, 0, 0))
        assert settle_points(now=NOW + 2 * DAY) == {"released": 0, "expired": 1}
        assert balance(member, NOW + 2 * DAY) == (10, 0, 0)

    def test_does_so_in_chunks_that_add_up(self, member: Member) -> None:
        members = [make_member() for _ in range(7)]
        for number, each in enumerate(members):
            award(each, number + 1, "a", pending_days=1)
            award(each, 1, "b", pending_days=1)
        assert pass_all(RELEASE, now=NOW + DAY, chunk=3) == 14
        assert [balance(each)[0] for each in members] == [2, 3, 4, 5, 6, 7, 8]
        assert pass_all(EXPIRE, now=NOW + 1000 * DAY, chunk=3) == 14
        assert PointsAccount.objects.filter(available=0, pending=0).count() == 7
        assert wrong() == []

    @pytest.mark.parametrize(
        ("expiry", "number", "ends"),
        [
            ("end_of_month", 0, "2026-06-30T16:00:00+00:00"),
            ("end_of_month", 7, "2027-01-31T16:00:00+00:00"),
            ("end_of_year", 0, "2026-12-31T16:00:00+00:00"),
            ("end_of_year", 1, "2027-12-31T16:00:00+00:00"),
            ("days", 30, "2026-07-15T16:00:00+00:00"),
        ],
    )
    def test_ends_points_at_midnight_in_the_shop(self, expiry: str, number: int, ends: str) -> None:
        made = PointsPolicy(expiry=expiry, expiry_number=number)
        assert expiry_of(made, available_from=NOW) == datetime.fromisoformat(ends)

    def test_never_ends_points_of_a_shop_that_says_so(self, member: Member) -> None:
        policy(expiry="never")
        award(member, 10, "a")
        assert balance(member, NOW + 10_000 * DAY) == (10, 0, 0)

    def test_counts_the_days_from_when_they_can_be_used(self, member: Member) -> None:
        policy(expiry="days", expiry_number=1)
        award(member, 10, "a", pending_days=5)
        assert PointsLot.objects.get().expires_at == datetime.fromisoformat("2026-06-21T16:00:00+00:00")


class TestTakingAnAwardBack:
    def test_takes_from_its_own_lot_first(self, member: Member) -> None:
        award(member, 10, "a")
        award(member, 10, "b", expires_at=NOW + DAY)
        reverse(member, "a")
        assert balance(member) == (10, 0, 0)
        assert balance(member, NOW + DAY) == (0, 0, 0)

    def test_again_is_the_first_reversal(self, member: Member) -> None:
        award(member, 10, "a")
        first, again = reverse(member, "a"), reverse(member, "a")
        assert first.pk == again.pk
        assert balance(member) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("refunds", "left", "shortfall"),
        [("pending_only", (4, 0, 0), 10), ("within_balance", (0, 0, 0), 6), ("may_owe", (0, 0, 6), 0)],
    )
    def test_of_what_was_spent_goes_as_far_as_the_policy(
        self, member: Member, refunds: str, left: tuple[int, int, int], shortfall: int
    ) -> None:
        policy(refund_policy=refunds)
        award(member, 10, "a", expires_at=NOW + DAY)
        redeem(member, 10, "r")
        award(member, 4, "b")
        assert reverse(member, "a").shortfall == shortfall
        assert balance(member) == left

    def test_that_is_owed_is_set_off_against_the_next_points(self, member: Member) -> None:
        policy(refund_policy="may_owe")
        award(member, 10, "a")
        redeem(member, 10, "r")
        reverse(member, "a")
        award(member, 4, "b")
        assert balance(member) == (0, 0, 6)
        award(member, 9, "c", pending_days=1)
        assert balance(member) == (0, 9, 6)
        assert settle_points(now=NOW + DAY) == {"released": 1, "expired": 0}
        assert balance(member, NOW + DAY) == (3, 0, 0)

    def test_in_parts_takes_no_more_than_the_whole(self, member: Member) -> None:
        entry = award(member, 10, "a", pending_days=3)
        for number, points in enumerate((4, 4, 4)):
            reverse_part(member_id=member.pk, entry_id=entry.pk, points=points, reference=f"refund:{number}", now=NOW)
        assert balance(member) == (0, 0, 0)
        with pytest.raises(PointsRefused) as refused:
            reverse_part(member_id=member.pk, entry_id=entry.pk, points=1, reference="refund:3", now=NOW)
        assert refused.value.code == "already_reversed"

    def test_of_an_unknown_reference_is_not_found(self, member: Member) -> None:
        with pytest.raises(NotFound):
            reverse(member, "a")

    def test_of_an_expiry_is_refused(self, member: Member) -> None:
        award(member, 10, "a", expires_at=NOW + DAY)
        settle_points(now=NOW + DAY)
        with pytest.raises(PointsRefused) as refused:
            reverse(member, LedgerEntry.objects.get(kind=EntryKind.EXPIRE).reference, NOW + DAY)
        assert refused.value.code == "not_reversible"


class TestGivingARedemptionBack:
    def test_returns_points_to_the_lots_they_came_from(self, member: Member) -> None:
        soon = award(member, 10, "soon", expires_at=NOW + 10 * DAY)
        late = award(member, 10, "late", expires_at=NOW + 20 * DAY)
        redeem(member, 15, "r")
        reverse(member, "r")
        left = {lot.entry_id: (lot.available, lot.expires_at) for lot in PointsLot.objects.all()}
        assert left == {soon.pk: (10, NOW + 10 * DAY), late.pk: (10, NOW + 20 * DAY)}
        assert balance(member) == (20, 0, 0)

    def test_too_late_expires_at_once(self, member: Member) -> None:
        award(member, 10, "a", expires_at=NOW + DAY)
        redeem(member, 6, "r")
        settle_points(now=NOW + DAY)
        reverse(member, "r", NOW + 2 * DAY)
        assert balance(member, NOW + 2 * DAY) == (0, 0, 0)
        assert PointsLot.objects.get().expired == 10

    def test_too_late_gives_the_days_of_grace(self, member: Member) -> None:
        policy(grace_days=5)
        award(member, 10, "a", expires_at=NOW + DAY)
        redeem(member, 6, "r")
        reverse(member, "r", NOW + 2 * DAY)
        assert balance(member, NOW + 2 * DAY) == (6, 0, 0)
        assert balance(member, NOW + 7 * DAY) == (0, 0, 0)

    def test_pays_what_is_owed_first(self, member: Member) -> None:
        policy(refund_policy="may_owe")
        award(member, 10, "a")
        redeem(member, 10, "r")
        reverse(member, "a")
        reverse(member, "r")
        assert balance(member) == (0, 0, 0)


class TestBugsThatOthersShipped:
    """Public bugs of loyalty programs; each name says what must not happen here."""

    def test_expired_points_do_not_leave_the_sum_while_their_spending_stays(self, member: Member) -> None:
        award(member, 100, "a", expires_at=NOW + DAY)
        redeem(member, 60, "r")
        award(member, 50, "b")
        settle_points(now=NOW + DAY)
        assert balance(member, NOW + DAY) == (50, 0, 0)

    def test_a_refunded_purchase_does_not_leave_its_points(self, member: Member) -> None:
        award(member, 30, "order:1")
        reverse(member, "order:1")
        assert balance(member) == (0, 0, 0)

    def test_a_refund_does_not_deduct_twice(self, member: Member) -> None:
        award(member, 30, "order:1")
        award(member, 30, "order:2")
        reverse(member, "order:1")
        reverse(member, "order:1")
        assert balance(member) == (30, 0, 0)

    def test_a_refund_after_a_refund_of_parts_deducts_the_rest_alone(self, member: Member) -> None:
        entry = award(member, 30, "order:1")
        award(member, 30, "order:2")
        reverse_part(member_id=member.pk, entry_id=entry.pk, points=10, reference="refund:1", now=NOW)
        reverse(member, "order:1")
        assert balance(member) == (30, 0, 0)

    def test_a_network_that_tries_again_does_not_count_twice(self, member: Member) -> None:
        for _ in range(3):
            award(member, 10, "call-7")
            redeem(member, 4, "call-8")
        assert balance(member) == (6, 0, 0)

    def test_two_quotes_on_one_card_do_not_make_it_negative(self, member: Member) -> None:
        award(member, 100, "a")
        redeem(member, 100, "quote:1")
        with pytest.raises(PointsRefused):
            redeem(member, 100, "quote:2")
        assert balance(member) == (0, 0, 0)

    def test_spending_does_not_lessen_what_was_earned(self, member: Member) -> None:
        award(member, 100, "a")
        redeem(member, 100, "r")
        earned = LedgerEntry.objects.filter(member_id=member.pk, kind=EntryKind.AWARD).values_list("points", flat=True)
        assert sum(earned) == 100

    def test_a_cancelled_redemption_does_not_resurrect_expired_points(self, member: Member) -> None:
        award(member, 10, "a", expires_at=NOW + DAY)
        redeem(member, 10, "r")
        reverse(member, "r", NOW + 3 * DAY)
        assert balance(member, NOW + 3 * DAY) == (0, 0, 0)

    def test_a_redemption_given_back_twice_is_given_back_once(self, member: Member) -> None:
        award(member, 10, "a")
        redeem(member, 10, "r")
        reverse(member, "r")
        reverse(member, "r")
        assert balance(member) == (10, 0, 0)


class TestWhatIsTold:
    def test_names_the_next_expiry_with_its_points(self, member: Member) -> None:
        award(member, 10, "a", expires_at=NOW + 5 * DAY)
        award(member, 4, "b", expires_at=NOW + 2 * DAY)
        award(member, 3, "c", expires_at=NOW + 2 * DAY)
        standing = points_standing(member_id=member.pk, now=NOW)
        assert standing.next_expiry == {"at": NOW + 2 * DAY, "points": 7}

    def test_lists_the_liability_by_month(self, member: Member) -> None:
        policy(expiry="never")
        award(member, 10, "a", expires_at=NOW + 20 * DAY)
        award(member, 4, "b", expires_at=NOW + 21 * DAY)
        award(make_member("o"), 3, "c", pending_days=1)
        told = [(str(row["month"])[:7], row["available"], row["pending"], row["members"]) for row in points_liability()]
        assert told == [("2026-07", 14, 0, 1), ("None", 0, 3, 1)]


class TestProof:
    def test_names_an_account_that_somebody_changed(self, member: Member) -> None:
        award(member, 10, "a")
        PointsAccount.objects.update(available=11)
        assert wrong() == [
            f"member {member.pk}: the account says 11 available and 0 pending, the lots 10 and 0",
            f"member {member.pk}: the account is 11 available, 0 pending, 0 owed; its entries add up to 10, 0 and 0",
        ]

    def test_names_a_lot_that_somebody_changed(self, member: Member) -> None:
        award(member, 10, "a")
        PointsLot.objects.update(available=9, spent=1)
        PointsAccount.objects.update(available=9)
        assert any("is not what its movements made of it" in sentence for sentence in wrong())
