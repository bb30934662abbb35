from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.coupons.redeem import redeem, roll_back
from campaigns.models import Campaign, CampaignVersion, CouponTemplate
from campaigns.services.templates import TemplateInUse, change_template, create_template, delete_template, document_of
from core.errors import InvalidInput, NotFound
from tests.coupons import NOW, issue_to, make_member

pytestmark = pytest.mark.django_db


def document(**changes: Any) -> dict[str, Any]:
    item = {"slug": "spring", "name": "Spring", "benefit": {"kind": "fixed", "amount_minor": 500}} | changes
    return {key: value for key, value in item.items() if value is not ...}


def problems(call, *arguments, **named) -> list[tuple[str, str]]:
    before = list(CouponTemplate.objects.values())
    with pytest.raises(InvalidInput) as caught:
        call(*arguments, **named)
    assert list(CouponTemplate.objects.values()) == before
    return [(problem.path, problem.code) for problem in caught.value.problems]


class TestCreating:
    def test_the_least_that_is_needed_fills_in_the_rest(self):
        create_template(document=document(), now=NOW)
        template = CouponTemplate.objects.get()
        assert document_of(template) == {
            "slug": "spring", "name": "Spring", "origin": "own", "benefit": {"kind": "fixed", "amount_minor": 500},
            "minimum_minor": 0, "valid_days": None, "valid_from": None, "valid_until": None, "total_limit": None,
            "per_member_limit": None, "code": None, "link": None, "categories": [], "stacking_group": None,
        }  # fmt: skip
        assert (template.created_at, template.issued, template.redeemed) == (NOW, 0, 0)

    def test_everything_that_can_be_said_is_kept(self):
        full = document(
            origin="platform",
            benefit={"kind": "percent_off", "percent_off": 15, "max_minor": 3000},
            minimum_minor=1000,
            valid_from="2026-03-01T00:00:00+08:00",
            valid_until="2026-04-01T00:00:00+08:00",
            total_limit=100,
            per_member_limit=2,
            code="双11-Tea",
            link="https://shop.example/c?x=1",
            categories=["tea", "cups"],
            stacking_group="spring",
        )
        create_template(document=full, now=NOW)
        template = CouponTemplate.objects.get()
        assert template.valid_from == datetime(2026, 2, 28, 16, tzinfo=UTC)
        kept = document_of(template)
        dates = dict.fromkeys(("valid_days", "valid_from", "valid_until"))
        assert kept | dates == full | dates
        assert change_template(slug="spring", document=kept) == template

    @pytest.mark.parametrize(
        "benefit",
        [
            {"kind": "free_shipping"},
            {"kind": "gift"},
            {"kind": "gift", "gift": "a cup"},
            {"kind": "percent_off", "percent_off": 100},
        ],
    )
    def test_each_kind_of_benefit_is_kept(self, benefit):
        template = create_template(document=document(benefit=benefit), now=NOW)
        assert document_of(template)["benefit"] == benefit

    def test_null_and_empty_are_the_same_as_absent(self):
        empty = dict.fromkeys(("code", "valid_days", "valid_from", "total_limit", "minimum_minor", "stacking_group"))
        template = create_template(document=document(link="", **empty), now=NOW)
        assert (template.code, template.minimum_minor, template.link, template.stacking_group) == (None, 0, "", "")

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"slug": ...}, [("slug", "required")]),
            ({"slug": "two words"}, [("slug", "invalid")]),
            ({"slug": "x" * 101}, [("slug", "invalid")]),
            ({"slug": 5}, [("slug", "invalid")]),
            ({"name": "a\0b"}, [("name", "unusable_character")]),
            ({"name": "\ud800"}, [("name", "unusable_character")]),
            ({"nmae": "x"}, [("nmae", "unknown_key")]),
            ({"origin": "theirs"}, [("origin", "invalid")]),
            ({"benefit": ...}, [("benefit", "required")]),
            ({"benefit": []}, [("benefit", "wrong_type")]),
            ({"benefit": {}}, [("benefit.kind", "required")]),
            ({"benefit": {"kind": "cash"}}, [("benefit.kind", "invalid")]),
            ({"benefit": {"kind": "fixed"}}, [("benefit.amount_minor", "required")]),
            ({"benefit": {"kind": "fixed", "amount_minor": 0}}, [("benefit.amount_minor", "invalid")]),
            ({"benefit": {"kind": "fixed", "amount_minor": -5}}, [("benefit.amount_minor", "invalid")]),
            ({"benefit": {"kind": "fixed", "amount_minor": True}}, [("benefit.amount_minor", "invalid")]),
            ({"benefit": {"kind": "fixed", "amount_minor": 1, "percent_off": 5}}, [("benefit.percent_off", "not_used")]),
            ({"benefit": {"kind": "fixed", "amount_minor": 1, "max_minor": 5}}, [("benefit.max_minor", "not_used")]),
            ({"benefit": {"kind": "percent_off"}}, [("benefit.percent_off", "required")]),
            ({"benefit": {"kind": "percent_off", "percent_off": 101}}, [("benefit.percent_off", "invalid")]),
            ({"benefit": {"kind": "gift", "amount": 1}}, [("benefit.amount", "unknown_key")]),
            ({"minimum_minor": -1}, [("minimum_minor", "invalid")]),
            ({"total_limit": 0}, [("total_limit", "invalid")]),
            ({"total_limit": 2**31}, [("total_limit", "invalid")]),
            ({"per_member_limit": 0}, [("per_member_limit", "invalid")]),
            ({"valid_days": 0}, [("valid_days", "invalid")]),
            ({"valid_days": 5, "valid_until": "2026-04-01T00:00:00Z"}, [("valid_days", "not_both")]),
            ({"valid_until": "2026-04-01T00:00:00"}, [("valid_until", "invalid")]),
            ({"valid_until": "soon"}, [("valid_until", "invalid")]),
            ({"valid_until": "9999-12-31T23:59:59-12:00"}, [("valid_until", "out_of_range")]),
            ({"valid_from": "0001-01-01T00:00:00+14:00"}, [("valid_from", "out_of_range")]),
            (
                {"valid_from": "2026-04-01T00:00:00Z", "valid_until": "2026-04-01T00:00:00Z"},
                [("valid_until", "ends_before_start")],
            ),
            ({"code": "two words"}, [("code", "invalid")]),
            ({"code": "0123456789ABV"}, [("code", "invalid")]),
            ({"link": "javascript:alert(1)"}, [("link", "invalid")]),
            ({"origin": "platform"}, [("link", "required")]),
            ({"categories": "tea"}, [("categories", "invalid")]),
            ({"categories": ["tea\0"]}, [("categories", "unusable_character")]),
            ({"name": ..., "benefit": {"kind": "fixed"}}, [("name", "required"), ("benefit.amount_minor", "required")]),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_made(self, changes, expected):
        assert problems(create_template, document=document(**changes), now=NOW) == expected

    @pytest.mark.parametrize("given", [None, [], "spring", 5])
    def test_what_is_no_object_is_refused(self, given):
        assert problems(create_template, document=given, now=NOW) == [("", "wrong_type")]

    def test_a_short_name_or_a_public_code_that_is_taken_is_named(self):
        create_template(document=document(code="TEA"), now=NOW)
        assert problems(create_template, document=document(code="tea"), now=NOW) == [("slug", "taken"), ("code", "taken")]


