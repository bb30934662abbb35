"""`manage.py run_campaigns`."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.campaign_factories import know_everybody, make_reachable, make_running, occurrences
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("run_campaigns", *arguments, stdout=out)
    return out.getvalue()


class TestRunCampaignsCommand:
    def test_prints_its_counts_as_json(self):
        make_reachable("anna")
        know_everybody()
        make_running()

        assert json.loads(run("--now", NOW.isoformat(), "--json")) == {"due": 1, "fired": 1, "sent": 1}
        assert json.loads(run("--now", NOW.isoformat(), "--json")) == {"due": 0}

    def test_takes_an_instant_without_an_offset_for_the_shops_time(self):
        make_reachable("anna")
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"})

        run("--now", "2026-06-16T08:59:59")
        assert occurrences(campaign) == []
        run("--now", "2026-06-16T09:00:00")
        assert occurrences(campaign) == [("anna", "2026-06-16")]

    @pytest.mark.parametrize(
        "text", ["tomorrow", "2026-13-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"]
    )
    def test_refuses_what_is_no_instant(self, text):
        with pytest.raises(CommandError, match="--now"):
            run("--now", text)
