from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from core.models import ApiKey
from members.models import Member
from tests.rest import Caller, given_key

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, 4, 0, 15, tzinfo=UTC)


def _limited(calls: int) -> Caller:
    api_key, text = given_key()
    ApiKey.objects.filter(pk=api_key.pk).update(requests_per_minute=calls)
    return Caller(text)


class TestTheLimitOfAKey:
    def test_is_six_thousand_calls_a_minute_unless_changed(self) -> None:
        response = Caller(given_key()[1]).get("members/")

        assert response.headers["RateLimit-Limit"] == "6000"
        assert response.headers["RateLimit-Remaining"] == "5999"

    def test_refuses_what_is_past_it_and_says_when_to_come_back(self) -> None:
        limited = _limited(2)
        with time_machine.travel(START, tick=False):
            assert [limited.put(f"members/m{n}/", {}).status_code for n in range(2)] == [201, 201]
            refused = limited.put("members/m2/", {})

        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert refused.headers["Retry-After"] == "45"
        assert refused.headers["RateLimit-Remaining"] == "0"
        assert refused.headers["RateLimit-Reset"] == "45"
        assert sorted(Member.objects.values_list("external_id", flat=True)) == ["m0", "m1"]

    def test_begins_anew_with_the_next_minute(self) -> None:
        limited = _limited(1)
        with time_machine.travel(START, tick=False) as clock:
            assert limited.get("members/").status_code == 200
            assert limited.get("members/").status_code == 429
            clock.move_to(START + timedelta(seconds=44))
            assert limited.get("members/").status_code == 429
            clock.move_to(START + timedelta(seconds=45))
            assert limited.get("members/").status_code == 200

    def test_is_its_own(self) -> None:
        limited, other = _limited(1), _limited(1)
        with time_machine.travel(START, tick=False):
            limited.get("members/")

            assert limited.get("members/").status_code == 429
            assert other.get("members/").status_code == 200

    def test_counts_refused_calls_too(self) -> None:
        limited = _limited(1)
        with time_machine.travel(START, tick=False):
            assert limited.get("no/such/address/").status_code == 404
            assert limited.get("members/").status_code == 429

    def test_lets_calls_through_when_the_cache_does_not_answer(self, settings) -> None:
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
        }
        limited = _limited(1)

        assert [limited.get("members/").status_code for _each in range(2)] == [200, 200]
