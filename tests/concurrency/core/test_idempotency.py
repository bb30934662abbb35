"""Two calls with one Idempotency-Key at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction

from core.models import ApiKey, IdempotencyRecord
from core.services.answers import stored_answer
from members.models import DirtyMark, Member
from tests.rest import Caller, given_key

pytestmark = pytest.mark.django_db(transaction=True)


def _hold(api_key: ApiKey, held: Event, release: Event) -> None:
    try:
        with transaction.atomic():
            stored_answer(api_key=api_key, key="k1", request_hash="of the call under way")
            held.set()
            release.wait(timeout=20)
    finally:
        connection.close()


@pytest.mark.postgresql
class TestACallWhoseTwinStillRuns:
    def test_is_told_to_try_again_and_does_nothing(self) -> None:
        api_key, text = given_key()
        held, release = Event(), Event()
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(_hold, api_key, held, release)
            assert held.wait(timeout=20)

            response = Caller(text).put("members/x/", {}, headers={"Idempotency-Key": "k1"})
            other_key = Caller(text).put("members/y/", {}, headers={"Idempotency-Key": "k2"})

            release.set()
            under_way.result()
        assert (response.status_code, response.json()["code"]) == (409, "idempotent_call_under_way")
        assert response.headers["Retry-After"] == "1"
        assert other_key.status_code == 201
        assert list(Member.objects.values_list("external_id", flat=True)) == ["y"]
        assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["k2"]
        assert Caller(text).put("members/x/", {}, headers={"Idempotency-Key": "k1"}).status_code == 201


class TestEightTwinsAtOnce:
    def test_do_the_work_once(self) -> None:
        _api_key, text = given_key()

        def call(_number: int) -> int:
            try:
                return Caller(text).put("members/x/", {"name": "a"}, headers={"Idempotency-Key": "k1"}).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(call, range(8)))

        assert set(answers) <= {201, 409}
        assert answers.count(201) >= 1
        assert (Member.objects.count(), DirtyMark.objects.count(), IdempotencyRecord.objects.count()) == (1, 1, 1)