class TestChanging:
    def test_an_unused_template_may_change_in_everything_but_its_short_name(self):
        create_template(document=document(), now=NOW)
        changed = document(name="Summer", benefit={"kind": "percent_off", "percent_off": 5}, code="SUMMER", total_limit=5)
        assert document_of(change_template(slug="spring", document=changed))["benefit"]["percent_off"] == 5
        assert CouponTemplate.objects.get().amount_minor is None
        assert problems(change_template, slug="spring", document=document(slug="summer")) == [("slug", "fixed")]

    def test_one_in_use_keeps_what_it_promises(self):
        template = create_template(document=document(), now=NOW)
        issue_to(template, make_member())
        assert problems(
            change_template,
            slug="spring",
            document=document(benefit={"kind": "percent_off", "percent_off": 5}, minimum_minor=1, categories=["tea"]),
        ) == [
            ("benefit.kind", "in_use"),
            ("benefit.amount_minor", "in_use"),
            ("benefit.percent_off", "in_use"),
            ("minimum_minor", "in_use"),
            ("categories", "in_use"),
        ]
        assert change_template(slug="spring", document=document(name="Spring sale", valid_days=3)).valid_days == 3

    def test_its_coupons_keep_their_dates(self):
        template = create_template(document=document(valid_days=7), now=NOW)
        issue_to(template, make_member())
        change_template(slug="spring", document=document(valid_days=1))
        assert template.coupons.get().valid_until == NOW + timedelta(days=7)

    def test_a_limit_may_be_raised_and_lowered_down_to_what_is_issued(self):
        template = create_template(document=document(total_limit=3, per_member_limit=2), now=NOW)
        first, second = make_member("m1"), make_member("m2")
        issue_to(template, first, first, second)
        lowered = document(total_limit=2, per_member_limit=1)
        assert problems(change_template, slug="spring", document=lowered) == [
            ("total_limit", "below_used"),
            ("per_member_limit", "below_used"),
        ]
        assert change_template(slug="spring", document=document(total_limit=30, per_member_limit=2)).total_limit == 30
        assert change_template(slug="spring", document=document(total_limit=3)).per_member_limit is None

    def test_a_limit_of_a_public_code_is_compared_with_its_uses_that_hold(self):
        create_template(document=document(code="TEA"), now=NOW)
        for order in ("o1", "o2"):
            redeem(code="TEA", order=order, member="m1", amount_minor=1000, now=NOW)
        lowered = document(code="TEA", total_limit=1, per_member_limit=1)
        assert problems(change_template, slug="spring", document=lowered) == [
            ("total_limit", "below_used"),
            ("per_member_limit", "below_used"),
        ]
        roll_back(code="TEA", order="o2", now=NOW)
        assert change_template(slug="spring", document=lowered).total_limit == 1

    def test_an_unknown_one_is_not_found(self):
        with pytest.raises(NotFound):
            change_template(slug="summer", document=document())


