"""The pages of models: every fit in plain words, what was refused and why, a fit asked for by a button."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Job
from retention.models import ModelPolicy, ScoringModel
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests.db.retention.test_models import a_shop, make_orders
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="-"))
    return client


def fit() -> None:
    refresh(as_of=NOW)
    fit_models(as_of=NOW, now=NOW)


def page(admin: Client, model: ScoringModel) -> str:
    response = admin.get(reverse("admin:retention_scoringmodel_change", args=[model.pk]))
    assert response.status_code == 200
    return response.content.decode()


class TestModels:
    def test_say_what_they_are_and_how_good(self, admin: Client) -> None:
        make_orders(a_shop(), cents=lambda name: 500 + 37 * (int(name[1:]) % 40))
        fit()
        shown = admin.get(reverse("admin:retention_scoringmodel_changelist")).content.decode()
        assert "it names" in shown
        assert shown.count("rk-model") == ScoringModel.objects.filter(current=True).count()
        churn = ScoringModel.objects.get(kind="churn", current=True)
        assert "The date of the last order alone names" in page(admin, churn)
        assert "rk-bubble-dot" in page(admin, churn)
        for model in ScoringModel.objects.all():
            assert "None" not in page(admin, model).split('id="model"')[1]

    def test_say_why_they_are_not_in_use(self, admin: Client) -> None:
        make_order(make_member())
        fit()
        shown = admin.get(reverse("admin:retention_scoringmodel_changelist")).content.decode()
        assert shown.count("Not published. There are 1 members with orders") == 4
        assert "Not published" in page(admin, ScoringModel.objects.get(kind="churn"))

    def test_are_empty_before_the_first_order(self, admin: Client) -> None:
        assert "models need orders" in admin.get(reverse("admin:retention_scoringmodel_changelist")).content.decode()

    def test_are_fitted_by_a_button_that_looking_does_not_press(self, admin: Client) -> None:
        assert admin.get(reverse("admin:retention_fit")).status_code == 405
        assert Job.objects.count() == 0
        admin.post(reverse("admin:retention_fit"))
        assert Job.objects.get().kind == "retention.fit"

    def test_are_not_fitted_by_who_may_only_look(self) -> None:
        client = Client()
        client.force_login(User.objects.create_user("bob", is_staff=True))
        assert client.post(reverse("admin:retention_fit")).status_code == 403
        assert Job.objects.count() == 0


class TestTheHorizon:
    def test_is_changed_within_its_range(self, admin: Client) -> None:
        address = admin.get(reverse("admin:retention_modelpolicy_changelist")).headers["Location"]
        assert "7 to 730 days" in admin.post(address, {"churn_horizon_days": 3}).content.decode()
        admin.post(address, {"churn_horizon_days": 60})
        assert ModelPolicy.objects.get().churn_horizon_days == 60
