"""Fitting on shops that teach something and on shops that do not: what is published, what is refused and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from core.models import Job
from core.services.jobs import run_jobs
from members.models import Member, Order
from members.services.identity import merge_members
from retention.models import MemberForecast, ModelPolicy, ScoringModel, Segment, StaticMember
from retention.models.refusals import refusal_sentence
from retention.scored import current_parameters
from retention.selectors import scores_rows
from retention.selectors.matching import preview
from retention.selectors.risk import risk_of
from retention.services.groups import ask_for_group_list
from retention.services.refresh import refresh
from retention.services.scoring import ask_for_fit, fit_models
from retention.services.ties import TIES
from tests.factories import NOW, TODAY_NUMBER, default_shop, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db


def make_orders(days_of: dict[str, list[int]], *, cents: Callable[[str], int] = lambda name: 1_000) -> None:
    """Members by name with orders so many days ago, before noon."""
    made = Member.objects.bulk_create([Member(external_id=name, created_at=NOW) for name in days_of])
    shop = default_shop()
    Order.objects.bulk_create(
        Order(
            shop=shop,
            member=member,
            external_id=f"{member.external_id}-{place}",
            status="completed",
            placed_at=shop_time(TODAY_NUMBER - ago) - timedelta(hours=6),
            placed_day=TODAY_NUMBER - ago,
            total_minor=cents(member.external_id),
        )
        for member in made
        for place, ago in enumerate(days_of[member.external_id])
    )


def a_shop(members: int = 200, *, history: int = 400, seed: int = 3) -> dict[str, list[int]]:
    """Members who buy at their own pace and one day stop."""
    random = np.random.default_rng(seed)
    shop: dict[str, list[int]] = {}
    for number in range(members):
        day, pace, days = int(random.integers(0, history - 20)), random.gamma(0.6, 45.0) + 2, []
        while day <= history:
            days.append(history - day)
            if random.uniform() < 0.06:
                break
            day += max(1, round(random.exponential(pace)))
        shop[f"s{number}"] = days
    return shop


def fit() -> dict[str, ScoringModel]:
    refresh(as_of=NOW)
    return {each.kind: each for each in fit_models(as_of=NOW, now=NOW)}


def why(model: ScoringModel) -> str:
    return refusal_sentence(model.refusal, members=model.members)


class TestAShopThatTeachesNothing:
    def test_of_one_member_says_how_many_are_needed(self) -> None:
        make_order(make_member())
        fits = fit()
        assert why(fits["bg_nbd"]).startswith("There are 1 members with orders; at least 50 are needed")
        assert {kind for kind, each in fits.items() if each.refusal} == {"bg_nbd", "gamma_gamma", "churn", "groups"}
        assert not ScoringModel.objects.filter(current=True, refusal__isnull=False).exists()

    def test_of_buyers_who_never_came_back_publishes_no_pace_and_no_churn(self) -> None:
        make_orders({f"m{number}": [10 + 2 * number] for number in range(150)})
        fits = fit()
        assert why(fits["churn"]).startswith("Of 110 members only 0 ordered in the last 90 days")
        assert why(fits["bg_nbd"]) == "Only 0 members ordered on a second day; at least 10 are needed to know a pace."
        assert why(fits["gamma_gamma"]).startswith("Everybody spends the same")
        assert scores_rows([Member.objects.values_list("pk", flat=True)[0]]).popitem()[1]["churn_probability"] is None

    def test_of_a_year_of_silence_has_nobody_who_came_back(self) -> None:
        make_orders({name: [ago + 365 for ago in days] for name, days in a_shop(120).items()})
        fits = fit()
        assert why(fits["churn"]).startswith("Of 120 members only 0 ordered in the last 90 days")
        assert fits["bg_nbd"].refusal is None

    def test_of_everybody_ordering_every_week_has_nobody_to_warn_of(self) -> None:
        make_orders({f"m{number}": list(range(number % 7, 300, 7)) for number in range(60)})
        assert why(fit()["churn"]).startswith("Of 60 members all but 0 ordered in the last 90 days")

    def test_of_a_fortnight_is_too_young(self) -> None:
        make_orders({f"m{number}": [number % 14, 14] for number in range(60)})
        assert why(fit()["churn"]) == "The shop's orders go back 14 days; at least 21 are needed."

    def test_of_orders_dated_ahead_reads_none_of_them(self) -> None:
        make_orders({f"m{number}": [-30] for number in range(80)})
        assert fit() == {}

    def test_where_only_recency_matters_publishes_no_churn_model(self) -> None:
        """Everybody bought twice at once; who did so lately comes back, and nothing else tells them apart."""
        make_orders(
            {
                f"m{number}": [*([number % 60] if number % 300 < 60 else []), 90 + number, 91 + number]
                for number in range(300)
            }
        )
        fitted = fit()["churn"]
        assert (fitted.current, fitted.refusal and fitted.refusal["code"]) == (False, "not_better")
        assert "no better than the date of their last order" in why(fitted)


class TestAShop:
    def test_has_its_models_tested_on_its_own_past(self) -> None:
        make_orders(a_shop(), cents=lambda name: 500 + 37 * (int(name[1:]) % 40))
        fits = fit()
        assert {kind for kind, each in fits.items() if each.refusal and each.refusal["code"] != "not_installed"} == set()
        metrics = fits["churn"].metrics
        assert (metrics["horizon_days"], metrics["wanted_days"], metrics["backtest"]) == (90, 90, "time")
        assert metrics["auc"] > metrics["recency_auc"] > 0.5
        assert sum(each["members"] for each in metrics["calibration"]) == metrics["members"]
        assert fits["churn"].parameters["calibrated"] is (metrics["furthest"] <= 0.05)
        bought = fits["bg_nbd"].metrics
        assert bought["expected_orders"] == pytest.approx(bought["actual_orders"], rel=0.25)
        for leaf in metrics.get("leaves", []):
            assert preview(rule=leaf["rule"]).count >= 0

    def test_keeps_what_it_expects_of_each_member_and_writes_only_what_changed(self) -> None:
        make_orders(a_shop(), cents=lambda name: 500 + 37 * (int(name[1:]) % 40))
        fit()
        rows = scores_rows(list(Member.objects.values_list("pk", flat=True)))
        assert all(row["expected_orders_90d"] >= 0 and row["clv_365d_minor"] >= 0 for row in rows.values())
        assert {row["value_layer"] for row in rows.values()} == {"high", "middle", "low"}
        MemberForecast.objects.filter(pk__lt=min(rows) + 3).delete()
        from retention.services.forecasts import Use, write_forecasts

        given = current_parameters()
        use = Use(given.bg_nbd, None, given.churn)
        assert write_forecasts(use, day=TODAY_NUMBER).written == len(rows)
        assert write_forecasts(use, day=TODAY_NUMBER).written == 0
        Order.objects.filter(member_id=min(rows)).update(status="cancelled")
        refresh(as_of=NOW, full=True)
        fit()
        assert not MemberForecast.objects.filter(pk=min(rows)).exists()

    def test_younger_than_two_horizons_is_told_by_a_shorter_one_as_a_rank(self) -> None:
        make_orders(a_shop(history=150))
        ModelPolicy.objects.create(churn_horizon_days=120)
        fitted = fit()["churn"]
        assert (fitted.parameters["calibrated"], fitted.metrics["wanted_days"]) == (False, 120)
        assert 7 <= fitted.parameters["horizon_days"] <= 50
        member = Member.objects.values_list("pk", flat=True)[0]
        assert scores_rows([member])[member]["churn_calibrated"] is False

    def test_says_how_far_a_fit_moved_from_the_one_before(self) -> None:
        make_orders(a_shop())
        fit()
        again = fit()
        assert again["churn"].metrics["drift"]["stability"] == pytest.approx(0.0)
        assert [was == now for was, now in again["bg_nbd"].metrics["drift"]["parameters"].values()] == [True] * 4

    def test_explains_a_members_risk_by_the_facts(self) -> None:
        make_orders(a_shop())
        fit()
        member = Member.objects.values_list("pk", flat=True)[0]
        risk = risk_of(member)
        assert risk is not None
        assert risk.probability == pytest.approx(scores_rows([member])[member]["churn_probability"], abs=1e-9)
        assert [abs(each.effect) for each in risk.factors] == sorted(
            (abs(each.effect) for each in risk.factors), reverse=True
        )
        assert len(risk.factors) == 5
        assert risk_of(make_member().pk) is None

    def test_forgets_what_it_expected_of_a_member_who_was_another(self) -> None:
        make_orders(a_shop(120))
        fit()
        keep, drop = Member.objects.order_by("pk")[:2]
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        assert not MemberForecast.objects.filter(pk=drop.pk).exists()
        TIES.clear([keep.pk])
        assert not MemberForecast.objects.filter(pk=keep.pk).exists()


class TestFittingNow:
    def test_is_asked_for_once_and_done_by_a_job(self) -> None:
        make_orders(a_shop(120))
        refresh(as_of=NOW)
        assert ask_for_fit(by="ann", now=NOW) == ask_for_fit(by="bob", now=NOW)
        run_jobs(now=NOW)
        job = Job.objects.get()
        assert (job.state, job.result) == ("done", {"published": 5, "refused": 1})


class TestCustomerGroups:
    def test_are_found_told_and_made_a_list(self) -> None:
        pytest.importorskip("sklearn")
        make_orders(a_shop(200), cents=lambda name: 200 if int(name[1:]) % 2 else 90_000)
        fitted = fit()["groups"]
        told = fitted.metrics["groups"]
        assert 3 <= len(told) <= 6
        assert sum(each["members"] for each in told) == 200
        ask_for_group_list(group=0, name="Group", by="ann", now=NOW)
        run_jobs(now=NOW)
        assert set(Job.objects.values_list("state", flat=True)) == {"done"}
        assert StaticMember.objects.filter(segment=Segment.objects.get()).count() == told[0]["members"]
