from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Coupon, CouponTemplate, Redemption
from members.models import Member
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db

FIFTEEN = {
    "slug": "fifteen",
    "name": "15 off 100",
    "benefit": {"kind": "fixed", "amount_minor": 1500},
    "minimum_minor": 10_000,
    "valid_days": 7,
    "per_member_limit": 1,
}
PUBLIC = {
    "slug": "spring",
    "name": "Spring",
    "benefit": {"kind": "percent_off", "percent_off": 15},
    "code": "SPRING",
    "total_limit": 2,
}


@pytest.fixture
def client() -> Caller:
    client = caller()
    client.post("members/bulk/", {"items": [{"external_id": "m1"}, {"external_id": "m2"}]})
    for template in (FIFTEEN, PUBLIC):
        response = client.post("coupon-templates/", template)
        assert response.status_code == 201, response.content
    return client


def _issued(client: Caller, member: str = "m1") -> str:
    response = client.post("coupon-templates/fifteen/issue/", {"member": member})
    assert response.status_code == 201, response.content
    return str(response.json()["code"])


def _refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestTemplates:
    def test_come_back_as_they_were_written(self, client: Caller) -> None:
        shown = client.get("coupon-templates/fifteen/").json()

        assert {name: shown[name] for name in FIFTEEN} == FIFTEEN
        assert (shown["origin"], shown["code"], shown["issued"], shown["redeemed"]) == ("own", None, 0, 0)
        assert client.all("coupon-templates/?page_size=1") == [shown, client.get("coupon-templates/spring/").json()]

    def test_take_dates_for_whole_days_of_the_shop(self, client: Caller) -> None:
        days = {"slug": "june", "name": "June", "benefit": {"kind": "free_shipping"}}
        made = client.post("coupon-templates/", days | {"valid_from": "2026-06-01", "valid_until": "2026-06-30"})
        shown = (made.json()["valid_from"], made.json()["valid_until"])
        assert (made.status_code, shown) == (201, ("2026-06-01T00:00:00+08:00", "2026-07-01T00:00:00+08:00"))
        assert client.patch("coupon-templates/june/", {"name": "Summer"}).json() == made.json() | {"name": "Summer"}

        wrong = client.patch("coupon-templates/june/", {"valid_until": "2026-06-31"})
        assert (wrong.status_code, paths_of(wrong)) == (422, ["valid_until"])
        assert wrong.json()["errors"][0]["message"] == "Give a time such as 2026-01-31T18:00:00+08:00, or a date."

    def test_that_are_wrong_are_refused_with_every_path(self, client: Caller) -> None:
        response = client.post(
            "coupon-templates/", {"slug": "a b", "benefit": {"kind": "percent_off"}, "total_limit": 0, "valid_dayz": 3}
        )

        assert response.status_code == 422
        assert set(paths_of(response)) == {"slug", "name", "benefit.percent_off", "total_limit", "valid_dayz"}
        assert CouponTemplate.objects.count() == 2

    @pytest.mark.parametrize("body", [[], "x", None, 7])
    def test_are_objects(self, client: Caller, body: Any) -> None:
        assert client.post("coupon-templates/", b"null" if body is None else body).status_code == 422
        assert client.put("coupon-templates/fifteen/", b"null" if body is None else body).status_code == 422
        assert client.patch("coupon-templates/fifteen/", b"null" if body is None else body).status_code == 422

    def test_are_changed_whole_or_in_part(self, client: Caller) -> None:
        changed = client.patch("coupon-templates/fifteen/", {"name": "Fifteen"})
        assert (changed.status_code, changed.json()["name"], changed.json()["valid_days"]) == (200, "Fifteen", 7)

        replaced = client.put(
            "coupon-templates/fifteen/", {"name": "Ten", "benefit": {"kind": "fixed", "amount_minor": 1000}}
        )
        assert (replaced.status_code, replaced.json()["slug"], replaced.json()["valid_days"]) == (200, "fifteen", None)

    def test_keep_what_they_promised(self, client: Caller) -> None:
        _issued(client)

        response = client.patch("coupon-templates/fifteen/", {"benefit": {"kind": "fixed", "amount_minor": 1}})

        assert (response.status_code, paths_of(response)) == (422, ["benefit.amount_minor"])
        assert CouponTemplate.objects.get(slug="fifteen").amount_minor == 1500
        assert _refusal(client.delete("coupon-templates/fifteen/")) == (409, "in_use")

    def test_are_deleted_while_nothing_refers_to_them(self, client: Caller) -> None:
        assert client.delete("coupon-templates/fifteen/").status_code == 204
        assert client.get("coupon-templates/fifteen/").status_code == 404

    def test_that_nobody_made_are_404(self, client: Caller) -> None:
        for method, address in [
            ("GET", "coupon-templates/x/"),
            ("PUT", "coupon-templates/x/"),
            ("PATCH", "coupon-templates/x/"),
            ("DELETE", "coupon-templates/x/"),
            ("POST", "coupon-templates/x/issue/"),
        ]:
            assert _refusal(client.call(method, address, FIFTEEN)) == (404, "not_found"), (method, address)


