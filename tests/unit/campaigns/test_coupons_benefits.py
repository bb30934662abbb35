import pytest

from campaigns.coupons.benefits import discount_minor
from campaigns.models import CouponTemplate


class TestTheDiscount:
    @pytest.mark.parametrize(("amount", "expected"), [(0, 0), (499, 499), (500, 500), (10_000, 500)])
    def test_of_an_amount_off_never_exceeds_the_order(self, amount, expected):
        assert discount_minor(CouponTemplate(benefit="fixed", amount_minor=500), amount) == expected

    @pytest.mark.parametrize(("amount", "expected"), [(0, 0), (6, 0), (7, 1), (999, 149), (10**15, 15 * 10**13)])
    def test_of_a_percentage_is_rounded_down(self, amount, expected):
        assert discount_minor(CouponTemplate(benefit="percent_off", percent_off=15), amount) == expected

    @pytest.mark.parametrize(("amount", "expected"), [(1000, 150), (20_000, 3000), (20_001, 3000)])
    def test_of_a_percentage_is_capped(self, amount, expected):
        assert discount_minor(CouponTemplate(benefit="percent_off", percent_off=15, max_minor=3000), amount) == expected

    def test_of_a_hundred_percent_is_the_order(self):
        assert discount_minor(CouponTemplate(benefit="percent_off", percent_off=100), 1234) == 1234

    @pytest.mark.parametrize("kind", ["free_shipping", "gift"])
    def test_of_what_the_checkout_values_is_nothing(self, kind):
        assert discount_minor(CouponTemplate(benefit=kind), 1000) == 0
