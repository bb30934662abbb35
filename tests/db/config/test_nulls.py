from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.models import Scope
from tests.rest import Caller, given_key

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/admin/retention/segment/?q=%00",
        "/admin/retention/segment/rule/values/?of=city&q=a%00b",
        "/admin/retention/segment/why/?segment=%00&member=1",
        "/admin/members/member/?segment=%00",
        "/admin/members/member/?q=%00",
        "/admin/members/behaviourevent/?member=%00",
    ],
)
def test_a_null_character_in_an_address_finds_nothing(address: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    assert client.get(address).status_code == 404


def test_the_api_says_what_is_wrong_with_it() -> None:
    _key, text = given_key(Scope.SEGMENTS_READ)
    answer = Caller(text).get("segments/?search=%00")
    assert (answer.status_code, [each["path"] for each in answer.json()["errors"]]) == (422, ["search"])
