from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from campaigns.models import MonthlyPolicy, MonthlyReport, MonthlyState
from campaigns.services.lifecycle import finish
from campaigns.services.monthly.content import month_content
from campaigns.services.monthly.keeping import MonthNotOver, make_monthly, monthly_due, send_monthly
from campaigns.services.monthly.words import month_words
from retention.models import DaySnapshot
from retention.selectors.overview import Overview
from retention.services.refresh import refresh
from tests.campaign_factories import know_everybody, make_running
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db

MAY = date(2026, 5, 1)
FIRST_OF_JUNE = datetime(2026, 6, 1, 1, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "OUTBOX_DIR", tmp_path)
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
    return tmp_path / "email"


def sell() -> None:
    """Two orders in May, one of them refunded by half, one in April, one that was cancelled."""
    old, fresh = make_member(), make_member()
    make_order(old, placed_at=datetime(2026, 4, 30, 15, 59, tzinfo=UTC), total_minor=5_000)  # 23:59 in the shop
    make_order(old, placed_at=datetime(2026, 4, 30, 16, 0, tzinfo=UTC), total_minor=8_000, refunded_minor=4_000)
    make_order(fresh, placed_at=datetime(2026, 5, 31, 15, 59, tzinfo=UTC), total_minor=6_000)
    make_order(fresh, placed_at=datetime(2026, 5, 9, tzinfo=UTC), total_minor=99_000, status="cancelled")
    refresh(as_of=FIRST_OF_JUNE)


class TestContent:
    def test_counts_the_months_own_days_on_the_shops_calendar(self) -> None:
        sell()
        content = month_content(month=MAY)
        assert content["trade"] == {
            "orders": 2,
            "buyers": 2,
            "new_buyers": 1,
            "revenue_minor": 10_000,
            "discount_minor": 0,
            "average_minor": 5_000,
        }
        assert (content["trade_before"]["orders"], content["trade_before"]["new_buyers"]) == (1, 1)

    def test_names_the_campaigns_that_ran_in_it_on_the_shops_calendar(self) -> None:
        """1 June begins in the shop at 16:00 UTC on 31 May: who starts then did nothing in May."""
        know_everybody()
        inside = make_running(now=datetime(2026, 5, 31, 15, 59, tzinfo=UTC), slug="inside")
        make_running(now=datetime(2026, 5, 31, 16, 0, tzinfo=UTC), slug="june")
        over = make_running(now=datetime(2026, 4, 2, tzinfo=UTC), slug="over")
        finish(campaign_id=over.pk, now=datetime(2026, 4, 30, 15, 59, tzinfo=UTC))
        assert [row["slug"] for row in month_content(month=MAY)["campaigns"]] == [inside.slug]

    def test_does_not_know_levels_of_days_that_were_not_kept(self) -> None:
        sell()
        content = month_content(month=MAY)
        assert content["figures"]["active"] == [None, None]
        assert content["standing"] is None

    def test_reads_levels_from_the_last_kept_day_and_counters_by_their_growth(self) -> None:
        for day, active, sent in ((date(2026, 4, 30), 10, 100), (date(2026, 5, 30), 14, 130), (date(2026, 5, 10), 1, 1)):
            DaySnapshot.objects.create(
                day=(day - date(1970, 1, 1)).days,
                as_of=NOW,
                run_id=0,
                standing=Overview(0, 0, 0, 0, 0, {}, {}).as_json(),
                figures={"active": [active, None], "messages_sent": [sent, None]},
                kept_at=NOW,
            )
        figures = month_content(month=MAY)["figures"]
        assert (figures["active"], figures["messages_sent"]) == ([[14, None], [10, None]], [[30, None], None])


class TestMaking:
    def test_opens_with_a_sentence_with_numbers(self) -> None:
        sell()
        make_running(now=datetime(2026, 5, 5, tzinfo=UTC))
        words = month_words(make_monthly(month=MAY, now=FIRST_OF_JUNE))
        assert words.headline == "May 2026: ¥100 from 2 members, +100.0% against the month before."
        assert [each.outcome for each in words.campaigns] == ["Without a control group nobody can say what it earned."]

    def test_has_words_for_a_month_without_anything(self) -> None:
        words = month_words(make_monthly(month=MAY, now=FIRST_OF_JUNE))
        assert words.headline == "May 2026 brought no orders."
        assert {row.now for row in words.members} == {"not known"}

    def test_refuses_a_month_that_is_not_over(self) -> None:
        with pytest.raises(MonthNotOver):
            make_monthly(month=MAY, now=datetime(2026, 5, 31, 15, 59, tzinfo=UTC))
        assert not MonthlyReport.objects.exists()

    def test_leaves_one_that_was_sent_as_it_was_sent(self) -> None:
        report = make_monthly(month=MAY, now=FIRST_OF_JUNE)
        MonthlyReport.objects.filter(pk=report.pk).update(state=MonthlyState.SENT)
        sell()
        assert make_monthly(month=MAY, now=FIRST_OF_JUNE).content["trade"]["orders"] == 0


class TestSending:
    def test_makes_and_sends_last_month_once(self, outbox: Path) -> None:
        sell()
        MonthlyPolicy.objects.create(recipients="boss@example.com\nanalyst@example.com", language="en")
        ran = [monthly_due(now=FIRST_OF_JUNE + timedelta(days=days)) for days in (0, 0, 1)]
        assert ran == [{"made": 1, "sent": 1}, {"made": 0, "sent": 0}, {"made": 0, "sent": 0}]
        [letter] = outbox.iterdir()
        assert letter.name == "monthly-2026-05.eml"
        report = MonthlyReport.objects.get()
        assert (report.state, report.sent_to) == (MonthlyState.SENT, 2)

    def test_sends_nothing_while_nobody_is_on_the_list(self, outbox: Path) -> None:
        sell()
        assert monthly_due(now=FIRST_OF_JUNE) == {"made": 1, "sent": 0}
        assert (MonthlyReport.objects.get().state, outbox.exists()) == (MonthlyState.MADE, False)

    def test_does_not_send_what_another_process_is_sending(self, outbox: Path) -> None:
        MonthlyPolicy.objects.create(recipients="boss@example.com", language="en")
        report = make_monthly(month=MAY, now=FIRST_OF_JUNE)
        MonthlyReport.objects.update(state=MonthlyState.SENDING)
        assert send_monthly(report=report, now=FIRST_OF_JUNE) is False
        assert not outbox.exists()

    def test_tries_again_what_certainly_did_not_leave(self, settings: object, outbox: Path) -> None:
        outbox.parent.joinpath("email").write_text("a file where the folder should be")
        MonthlyPolicy.objects.create(recipients="boss@example.com", language="en")
        report = make_monthly(month=MAY, now=FIRST_OF_JUNE)
        assert send_monthly(report=report, now=FIRST_OF_JUNE) is False
        report.refresh_from_db()
        assert (report.state, report.attempts) == (MonthlyState.MADE, 1)
        outbox.unlink()
        assert send_monthly(report=report, now=FIRST_OF_JUNE) is True