class TestIssuing:
    def test_gives_a_member_a_code_nobody_else_has(self, client: Caller) -> None:
        code, other = _issued(client, "m1"), _issued(client, "m2")

        shown = client.get(f"coupons/{code}/").json()
        assert code != other
        assert (shown["state"], shown["member"], shown["template"], shown["order"]) == ("issued", "m1", "fifteen", None)
        assert shown["benefit"] == {"kind": "fixed", "amount_minor": 1500}
        assert client.all("members/m1/coupons/") == [shown]

    def test_stops_at_the_limit_of_a_member(self, client: Caller) -> None:
        _issued(client)

        assert _refusal(client.post("coupon-templates/fifteen/issue/", {"member": "m1"})) == (409, "member_limit")
        assert Coupon.objects.count() == 1

    @pytest.mark.parametrize("member", ["nobody", "", "a\0b", "x" * 10_000, None, 7, ["m1"]])
    def test_needs_a_member_who_exists(self, client: Caller, member: Any) -> None:
        response = client.post("coupon-templates/fifteen/issue/", {"member": member})

        assert (response.status_code, paths_of(response)) == (422, ["member"])
        assert not Coupon.objects.exists()

    def test_with_a_key_issues_one_however_often_it_is_sent(self, client: Caller) -> None:
        answers = [
            client.post("coupon-templates/fifteen/issue/", {"member": "m1"}, headers={"Idempotency-Key": "k"})
            for _each in range(3)
        ]

        assert [answer.status_code for answer in answers] == [201, 201, 201]
        assert len({answer.content for answer in answers}) == 1
        assert Coupon.objects.count() == 1


class TestValidating:
    def test_says_what_the_code_takes_off_and_changes_nothing(self, client: Caller) -> None:
        code = _issued(client)

        answer = client.post(f"coupons/{code}/validate/", {"member": "m1", "amount_minor": 20_000})

        assert answer.status_code == 200
        shown = answer.json()
        assert (shown["valid"], shown["discount_minor"], shown["template"]) == (True, 1500, "fifteen")
        assert not Redemption.objects.exists()

    def test_needs_neither_member_nor_amount(self, client: Caller) -> None:
        code = _issued(client)

        assert client.post(f"coupons/{code}/validate/", {}).json()["discount_minor"] is None
        assert client.post(f"coupons/{code}/validate/").status_code == 200

    @pytest.mark.parametrize(
        ("call", "code"),
        [
            ({"member": "m2"}, "wrong_member"),
            ({"member": "nobody"}, "wrong_member"),
            ({"amount_minor": 9_999}, "below_minimum"),
        ],
    )
    def test_refuses_with_the_reason(self, client: Caller, call: dict[str, Any], code: str) -> None:
        assert _refusal(client.post(f"coupons/{_issued(client)}/validate/", call)) == (409, code)

    def test_refuses_what_has_expired(self, client: Caller) -> None:
        code = _issued(client)
        Coupon.objects.update(valid_until=timezone.now() - timedelta(seconds=1))

        assert _refusal(client.post(f"coupons/{code}/validate/", {})) == (409, "expired")
        assert client.get(f"coupons/{code}/").json()["state"] == "expired"


