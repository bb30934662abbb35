"""`make chaos`: real processes run a campaign on PostgreSQL and are killed with SIGKILL at named points, then at random.

After each death other processes finish the work, and everything is counted: nobody got anything twice, nobody was lost, and
what nobody can know is listed for a person. The suite proves the same for every single statement, without processes.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.servers import postgres_server

if TYPE_CHECKING:
    from campaigns.models import Campaign

NOW = datetime(2026, 6, 15, 4, tzinfo=UTC)
AFTER_A_CRASH = timedelta(minutes=11)
MEMBERS = 120
COUPONS = 80
UNREACHABLE_EVERY = 10


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process dies: at the n-th statement that looks like `sql`, or at the n-th hand-over to the e-mail provider."""

    name: str
    sql: str = ""
    nth: int = 1
    after: bool = True
    hand_over: bool = False


POINTS = (
    Point("planner: lock taken", r"pg_advisory_xact_lock\("),
    Point("planner: before the enrolments", 'INSERT INTO "campaigns_enrolment"', after=False),
    Point("planner: enrolments written", 'INSERT INTO "campaigns_enrolment"'),
    Point("planner: progress noted, not committed", 'UPDATE "campaigns_campaign" SET .*"planned_day"'),
    Point("stepper: campaign shared", "pg_advisory_xact_lock_shared"),
    Point("stepper: enrolments taken", 'FROM "campaigns_enrolment".* FOR UPDATE SKIP LOCKED'),
    Point("stepper: coupons written", 'INSERT INTO "campaigns_coupon"'),
    Point("stepper: coupons counted", 'UPDATE "campaigns_coupontemplate"'),
    Point("stepper: messages written", 'INSERT INTO "campaigns_delivery"'),
    Point("stepper: outcomes written", 'INSERT INTO "campaigns_stepoutcome"'),
    Point("stepper: decisions written, not committed", 'UPDATE "campaigns_enrolment"'),
    Point("dispatcher: messages claimed, not committed", 'UPDATE "campaigns_delivery".*"attempts"'),
    Point("dispatcher: before the first hand-over", hand_over=True, after=False),
    Point("dispatcher: handed over, not recorded", hand_over=True),
    Point("dispatcher: handed over in the middle", hand_over=True, nth=40),
    Point("dispatcher: a first answer recorded", 'UPDATE "campaigns_delivery".*source'),
    Point("dispatcher: before a later answer is recorded", 'UPDATE "campaigns_delivery".*source', nth=3, after=False),
)


class Failed(AssertionError):
    """Something came twice, or was lost."""


# --- the process that dies


def work(point: Point | None, now: datetime, log: Path) -> None:
    """This function will run all campaigns once in this process, which dies at the point, if there is one."""
    from django.db import connection

    from campaigns.channels import channels
    from campaigns.services.running import run_campaigns

    deaths = _Deaths(point)
    channels._entries["email"] = _provider(log, deaths)
    if point is None or point.hand_over:
        run_campaigns(now=now)
        return
    with connection.execute_wrapper(deaths.at_statement):
        run_campaigns(now=now)


class _Deaths:
    def __init__(self, point: Point | None) -> None:
        self._point = point
        self._numbers = count(1)  # next() on it is atomic: hand-overs run in threads
        self._pattern = re.compile(point.sql, re.DOTALL) if point else None

    def at_statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self._pattern is None or not self._pattern.search(sql):
            return execute(sql, params, many, context)
        number = next(self._numbers)
        self._die(number, after=False)
        result = execute(sql, params, many, context)
        self._die(number, after=True)
        return result

    def at_hand_over(self, hand_over: Callable[[], None]) -> None:
        if self._point is None or not self._point.hand_over:
            hand_over()
            return
        number = next(self._numbers)
        self._die(number, after=False)
        hand_over()
        self._die(number, after=True)

    def _die(self, number: int, *, after: bool) -> None:
        if self._point is not None and self._point.after is after and number == self._point.nth:
            os.kill(os.getpid(), signal.SIGKILL)


