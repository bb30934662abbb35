"""An integrator's first day: a key, members and orders in, a campaign, a coupon at the checkout. Over real HTTP."""

from __future__ import annotations

import http.client
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.utils import timezone

from members.models import Member

pytestmark = pytest.mark.django_db(transaction=True)


class Integrator:
    """Speaks HTTP by hand, so that nothing between the socket and the view is left out."""

    def __init__(self, server: str, key: str) -> None:
        self._place = urlsplit(server)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method: str, address: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self._place.hostname or "", self._place.port)
        try:
            path = address if address.startswith("/") else f"/api/v1/{address}"
            data = json.dumps(body).encode() if isinstance(body, dict) else body
            connection.request(method, path, data, self._headers, **options)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            connection.close()


@pytest.fixture
def shop(live_server: Any, settings: Any, tmp_path: Any) -> Integrator:
    settings.OUTBOX_DIR = tmp_path
    out = io.StringIO()
    scopes = (
        "members:read,members:write,orders:write,segments:read,segments:write,campaigns:read,campaigns:write,coupons:redeem"
    )
    call_command("create_api_key", "web shop", "--scopes", scopes, stdout=out)
    return Integrator(live_server.url, out.getvalue().splitlines()[-1])


class TestAnIntegratorsFirstDay:
    def test_ends_with_a_coupon_redeemed_at_the_checkout(self, shop: Integrator) -> None:
        members = [{"external_id": f"m{n}", "phone": f"1380013800{n}", "consents": {"sms": True}} for n in range(3)]
        assert shop.call("POST", "members/bulk/", {"items": members}) == (200, {"accepted": 3, "rejected": []})
        orders = [
            {
                "external_id": f"o{n}",
                "member": f"m{n}",
                "placed_at": (timezone.now() - timedelta(days=100 * n)).isoformat(),
                "status": "completed",
                "total_minor": 12_000,
                "lines": [{"product": "tea", "quantity": 1, "unit_price_minor": 12_000}],
            }
            for n in range(3)
        ]
        assert shop.call("POST", "orders/bulk/", {"items": orders})[1]["accepted"] == 3
        call_command("refresh", stdout=io.StringIO())

        away = {"field": "days_since_last_order", "operator": ">=", "value": 60}
        status, seen = shop.call("POST", "segments/preview/", {"rule": away})
        assert (status, seen["count"], seen["sample"]) == (200, 2, ["m1", "m2"])
        assert shop.call("POST", "segments/", {"slug": "away", "name": "Away", "rule": away})[0] == 201
        ten = {"slug": "ten", "name": "Ten", "benefit": {"kind": "fixed", "amount_minor": 1000}, "per_member_limit": 1}
        assert shop.call("POST", "coupon-templates/", ten)[0] == 201
        call_command("refresh", stdout=io.StringIO())
        campaign = {
            "slug": "win-back",
            "name": "Win back",
            "trigger": {"kind": "manual"},
            "audience": {"in_segment": "away"},
            "steps": [
                {"kind": "issue_coupon", "template": "ten"},
                {"kind": "send_message", "channel": "sms", "body": "{{ coupon.code }}"},
            ],
            "control_share": 0,
        }
        assert shop.call("POST", "campaigns/", campaign)[0] == 201
        assert shop.call("POST", "campaigns/win-back/activate/")[1]["status"] == "running"
        call_command("run_campaigns", stdout=io.StringIO())

        report = shop.call("GET", "campaigns/win-back/report/")[1]
        assert (report["due"], report["fired"], report["waiting"]) == (2, 2, 0)
        [coupon] = shop.call("GET", "members/m2/coupons/")[1]["results"]
        call = {"order": "o-new", "member": "m2", "amount_minor": 9_000}
        assert shop.call("POST", f"coupons/{coupon['code']}/validate/", {"member": "m1"})[1]["code"] == "wrong_member"
        status, receipt = shop.call("POST", f"coupons/{coupon['code']}/redeem/", call)
        assert (status, receipt["discount_minor"]) == (200, 1_000)
        assert shop.call("POST", f"coupons/{coupon['code']}/redeem/", call) == (200, receipt)
        assert shop.call("POST", f"coupons/{coupon['code']}/redeem/", call | {"order": "o-other"})[0] == 409
        assert shop.call("POST", f"coupons/{coupon['code']}/roll-back/", {"order": "o-new"})[0] == 200


class TestOnTheWire:
    def test_an_id_with_a_slash_is_written_2f(self, shop: Integrator) -> None:
        assert shop.call("PUT", "members/%E8%8C%B6%2F7/", {"external_id": "茶/7"})[0] == 201

        assert shop.call("GET", "members/%E8%8C%B6%2F7/")[1]["external_id"] == "茶/7"
        assert shop.call("GET", "members/%E8%8C%B6%2F7/coupons/")[1]["results"] == []

    def test_a_chunked_body_is_refused_rather_than_read_as_empty(self, shop: Integrator) -> None:
        status, problem = shop.call("PUT", "members/m1/", iter([b'{"name": "a"}']), encode_chunked=True)

        assert (status, problem["code"]) == (411, "length_required")
        assert not Member.objects.exists()

    def test_nothing_is_told_without_a_key(self, live_server: Any) -> None:
        stranger = Integrator(live_server.url, "rk_nobody")

        for address in ("members/", "members/%2F%00/", "no/such/thing", "/api/v1", "/api/v1/openapi.json/"):
            status, problem = stranger.call("POST", address, b"{")
            assert (status, problem["code"]) == (401, "invalid_key"), address
        assert stranger.call("GET", "openapi.json")[0] == 200