class TestRedeeming:
    def test_uses_a_code_once_however_often_the_order_asks(self, client: Caller) -> None:
        code = _issued(client)
        call = {"order": "o-1", "member": "m1", "amount_minor": 20_000}

        first, second = (client.post(f"coupons/{code}/redeem/", call) for _each in range(2))

        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json() == second.json()
        assert (first.json()["discount_minor"], first.json()["order"], first.json()["rolled_back_at"]) == (1500, "o-1", None)
        assert Redemption.objects.count() == 1
        shown = client.get(f"coupons/{code}/").json()
        assert (shown["state"], shown["order"]) == ("redeemed", "o-1")

    def test_refuses_another_order(self, client: Caller) -> None:
        code = _issued(client)
        client.post(f"coupons/{code}/redeem/", {"order": "o-1", "member": "m1", "amount_minor": 20_000})

        again = client.post(f"coupons/{code}/redeem/", {"order": "o-2", "member": "m1", "amount_minor": 20_000})

        assert _refusal(again) == (409, "already_redeemed")
        assert Redemption.objects.count() == 1

    def test_refuses_past_the_limit_of_a_public_code(self, client: Caller) -> None:
        answers = [
            client.post("coupons/SPRING/redeem/", {"order": f"o-{n}", "member": "m1", "amount_minor": 100}) for n in range(3)
        ]

        assert [answer.status_code for answer in answers] == [200, 200, 409]
        assert answers[2].json()["code"] == "exhausted"
        assert CouponTemplate.objects.get(slug="spring").redeemed == 2

    @pytest.mark.parametrize(
        ("call", "paths"),
        [
            ({}, ["order", "amount_minor"]),
            ({"order": "", "member": "m1", "amount_minor": 1}, ["order"]),
            ({"order": "o", "member": "m1", "amount_minor": -1}, ["amount_minor"]),
            ({"order": "o", "member": "m1", "amount_minor": "100"}, ["amount_minor"]),
            ({"order": "o", "member": "m1", "amount_minor": True}, ["amount_minor"]),
            ({"order": "o", "member": "m1", "amount_minor": 1.5}, ["amount_minor"]),
            ({"order": "o", "member": "m1", "amount_minor": 10**30}, ["amount_minor"]),
            ({"order": 7, "member": "m1", "amount_minor": 1}, ["order"]),
            ({"order": "x" * 10_000, "member": "\0", "amount_minor": 1}, ["order", "member"]),
            ({"order": "o", "membr": "m1", "amount_minor": 1}, ["membr"]),
            ([], [""]),
        ],
    )
    def test_refuses_input_that_means_nothing(self, client: Caller, call: Any, paths: list[str]) -> None:
        response = client.post("coupons/SPRING/redeem/", call)

        assert (response.status_code, paths_of(response)) == (422, paths)
        assert not Redemption.objects.exists()

    @pytest.mark.parametrize("code", ["nothing", "%00", "x" * 10_000, "%0A", "茶", "AAAA-AAAA-AAAA-AAAA"])
    def test_of_a_code_that_never_was_is_404(self, client: Caller, code: str) -> None:
        for address in (f"coupons/{code}/validate/", f"coupons/{code}/redeem/", f"coupons/{code}/roll-back/"):
            assert client.post(address, {"order": "o", "member": "m1", "amount_minor": 1}).status_code in (404, 422)
        assert client.get(f"coupons/{code}/").status_code == 404


class TestRollingBack:
    def test_gives_the_code_back_and_may_be_repeated(self, client: Caller) -> None:
        code = _issued(client)
        client.post(f"coupons/{code}/redeem/", {"order": "o-1", "member": "m1", "amount_minor": 20_000})

        first, second = (client.post(f"coupons/{code}/roll-back/", {"order": "o-1"}) for _each in range(2))

        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json() == second.json()
        assert first.json()["rolled_back_at"] is not None
        assert client.get(f"coupons/{code}/").json()["state"] == "issued"
        assert (
            client.post(f"coupons/{code}/redeem/", {"order": "o-2", "member": "m1", "amount_minor": 20_000}).status_code
            == 200
        )

    def test_of_an_order_that_never_used_it_is_refused(self, client: Caller) -> None:
        assert _refusal(client.post("coupons/SPRING/roll-back/", {"order": "o-9"})) == (409, "not_redeemed")


class TestAMembersCoupons:
    def test_are_pages_newest_first_at_a_cost_that_does_not_grow(
        self, client: Caller, django_assert_max_num_queries
    ) -> None:
        client.patch("coupon-templates/fifteen/", {"per_member_limit": None})
        codes = [_issued(client) for _each in range(5)]

        with django_assert_max_num_queries(8):
            page = client.get("members/m1/coupons/?page_size=3").json()

        assert [coupon["code"] for coupon in page["results"]] == codes[:1:-1]
        assert [coupon["code"] for coupon in client.get(page["next"]).json()["results"]] == codes[1::-1]

    def test_of_a_member_nobody_knows_are_404(self, client: Caller) -> None:
        assert _refusal(client.get("members/nobody/coupons/")) == (404, "not_found")
        assert _refusal(client.get("members/nobody/messages/")) == (404, "not_found")
        assert client.get("members/m1/messages/").json() == {"next": None, "previous": None, "results": []}


class TestScopes:
    @pytest.mark.parametrize(
        ("method", "address", "scope"),
        [
            ("POST", "coupons/SPRING/redeem/", "coupons:redeem"),
            ("POST", "coupons/SPRING/validate/", "coupons:redeem"),
            ("POST", "coupons/SPRING/roll-back/", "coupons:redeem"),
            ("GET", "coupons/SPRING/", "coupons:redeem"),
            ("GET", "coupon-templates/", "campaigns:read"),
            ("POST", "coupon-templates/", "campaigns:write"),
            ("PATCH", "coupon-templates/spring/", "campaigns:write"),
            ("DELETE", "coupon-templates/spring/", "campaigns:write"),
            ("POST", "coupon-templates/spring/issue/", "campaigns:write"),
            ("GET", "members/m1/coupons/", "members:read"),
            ("GET", "members/m1/messages/", "members:read"),
        ],
    )
    def test_are_asked_for(self, client: Caller, method: str, address: str, scope: str) -> None:
        from core.models import Scope

        others = [each for each in Scope.values if each != scope]

        response = caller(*others).call(method, address, b"{")

        assert (response.status_code, response.json()["code"]) == (403, "missing_scope")
        assert scope in response.json()["detail"]
        assert not Redemption.objects.exists()
        assert CouponTemplate.objects.count() == 2
        assert Member.objects.count() == 2
