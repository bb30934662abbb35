from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from django.db import IntegrityError

from core.errors import InvalidInput
from members.models import Member, Order
from retention.models import MemberFacts, Membership, ScoringModel, Segment
from retention.selectors import scores_rows
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from retention.services.segments import create_segment
from tests.factories import NOW, TODAY_NUMBER, default_shop, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db


def make_shop(members: int, *, seed: int) -> None:
    """Random members with no order or many, of few distinct amounts so that ties abound."""
    random = np.random.default_rng(seed)
    made = Member.objects.bulk_create([Member(external_id=f"m{number}", created_at=NOW) for number in range(members)])
    shop, orders = default_shop(), []
    for member in made:
        for day in random.integers(TODAY_NUMBER - 500, TODAY_NUMBER + 1, size=random.poisson(3)):
            total = int(random.integers(1, 12)) * 500
            orders.append(
                Order(
                    shop=shop,
                    member=member,
                    external_id=f"o{len(orders)}",
                    status="completed",
                    placed_at=shop_time(int(day)) - timedelta(hours=6),
                    placed_day=int(day),
                    total_minor=total,
                )
            )
    Order.objects.bulk_create(orders)


def facts() -> pd.DataFrame:
    return pd.DataFrame(list(MemberFacts.objects.values())).set_index("member_id")


class TestFitting:
    @pytest.mark.parametrize("seed", range(3))
    def test_gives_the_scores_of_pandas(self, seed: int) -> None:
        make_shop(200, seed=seed)
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        ordered = facts().query("order_count > 0")
        measured = pd.DataFrame(
            {
                "r_score": TODAY_NUMBER - ordered["last_order_day"],
                "f_score": ordered["order_count"],
                "m_score": ordered["revenue_minor"],
            }
        ).astype(float)
        cuts = measured.quantile([0.2, 0.4, 0.6, 0.8])
        expected = pd.DataFrame({name: 1 + sum(measured[name] > cut for cut in cuts[name]) for name in measured})
        expected["r_score"] = 6 - expected["r_score"]
        rows = scores_rows(list(measured.index))
        found = pd.DataFrame({name: [rows[key][name] for key in measured.index] for name in expected}, index=measured.index)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
        published = ScoringModel.objects.get(kind="rfm", current=True)
        assert published.parameters["recency_days"] == cuts["r_score"].tolist()
        assert published.members == len(ordered)

    def test_gives_nobody_without_orders_a_score(self) -> None:
        make_order(make_member())
        without = make_member()
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        row = scores_rows([without.pk])[without.pk]
        assert [row[name] for name in ("r_score", "f_score", "m_score", "rfm_group")] == [None] * 4

    def test_publishes_nothing_before_facts_and_without_orders(self) -> None:
        assert fit_models(as_of=NOW, now=NOW) == []
        make_member()
        refresh(as_of=NOW)
        assert fit_models(as_of=NOW, now=NOW) == []

    def test_refuses_a_time_before_the_facts(self) -> None:
        refresh(as_of=NOW)
        with pytest.raises(InvalidInput):
            fit_models(as_of=NOW - timedelta(seconds=1), now=NOW)

    def test_keeps_one_fit_of_a_kind_in_use(self) -> None:
        make_order(make_member())
        refresh(as_of=NOW)
        for _time in range(2):
            fit_models(as_of=NOW, now=NOW)
        fits = ScoringModel.objects.filter(kind="rfm").order_by("id")
        assert list(fits.values_list("current", flat=True)) == [False, True]
        with pytest.raises(IntegrityError):
            fits.update(current=True)

    def test_lets_segments_follow(self) -> None:
        make_order(make_member())
        segment = create_segment(
            slug="recent", name="Recent", rule={"field": "r_score", "operator": "=", "value": 5}, now=NOW
        )
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        assert refresh(as_of=NOW).kind == "changes"
        segment.refresh_from_db()
        assert segment.member_count == 1


class TestTheShopsRhythm:
    def published(self) -> list[float]:
        fits = ScoringModel.objects.filter(kind="rhythm").order_by("id")
        return [fit.parameters["median_gap_days"] for fit in fits]

    def test_is_the_median_of_pandas(self) -> None:
        make_shop(150, seed=7)
        refresh(as_of=NOW)
        regular = facts().query("order_days >= 2")
        gaps = (regular["last_order_day"] - regular["first_order_day"]) / (regular["order_days"] - 1)
        assert self.published() == [gaps.median()]

    def test_is_published_with_the_first_pass_and_again_only_when_it_changed(self) -> None:
        member, *_others = [make_member() for _ in range(6)]
        for ago in (0, 10):
            make_order(member, placed_at=shop_time(TODAY_NUMBER - ago) - timedelta(hours=6))
        refresh(as_of=NOW)
        refresh(as_of=NOW + timedelta(days=1))
        assert self.published() == [10.0]
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 30))
        refresh(as_of=NOW + timedelta(days=1))
        assert self.published() == [10.0]
        refresh(as_of=NOW + timedelta(days=2))
        assert self.published() == [10.0, 15.0]

    def test_is_published_as_soon_as_somebody_has_one_though_the_day_began_without(self) -> None:
        members = [make_member() for _ in range(12)]
        at_risk = self.stage_segment("at_risk")
        refresh(as_of=NOW)
        for ago in (45, 65):
            make_order(members[0], placed_at=shop_time(TODAY_NUMBER - ago))
        refresh(as_of=NOW + timedelta(minutes=1))
        assert (self.published(), self.inside(at_risk)) == ([20.0], {members[0].pk})

    def test_is_taken_anew_when_a_file_makes_another_shop_of_it(self) -> None:
        first = make_member()
        for ago in (45, 55):
            make_order(first, placed_at=shop_time(TODAY_NUMBER - ago))
        dormant = self.stage_segment("dormant")
        refresh(as_of=NOW)
        assert (self.published(), self.inside(dormant)) == ([10.0], {first.pk})
        for other in [make_member() for _ in range(3)]:
            for ago in (45, 85):
                make_order(other, placed_at=shop_time(TODAY_NUMBER - ago))
        refresh(as_of=NOW + timedelta(minutes=1))
        assert (self.published(), self.inside(dormant)) == ([10.0, 40.0], set())

    def stage_segment(self, stage: str) -> Segment:
        rule = {"field": "lifecycle_stage", "operator": "=", "value": stage}
        return create_segment(slug=stage, name=stage, rule=rule, now=NOW)

    def inside(self, segment: Segment) -> set[int]:
        return set(Membership.objects.filter(segment=segment).values_list("member_id", flat=True))

    def test_is_not_known_while_nobody_ordered_on_two_days(self) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 200))
        refresh(as_of=NOW)
        row = scores_rows([member.pk])[member.pk]
        assert self.published() == []
        assert (row["rhythm_days"], row["overdue_ratio"], row["lifecycle_stage"]) == (None, None, "active")
