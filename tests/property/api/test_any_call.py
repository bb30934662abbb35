"""Whatever is sent to whatever address: an answer of the contract, never a fault of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from retention.services.refresh import refresh
from tests.property.api.calls import MEMBER, ORDER, Call, calls, documents, text
from tests.rest import ROOT, Caller, caller

pytestmark = pytest.mark.django_db

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.fixture
def client() -> Caller:
    """A little of everything, so that what is named can be found. What a call changes is undone before the next."""
    client = caller()
    ten: dict[str, Any] = {"slug": "ten", "name": "Ten", "benefit": {"kind": "fixed", "amount_minor": 10}, "code": "TEN10"}
    back: dict[str, Any] = {"slug": "back", "name": "Back", "trigger": {"kind": "manual"}, "audience": {"everyone": True}}
    back["steps"] = [{"kind": "issue_coupon", "template": "ten"}]
    for address, document in [
        ("members/bulk/", {"items": [MEMBER]}),
        ("orders/bulk/", {"items": [ORDER]}),
        ("coupon-templates/", ten),
        ("segments/", {"slug": "everyone", "name": "All", "rule": {"everyone": True}}),
        ("campaigns/", back),
    ]:
        response = client.post(address, document)
        assert response.status_code in (200, 201), response.content
    refresh(as_of=timezone.now(), full=True)
    return client


class TestAnyCall:
    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(call=calls())
    def test_is_answered_as_the_contract_says(self, client: Caller, call: Call) -> None:
        headers = {} if call.key is None else {"Idempotency-Key": call.key}

        with transaction.atomic():
            response = client.call(call.method, call.address, call.body, headers=headers)
            transaction.set_rollback(True)

        assert response.status_code in (200, 201, 204, 400, 404, 405, 409, 415, 422), (call, response.content)
        if response.status_code >= 400:
            problem = response.json()
            assert problem["status"] == response.status_code
            assert {"type", "title", "detail", "code"} <= set(problem)
            assert all(set(error) == {"path", "code", "message"} for error in problem.get("errors", []))

    @settings(max_examples=100, deadline=None)
    @given(path=text, method=st.sampled_from(METHODS), body=documents)
    def test_without_a_key_is_401_wherever_it_goes(self, path: str, method: str, body: Any) -> None:
        assume(path != "openapi.json")

        response = Caller(None).call(method, f"{ROOT}{quote(path)}", body)

        assert response.status_code == 401
