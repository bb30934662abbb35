from __future__ import annotations

from datetime import time

import pytest
from django.test import Client
from django.urls import reverse

from core.models import ApiKey, AuditRecord, ClockEntry
from core.services.clock import ensure_entries, run_work
from core.services.keys import authenticate, create_api_key
from retention.models import LifecycleBands, SampleProof, Upkeep
from tests.db.admin.conftest import text_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db
EITHER = "Give either a number of seconds or an hour of the day, not both."


class TestApiKeys:
    def test_are_shown_once_and_open_the_api(self, admin: Client) -> None:
        answer = admin.post(reverse("admin:core_apikey_add"), {"name": "till", "scopes": ["coupons:redeem"]})
        text = answer.context["text"]
        found = authenticate(key=text, now=NOW)
        assert found is not None
        assert (found.name, found.scopes) == ("till", ["coupons:redeem"])
        assert (text in text_of(answer), "no-store" in answer["Cache-Control"]) == (True, True)
        assert text not in text_of(admin.get(reverse("admin:core_apikey_changelist")))
        assert not AuditRecord.objects.filter(changes__icontains=text).exists()

    def test_need_a_scope(self, admin: Client) -> None:
        answer = admin.post(reverse("admin:core_apikey_add"), {"name": "till"})
        assert (list(answer.context["form"].errors), ApiKey.objects.count()) == (["scopes"], 0)

    def test_are_revoked_after_asking(self, admin: Client) -> None:
        key, text = create_api_key(name="till", scopes=["members:read"], now=NOW)
        page = reverse("admin:core_apikey_revoke", args=[key.pk])
        admin.get(page)
        assert authenticate(key=text, now=NOW) is not None
        admin.post(page)
        assert authenticate(key=text, now=NOW) is None


class TestClock:
    def page(self, code: str) -> str:
        ensure_entries(now=NOW)
        return reverse("admin:core_clockentry_change", args=[ClockEntry.objects.get(code=code).pk])

    def test_takes_another_hour(self, admin: Client) -> None:
        admin.post(self.page("retention.nightly"), {"enabled": "on", "daily_at": "02:30"})
        assert ClockEntry.objects.get(code="retention.nightly").daily_at == time(2, 30)

    def test_refuses_seconds_and_an_hour_at_once(self, admin: Client) -> None:
        data = {"enabled": "on", "daily_at": "02:30", "every_seconds": "60"}
        answer = admin.post(self.page("retention.nightly"), data)
        assert answer.context["form"].non_field_errors() == [EITHER]

    def test_refuses_neither(self, admin: Client) -> None:
        answer = admin.post(self.page("retention.nightly"), {"enabled": "on"})
        assert answer.context["form"].non_field_errors() == [EITHER]

    def test_says_how_often_in_words(self, admin: Client) -> None:
        ensure_entries(now=NOW)
        shown = text_of(admin.get(reverse("admin:core_clockentry_changelist")))
        assert ("daily at 03:00" in shown, "every minute" in shown) == (True, True)

    def test_a_work_that_failed_needs_somebody(self, admin: Client) -> None:
        ensure_entries(now=NOW)
        ClockEntry.objects.filter(code="retention.refresh").update(error="no disk")
        shown = text_of(admin.get(reverse("admin:index")))
        assert "failed when it last ran" in shown


class TestBands:
    def test_are_one_row_made_when_first_looked_at(self, admin: Client) -> None:
        page = admin.get(reverse("admin:retention_lifecyclebands_changelist"), follow=True)
        assert (page.status_code, LifecycleBands.objects.count()) == (200, 1)

    def test_refuse_to_descend(self, admin: Client) -> None:
        LifecycleBands.objects.get_or_create(pk=1)
        page = reverse("admin:retention_lifecyclebands_change", args=[1])
        data = {"new_days": 30, "at_risk_ratio": 4, "dormant_ratio": 2, "lost_ratio": 8, "reactivated_days": 30}
        answer = admin.post(page, data)
        assert "Each band begins past the one before" in text_of(answer)
        assert LifecycleBands.objects.get().at_risk_ratio == 2.0


class TestToday:
    def test_says_that_no_clock_ticks_and_how_to_start_it(self, admin: Client) -> None:
        assert "No clock is ticking" in text_of(admin.get(reverse("admin:index")))

    def test_says_nothing_while_the_clock_ticks(self, admin: Client) -> None:
        ensure_entries(now=NOW)
        run_work(code="core.forget_answers", now=NOW)
        assert "No clock is ticking" not in text_of(admin.get(reverse("admin:index")))


class TestFreshness:
    def test_is_one_row_that_a_person_tunes(self, admin: Client) -> None:
        page = admin.get(reverse("admin:retention_upkeep_changelist"), follow=True)
        assert (page.status_code, Upkeep.objects.count()) == (200, 1)
        admin.post(reverse("admin:retention_upkeep_change", args=[1]), {"stale_days": 3, "proved_members": 500})
        assert Upkeep.objects.values_list("stale_days", "proved_members").get() == (3, 500)

    def test_is_a_day_at_least(self, admin: Client) -> None:
        Upkeep.objects.get_or_create(pk=1)
        page = reverse("admin:retention_upkeep_change", args=[1])
        shown = text_of(admin.post(page, {"stale_days": 0, "proved_members": 500}))
        assert "one day is the shortest" in shown
        assert Upkeep.objects.get().stale_days == 7


class TestProofs:
    def test_say_what_was_found_in_words(self, admin: Client) -> None:
        facts = {"kind": "facts", "member": "li", "columns": [["order_count", None, 1]]}
        segment = {"kind": "segment", "segment": "b", "name": "Buyers", "count": 2, "members": ["li", "wu"]}
        proof = SampleProof.objects.create(proved_at=NOW, as_of=NOW, members=9, findings=[facts, segment])
        shown = text_of(admin.get(reverse("admin:retention_sampleproof_change", args=[proof.pk])))
        assert "Member li: orders was missing instead of 1" in shown
        assert "Segment “Buyers”: 2 members stood wrong (li, wu)" in shown
