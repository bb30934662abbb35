"""Birthdays by the member's own calendar: zones, leap days, missed days, summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.models import Campaign
from campaigns.services.lifecycle import pause, resume
from campaigns.services.planning import plan_campaigns
from members.models import BirthdayPolicy, LeapDay
from members.services.birthdays import birth_keys
from tests.campaign_factories import know_everybody, make_running, occurrences
from tests.factories import make_member

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")
JUNE_20 = 620


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def birthday_campaign(*, started: datetime, **trigger: Any) -> Campaign:
    know_everybody(as_of=started)
    return make_running(now=started, trigger={"kind": "date", **trigger})


def first_planned(campaign: Campaign, *, start: datetime, hours: int) -> dict[str, datetime]:
    """This function will plan every half hour and tell when each member became due for the first time."""
    found: dict[str, datetime] = {}
    for half_hour in range(hours * 2):
        now = start + timedelta(minutes=30 * half_hour)
        plan_campaigns(now=now)
        for name, _occasion in occurrences(campaign):
            found.setdefault(name, now)
    return found


class TestBirthdayHour:
    def test_comes_at_nine_on_the_day_where_the_member_lives(self):
        """Trap 25: from 14 hours ahead of Greenwich to 12 behind it, nobody is a day early or late."""
        zones = {
            "kiritimati": "Pacific/Kiritimati",
            "tokyo": "Asia/Tokyo",
            "shop": "",
            "london": "Europe/London",
            "st-johns": "America/St_Johns",
            "los-angeles": "America/Los_Angeles",
            "baker": "Etc/GMT+12",
        }
        for name, zone in zones.items():
            make_member(name, birth_key=JUNE_20, time_zone=zone)
        campaign = birthday_campaign(started=at("2026-06-15T12:00"))

        due = first_planned(campaign, start=datetime(2026, 6, 18, tzinfo=UTC), hours=84)

        assert due == {
            "kiritimati": datetime(2026, 6, 19, 19, 0, tzinfo=UTC),
            "tokyo": datetime(2026, 6, 20, 0, 0, tzinfo=UTC),
            "shop": datetime(2026, 6, 20, 1, 0, tzinfo=UTC),
            "london": datetime(2026, 6, 20, 8, 0, tzinfo=UTC),
            "st-johns": datetime(2026, 6, 20, 11, 30, tzinfo=UTC),
            "los-angeles": datetime(2026, 6, 20, 16, 0, tzinfo=UTC),
            "baker": datetime(2026, 6, 20, 21, 0, tzinfo=UTC),
        }
        assert {occasion for _name, occasion in occurrences(campaign)} == {"birth_date:2026"}

    def test_of_a_zone_that_does_not_exist_is_the_shops(self):
        make_member("anna", birth_key=JUNE_20, time_zone="Mars/Olympus")
        campaign = birthday_campaign(started=at("2026-06-15T12:00"))

        plan_campaigns(now=at("2026-06-20T08:59"))
        assert occurrences(campaign) == []
        plan_campaigns(now=at("2026-06-20T09:00"))
        assert occurrences(campaign) == [("anna", "birth_date:2026")]

    def test_comes_once_on_the_day_the_clocks_change(self):
        """On 29 March 2026 02:30 does not exist in Berlin; on 25 October it comes twice."""
        make_member("spring", birth_key=329, time_zone="Europe/Berlin")
        make_member("autumn", birth_key=1025, time_zone="Europe/Berlin")
        campaign = birthday_campaign(started=at("2026-03-20T12:00"), at="02:30")

        spring = first_planned(campaign, start=datetime(2026, 3, 28, 12, tzinfo=UTC), hours=36)
        know_everybody(as_of=at("2026-10-20T12:00"))
        autumn = first_planned(campaign, start=datetime(2026, 10, 24, 12, tzinfo=UTC), hours=36)

        assert spring == {"spring": datetime(2026, 3, 29, 1, 30, tzinfo=UTC)}
        assert autumn["autumn"] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        assert sorted(occurrences(campaign)) == [("autumn", "birth_date:2026"), ("spring", "birth_date:2026")]

    def test_takes_whoever_is_met_later_on_the_day_itself(self):
        campaign = birthday_campaign(started=at("2026-06-20T10:00"))
        plan_campaigns(now=at("2026-06-20T10:01"))
        make_member("anna", birth_key=JUNE_20)
        know_everybody(as_of=at("2026-06-20T11:00"))

        plan_campaigns(now=at("2026-06-20T23:59"))

        assert occurrences(campaign) == [("anna", "birth_date:2026")]

    def test_is_that_of_days_before_where_so_decided(self):
        make_member("anna", birth_key=JUNE_20)
        campaign = birthday_campaign(started=at("2026-06-10T12:00"), days_before=3)

        due = first_planned(campaign, start=at("2026-06-16T00:00"), hours=48)

        assert due == {"anna": at("2026-06-17T09:00")}

    def test_names_the_year_of_the_birthday_across_new_year(self):
        make_member("anna", birth_key=102)
        campaign = birthday_campaign(started=at("2026-12-20T12:00"), days_before=5)

        plan_campaigns(now=at("2026-12-28T09:00"))

        assert occurrences(campaign) == [("anna", "birth_date:2027")]

    def test_comes_every_year(self):
        make_member("anna", birth_key=JUNE_20)
        campaign = birthday_campaign(started=at("2026-06-10T12:00"))

        for year in (2026, 2027, 2028):
            plan_campaigns(now=at(f"{year}-06-20T12:00"))

        assert [occasion for _name, occasion in occurrences(campaign)] == [
            "birth_date:2026",
            "birth_date:2027",
            "birth_date:2028",
        ]


class TestMissedDays:
    def test_are_made_up_for_a_week_back(self):
        for day in range(12, 21):
            make_member(f"day-{day}", birth_key=600 + day)
        campaign = birthday_campaign(started=at("2026-06-01T12:00"))
        plan_campaigns(now=at("2026-06-11T12:00"))

        plan_campaigns(now=at("2026-06-20T12:00"))

        assert [name for name, _occasion in occurrences(campaign)] == [f"day-{day}" for day in range(13, 21)]

    def test_before_the_campaign_started_are_not(self):
        make_member("day-19", birth_key=619)
        make_member("day-20", birth_key=620)
        campaign = birthday_campaign(started=at("2026-06-20T10:00"))

        plan_campaigns(now=at("2026-06-20T10:01"))

        assert [name for name, _occasion in occurrences(campaign)] == ["day-20"]

    def test_during_a_pause_are(self):
        make_member("anna", birth_key=JUNE_20)
        campaign = birthday_campaign(started=at("2026-06-18T12:00"))
        pause(campaign_id=campaign.pk, now=at("2026-06-19T12:00"))
        plan_campaigns(now=at("2026-06-20T12:00"))
        resume(campaign_id=campaign.pk, now=at("2026-06-21T08:00"))

        plan_campaigns(now=at("2026-06-21T08:00"))

        assert occurrences(campaign) == [("anna", "birth_date:2026")]

    def test_do_not_come_again_when_nothing_was_missed(self):
        """Whoever comes into the audience days after the birthday is not greeted then."""
        campaign = birthday_campaign(started=at("2026-06-18T12:00"))
        for day in (19, 20, 21, 22):
            plan_campaigns(now=at(f"2026-06-{day}T12:00"))
        make_member("anna", birth_key=JUNE_20)
        know_everybody(as_of=at("2026-06-22T13:00"))

        plan_campaigns(now=at("2026-06-22T14:00"))

        assert occurrences(campaign) == []


class TestLeapDay:
    """Trap 26: whoever was born on 29 February has a birthday every year, on the day the form says."""

    @pytest.mark.parametrize(
        ("leap_day", "year", "expected"),
        [
            ("feb_28", 2026, "2026-02-28"),
            ("mar_1", 2026, "2026-03-01"),
            ("feb_28", 2028, "2028-02-29"),
            ("mar_1", 2028, "2028-02-29"),
        ],
    )
    def test_comes_on_its_day(self, leap_day, year, expected):
        make_member("leap", birth_key=229)
        campaign = birthday_campaign(started=at(f"{year}-02-20T12:00"), leap_day=leap_day)

        due = first_planned(campaign, start=at(f"{year}-02-27T00:00"), hours=96)

        assert {name: due[name].astimezone(SHANGHAI).date().isoformat() for name in due} == {"leap": expected}
        assert occurrences(campaign) == [("leap", f"birth_date:{year}")]

    def test_shares_the_day_with_those_born_on_it(self):
        assert birth_keys(date(2026, 2, 28), LeapDay.FEB_28) == (228, 229)
        assert birth_keys(date(2028, 2, 28), LeapDay.FEB_28) == (228,)
        assert birth_keys(date(2028, 2, 29), LeapDay.FEB_28) == (229,)
        assert birth_keys(date(2026, 3, 1), LeapDay.MAR_1) == (301, 229)
        assert birth_keys(date(2100, 2, 28), LeapDay.FEB_28) == (228, 229)

    def test_follows_the_shop_unless_the_campaign_says_otherwise(self):
        make_member("leap", birth_key=229)
        BirthdayPolicy.objects.create(leap_day="leap_years")
        as_shop = birthday_campaign(started=at("2026-02-20T12:00"))
        own = birthday_campaign(started=at("2026-02-20T12:00"), leap_day="mar_1")

        for day in ("2026-02-28", "2026-03-01"):
            plan_campaigns(now=at(f"{day}T10:00"))
        assert (occurrences(as_shop), occurrences(own)) == ([], [("leap", "birth_date:2026")])


class TestALunarBirthday:
    """2025 has a leap sixth month: 25 June and 25 July each begin one."""

    def test_comes_on_its_lunar_day_once_a_lunar_year(self):
        make_member("plain", birth_key=601, birth_calendar="lunar")
        make_member("leap", birth_key=601, birth_calendar="lunar_leap")
        make_member("solar", birth_key=601)
        campaign = birthday_campaign(started=at("2025-06-10T12:00"))

        due = first_planned(campaign, start=at("2025-06-24T08:00"), hours=36)
        assert set(due) == {"plain"}
        due = first_planned(campaign, start=at("2025-07-24T08:00"), hours=36)
        assert occurrences(campaign) == [("plain", "birth_date:2025"), ("leap", "birth_date:2025")]

    def test_after_new_year_belongs_to_the_lunar_year_that_ends(self):
        make_member("late", birth_key=1230, birth_calendar="lunar")
        campaign = birthday_campaign(started=at("2026-02-10T12:00"))

        due = first_planned(campaign, start=at("2026-02-15T00:00"), hours=60)
        assert due["late"].astimezone(SHANGHAI).date() == date(2026, 2, 16)
        assert occurrences(campaign) == [("late", "birth_date:2025")]