class TestDeleting:
    def test_an_unused_one_goes(self):
        create_template(document=document(), now=NOW)
        delete_template(slug="spring")
        assert CouponTemplate.objects.count() == 0

    def test_one_with_coupons_or_uses_stays(self):
        issue_to(create_template(document=document(), now=NOW), make_member())
        create_template(document=document(slug="tea", code="TEA"), now=NOW)
        redeem(code="TEA", order="o1", member="m1", amount_minor=1000, now=NOW)
        roll_back(code="TEA", order="o1", now=NOW)
        for slug in ("spring", "tea"):
            with pytest.raises(TemplateInUse):
                delete_template(slug=slug)
        assert CouponTemplate.objects.count() == 2

    def test_one_that_a_campaign_issues_stays(self):
        create_template(document=document(), now=NOW)
        campaign = Campaign.objects.create(slug="c", name="Win back", salt="s", created_at=NOW)
        campaign.version = CampaignVersion.objects.create(
            campaign=campaign, number=1, trigger={}, audience={}, created_at=NOW,
            steps=[{"kind": "issue_coupon", "template": "spring"}],
        )  # fmt: skip
        campaign.save()
        with pytest.raises(TemplateInUse, match="Win back"):
            delete_template(slug="spring")
        Campaign.objects.update(status="finished")
        delete_template(slug="spring")

    def test_an_unknown_one_is_not_found(self):
        with pytest.raises(NotFound):
            delete_template(slug="summer")
