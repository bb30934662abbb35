from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.coupons.issue import issue_one
from campaigns.models import Coupon, CouponTemplate
from campaigns.services.templates import document_of
from tests.campaign_factories import make_template
from tests.db.admin.conftest import World, staff, text_of
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db
ADD = "admin:campaigns_coupontemplate_add"


def form(**fields: str) -> dict[str, str]:
    return {
        "name": "Ten off",
        "slug": "",
        "origin": "own",
        "kind": "fixed",
        "amount_minor": "10",
        "categories": "",
        **fields,
    }


class TestTemplates:
    def test_are_made_with_amounts_in_yuan(self, admin: Client) -> None:
        fields = {"minimum_minor": "99.50", "valid_days": "30", "total_limit": "100", "categories": "tea, 咖啡"}
        admin.post(reverse(ADD), form(**fields))
        made = CouponTemplate.objects.get()
        assert (made.slug, made.amount_minor, made.minimum_minor, made.valid_days) == ("ten-off", 1000, 9950, 30)
        assert (made.total_limit, made.categories, made.code) == (100, ["tea", "咖啡"], None)

    def test_are_refused_at_the_field_that_is_wrong(self, admin: Client) -> None:
        answer = admin.post(reverse(ADD), form(kind="percent_off", amount_minor="", percent_off="120"))
        assert (list(answer.context["form"].errors), CouponTemplate.objects.count()) == (["percent_off"], 0)

    def test_keep_only_what_belongs_to_the_kind_on_screen(self, admin: Client) -> None:
        admin.post(reverse(ADD), form(kind="free_shipping"))
        made = CouponTemplate.objects.get()
        assert document_of(made)["benefit"] == {"kind": "free_shipping"}

    def test_number_a_short_name_that_is_taken(self, admin: Client) -> None:
        for _time in range(3):
            admin.post(reverse(ADD), form())
        [first, *others] = CouponTemplate.objects.order_by("pk").values_list("slug", flat=True)
        assert others == [f"{first}-2", f"{first}-3"]

    def test_open_as_they_were_saved_and_save_unchanged(self, admin: Client) -> None:
        admin.post(reverse(ADD), form(minimum_minor="99.50", valid_until="2026-08-01T00:00", code="HELLO-AGAIN"))
        before = document_of(CouponTemplate.objects.get())
        page = reverse("admin:campaigns_coupontemplate_change", args=[CouponTemplate.objects.get().pk])
        shown = admin.get(page).context["form"]
        sent = {field.name: "" if field.value() is None else str(field.value()) for field in shown}
        assert admin.post(page, sent).status_code == 302
        assert document_of(CouponTemplate.objects.get()) == before

    def test_keep_what_was_promised(self, admin: Client) -> None:
        template = make_template()
        issue_one(template_slug="back", member_id=make_member().pk, now=NOW)
        page = reverse("admin:campaigns_coupontemplate_change", args=[template.pk])
        answer = admin.post(page, form(name="Come back", amount_minor="5"))
        template.refresh_from_db()
        assert (list(answer.context["form"].errors), template.amount_minor) == (["amount_minor"], 2000)

    def test_stay_when_coupons_were_given(self, admin: Client) -> None:
        template = make_template()
        issue_one(template_slug="back", member_id=make_member().pk, now=NOW)
        answer = admin.post(reverse("admin:campaigns_coupontemplate_delete", args=[template.pk]), follow=True)
        assert CouponTemplate.objects.count() == 1
        assert "it stays for their sake" in text_of(answer)

    def test_cannot_be_changed_by_who_may_only_look(self) -> None:
        template = make_template()
        page = reverse("admin:campaigns_coupontemplate_change", args=[template.pk])
        looker = staff("campaigns.view_coupontemplate")
        looker.post(page, form(name="Another"))
        template.refresh_from_db()
        assert (template.name, "Save template" in text_of(looker.get(page))) == ("Come back", False)


class TestCoupons:
    def found(self, client: Client, text: str) -> list[Any]:
        return list(client.get(reverse("admin:campaigns_coupon_changelist"), {"q": text}).context["cl"].result_list)

    def test_are_found_by_code_and_by_member(self, admin: Client, world: World) -> None:
        coupon = Coupon.objects.order_by("pk").first()
        assert coupon is not None
        by_code = self.found(admin, coupon.code.lower())
        by_member = self.found(admin, world.members[0].external_id)
        assert ([each.code for each in by_code], [each.code for each in by_member]) == ([coupon.code], [coupon.code])