def _provider(log: Path, deaths: _Deaths) -> Any:
    """An e-mail provider that honours no keys: every hand-over is one more line in a file that outlives the process."""
    from campaigns.channels import Message, Receipt
    from campaigns.channels.email import Email

    class Provider(Email):
        honours_keys = False

        def send(self, *, message: Message) -> Receipt:
            deaths.at_hand_over(lambda: _append(log, message.key))
            return Receipt()

    return Provider()


def _append(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")


# --- who starts it and counts


def chaos(points: Sequence[Point], rounds: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="rekindle-chaos-") as folder, postgres_server() as server:
        os.environ["DATABASE_URL"] = server.address
        os.environ["REDIS_URL"] = ""
        os.environ["CHAOS_FOLDER"] = folder
        _set_up()
        _populate()
        for point in points:
            _report(point.name, partial(_killed_at, point, Path(folder)))
        dice = random.Random(seed)
        for number in range(1, rounds + 1):
            _report(f"random round {number} (seed {seed})", partial(_killed_at_random, dice, Path(folder)))
    print(f"{len(points)} points and {rounds} random rounds: nothing twice, nothing lost")


def _set_up() -> None:
    import logging

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings

    settings.OUTBOX_DIR = Path(os.environ["CHAOS_FOLDER"]) / "outbox"
    logging.disable(logging.INFO)


def _populate() -> None:
    from django.core.management import call_command

    from members.models import Consent, DirtyMark, Member
    from retention.services.refresh import refresh

    call_command("migrate", verbosity=0)
    for number in range(MEMBERS):
        member = Member.objects.create(
            external_id=f"m{number}", phone=f"+86138{number:08}", email=f"m{number}@example.com", created_at=NOW
        )
        if number % UNREACHABLE_EVERY:
            for channel in ("sms", "email"):
                Consent.objects.create(
                    member=member, channel=channel, granted=True, proof="made up for chaos", changed_at=NOW
                )
        DirtyMark.objects.create(member_id=member.pk)
    refresh(as_of=NOW, now=NOW)


def _campaign() -> Campaign:
    """A campaign with everything that can go wrong: a control group, coupons that run out, two channels."""
    from campaigns.models import Campaign, CouponTemplate
    from campaigns.services.lifecycle import activate, create_campaign

    number = Campaign.objects.count() + 1
    Campaign.objects.exclude(status="finished").update(status="finished")
    CouponTemplate.objects.create(
        slug=f"chaos-{number}", name="Chaos", benefit="fixed", amount_minor=100, total_limit=COUPONS, created_at=NOW
    )
    document = {
        "slug": f"chaos-{number}",
        "name": "Chaos",
        "trigger": {"kind": "manual"},
        "audience": {"everyone": True},
        "control_share": 0.1,
        "steps": [
            {"kind": "issue_coupon", "template": f"chaos-{number}"},
            {"kind": "send_message", "channel": "sms", "body": "{{ coupon.code }}"},
            {"kind": "send_message", "channel": "email", "body": "{{ coupon.code }}"},
        ],
    }
    return activate(campaign_id=create_campaign(document=document, now=NOW).pk, now=NOW)


def _start(log: Path, *, now: datetime, point: Point | None = None) -> subprocess.Popen[bytes]:
    death = [] if point is None else ["--point", point.name, "--nth", str(point.nth), *["--after"] * point.after]
    command = [sys.executable, "-m", "tools.chaos", "work", "--now", now.isoformat(), "--log", str(log), *death]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def _finish_the_work(log: Path) -> None:
    """Two at once, as after an outage; one more for what the first two left each other."""
    for together in (2, 1):
        for process in [_start(log, now=NOW + AFTER_A_CRASH) for _number in range(together)]:
            _told, errors = process.communicate()
            if process.returncode:
                raise Failed(f"a process that should have finished the work failed:\n{errors.decode()[-2000:]}")


def _killed_at(point: Point, folder: Path) -> str:
    campaign, log = _campaign(), folder / "handed-over"
    log.write_text("")
    process = _start(log, now=NOW, point=point)
    process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise Failed(f"the process did not die there; it ended with {process.returncode}")
    _finish_the_work(log)
    return _count(campaign, log)


def _killed_at_random(dice: random.Random, folder: Path) -> str:
    """Eight processes at once, each of which dies at a statement of its own; whoever gets that far died in the middle."""
    campaign, log = _campaign(), folder / "handed-over"
    log.write_text("")
    doomed = [Point("any statement", nth=dice.randint(3, 50), after=dice.random() < 0.5) for _number in range(8)]
    processes = [_start(log, now=NOW, point=point) for point in doomed]
    for process in processes:
        process.communicate()
    _finish_the_work(log)
    died = sum(process.returncode == -signal.SIGKILL for process in processes)
    return f"{_count(campaign, log)}; {died} of 8 died"


def _count(campaign: Campaign, log: Path) -> str:
    """This function will raise Failed unless everything is there exactly once, and say what there is."""
    from campaigns.models import Coupon, CouponTemplate, Delivery, Enrolment
    from core.registry import checks

    rows = Enrolment.objects.filter(campaign=campaign)
    statuses = Counter(rows.values_list("status", flat=True))
    fired = statuses["fired"]
    messages = Delivery.objects.filter(campaign_id=campaign.pk)
    states = Counter(messages.values_list("channel", "state"))
    handed_over = Counter(log.read_text().split())
    files = {path.stem for path in Path(os.environ["CHAOS_FOLDER"], "outbox", "sms").glob("*.json")}
    keys = {
        channel: set(messages.filter(channel=channel).values_list("idempotency_key", flat=True))
        for channel in ("sms", "email")
    }
    sent = set(messages.filter(channel="email", state="sent").values_list("idempotency_key", flat=True))
    for claim, holds in {
        "everyone became due once": rows.count() == MEMBERS,
        "nobody waits, nobody failed": not statuses["waiting"] and not statuses["failed"],
        "the coupons that there were went out": fired == COUPONS,
        "each who was fired has one coupon": Coupon.objects.filter(enrolment_id__in=rows.values("pk")).count() == fired,
        "coupons are counted": CouponTemplate.objects.get(slug=campaign.slug).issued == fired,
        "each SMS is one file": keys["sms"] <= files and states["sms", "sent"] == fired,
        "no e-mail was handed over twice": max(handed_over.values(), default=1) == 1,
        "no e-mail is called sent that was not": sent <= handed_over.keys(),
        "every e-mail is sent or unknown": states["email", "sent"] + states["email", "unknown"] == fired,
    }.items():
        if not holds:
            raise Failed(f"it is not true that {claim}: {dict(statuses)}, {dict(states)}")
    contradictions = [sentence for check in checks for sentence in check.rows()]
    if contradictions:
        raise Failed("; ".join(contradictions))
    unknown = states["email", "unknown"]
    return f"fired {fired}, held out {statuses['held_out']}, suppressed {statuses['suppressed']}, unknown {unknown}"


def _report(name: str, run: Callable[[], str]) -> None:
    try:
        print(f"{name:<50} {run()}", flush=True)
    except Failed as error:
        print(f"{name:<50} FAILED: {error}", flush=True)
        raise SystemExit(1) from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["all", "work"], default="all")
    parser.add_argument("--rounds", type=int, default=3, help="random rounds of eight processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--point", default="", help="only points with this in their name")
    parser.add_argument("--now", type=datetime.fromisoformat, default=NOW)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--after", action="store_true")
    return parser.parse_args()


def _point(given: argparse.Namespace) -> Point | None:
    if not given.point:
        return None
    named = {point.name: point for point in POINTS}
    return named.get(given.point) or Point(given.point, nth=given.nth, after=given.after)


if __name__ == "__main__":
    given = _arguments()
    if given.what == "work":
        _set_up()
        work(_point(given), given.now, given.log)
    else:
        chaos([point for point in POINTS if given.point in point.name], given.rounds, given.seed)
