"""What figures should be: set, taken away, read as people write."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from retention.models import ReportTarget
from retention.services import targets
from retention.services.reports import find_report
from retention.services.targets import set_target
from tests.factories import NOW, default_shop

pytestmark = pytest.mark.django_db


class TestTargets:
    def test_are_of_the_brand_or_of_a_shop_and_are_taken_away(self) -> None:
        churn, shop = find_report("churn"), default_shop()
        for shop_id, value in ((None, 0.05), (shop.pk, 0.08), (None, 0.04)):
            set_target(report=churn, values={"churn_rate": value}, shop_id=shop_id, now=NOW, by="ann")
        assert sorted(ReportTarget.objects.values_list("shop", "value"), key=str) == [(shop.pk, 0.08), (None, 0.04)]
        set_target(report=churn, values={"churn_rate": None}, shop_id=None, now=NOW)
        assert list(ReportTarget.objects.values_list("shop", "value")) == [(shop.pk, 0.08)]

    def test_of_a_figure_that_the_report_has_not_are_refused(self) -> None:
        with pytest.raises(targets.NoSuchFigure):
            set_target(report=find_report("churn"), values={"lost": 1, "profit": 1}, shop_id=None, now=NOW)
        assert not ReportTarget.objects.exists()

    @pytest.mark.parametrize(("text", "value"), [("5", 0.05), ("5.5 %", 0.055), ("", None), ("1,200", 12.0)])
    def test_are_read_as_people_write_them(self, text: str, value: float | None) -> None:
        figure = find_report("churn").figure("churn_rate")
        read = targets.read_target(figure, text)
        assert read == (None if value is None else pytest.approx(value))
        assert targets.read_target(figure, targets.target_text(figure, read)) == read

    @pytest.mark.parametrize("text", ["much", "nan", "inf", "1e99"])
    def test_that_are_no_number_are_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            targets.read_target(find_report("churn").figure("lost"), text)
