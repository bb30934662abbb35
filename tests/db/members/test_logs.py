from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from campaigns.management.commands import tick
from campaigns.services.running import run_campaigns
from core.errors import told
from members.models import Member
from members.services.erasure import erase_member
from members.services.identity import merge_members, undo_merge
from retention.services.refresh import refresh
from tests.campaign_factories import EMAIL, SMS, make_running
from tests.db.members.test_erasure import SECRETS, event, item, live, order
from tests.factories import NOW
from tests.rest import caller

pytestmark = pytest.mark.django_db

OURS = ("core", "members", "retention", "campaigns", "config", "rules", "django.request", "django.server", "celery")


def lines(caplog: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) for record in caplog.records if record.name.startswith(OURS))


def named(text: str) -> set[str]:
    return {secret for secret in SECRETS if secret in text}


class TestLogs:
    def test_name_nobody_in_anything_that_happens_to_a_member(
        self, caplog: pytest.LogCaptureFixture, tmp_path: Path, settings: Any
    ) -> None:
        caplog.set_level(logging.DEBUG)
        member = live()
        make_running(steps=[SMS, EMAIL])
        run_campaigns(now=NOW)
        api = caller()
        bad = {**item("wang-0001"), "phone": "13800138000", "email": "xiaoming@example.com@13800138000"}
        assert api.put("members/wang-0001/", bad).status_code == 422
        assert api.post("members/wang-0001/points/redeem/", {"points": 10**6, "reference": "vip-whisper"}).status_code == 409
        assert api.get("members/wang-old-9/").status_code == 404
        assert api.post("events/bulk/", {"items": [event("e-9", "wang-0001"), {"id": "wang-0001"}]}).status_code == 200
        assert api.post("orders/bulk/", {"items": [order("o-9", "wang-old-9"), {"remark": "ring twice"}]}).status_code == 200
        file = tmp_path / "people.csv"
        file.write_text("external_id,name,registered_at\nwang-0001,Wang Xiaoming,13800138000 is no date\n")
        with pytest.raises(CommandError):
            call_command("import_members", str(file))
        record = merge_members(keep=member.pk, drop=Member.objects.get(external_id="wang-old-9").pk, now=NOW, by="clerk")
        undo_merge(merge_id=record.pk, now=NOW, by="clerk")
        refresh(as_of=NOW, full=True)
        erase_member(member_id=member.pk, now=NOW, by="clerk")
        call_command(tick.Command(), now=NOW.isoformat())
        assert len(lines(caplog)) > 1_000
        # Django names the address of a refused request, and the id in it; nothing else that is personal.
        assert named(lines(caplog)) <= {"wang-0001", "wang-old-9"}

    def test_say_of_foreign_errors_the_kind_alone(self) -> None:
        assert named(told(ValueError("Wang Xiaoming"))) == set()
