"""The demonstration: a real retailer's year, three campaigns, a report, and a product that is alive."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from campaigns.management.demo.replay import replay, set_up
from campaigns.management.demo.report import build_report, print_report
from campaigns.management.demo.source import last_day_of_source, read_year, whole_weeks_to_yesterday
from core.conf import shop_zone
from core.models import Job
from members.models import Member

REPORT_FILE = "demo-report.json"
JOB = "demo"
LOGIN = "demo"


class Command(BaseCommand):
    help = "Play the demonstration year, report, serve. SERVE=0: stop after the report; RESET=1: start over; PORT=: where."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(width=max(Console().width, 100))
        var = Path(settings.VAR_DIR)
        call_command("migrate", verbosity=0)
        _refuse_a_shops_own_database()
        if os.environ.get("RESET") == "1":
            call_command("flush", interactive=False, verbosity=0)
        report = self._played(console)
        var.joinpath(REPORT_FILE).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        print_report(report, console)
        console.print(f"The same as JSON: var/{REPORT_FILE}")
        if os.environ.get("SERVE", "1") != "0":
            serve(console, port=_port(), password=_login(var))

    def _played(self, console: Console) -> dict[str, Any]:
        """A year that was played to its end is told again from its stored report; one that was stopped goes on."""
        job = Job.objects.filter(kind=JOB).order_by("pk").first() or _new_job()
        if job.state == Job.State.DONE:
            return dict(job.result["report"])
        shift_weeks = int(job.result["shift_weeks"])
        console.print(f"reading the year of The Complete Journey, moved by {shift_weeks} whole weeks")
        year = read_year(shift_weeks=shift_weeks)
        if not job.result.get("set_up"):
            set_up(year, say=console.print)
            Job.objects.filter(pk=job.pk).update(result={**job.result, "set_up": True}, state=Job.State.RUNNING)
        replay(year, job, say=console.print)
        report = build_report(year, shift_weeks=shift_weeks)
        job.refresh_from_db()
        Job.objects.filter(pk=job.pk).update(
            result={**job.result, "report": report}, state=Job.State.DONE, finished_at=datetime.now(UTC)
        )
        return report


def _refuse_a_shops_own_database() -> None:
    """The year must not be poured over a shop's members, nor a reset empty them."""
    if Member.objects.exists() and not Job.objects.filter(kind=JOB).exists():
        raise CommandError(
            "This database holds members that are not the demonstration's. Unset DATABASE_URL, or name an empty database."
        )


def _new_job() -> Job:
    now = datetime.now(UTC)
    shift_weeks = whole_weeks_to_yesterday(last_day_of_source(), now.astimezone(shop_zone()).date())
    return Job.objects.create(kind=JOB, created_at=now, result={"shift_weeks": shift_weeks})


def _port() -> int:
    value = os.environ.get("PORT", "8000")
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise CommandError(f"PORT is {value!r}; it must be a number from 1 to 65535.")
    return int(value)


def _login(var: Path) -> str:
    """The administrator's password is drawn once and kept beside the database, so that a second run prints the same."""
    kept = var / "demo-password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(9))
    password = kept.read_text()
    users = get_user_model().objects
    user, _made = users.get_or_create(username=LOGIN, defaults={"is_staff": True, "is_superuser": True})
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return password


def serve(console: Console, *, port: int, password: str) -> None:
    """This function will serve admin and API until Ctrl-C or a request to end, with the clock running beside."""
    web = [
        "-m",
        "gunicorn",
        "config.wsgi:application",
        "--bind",
        f"127.0.0.1:{port}",
        "--threads",
        "4",
        "--no-control-socket",
    ]
    clock = [str(Path(settings.BASE_DIR) / "manage.py"), "tick", "--loop"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    processes = [subprocess.Popen([sys.executable, *command], cwd=settings.BASE_DIR) for command in (web, clock)]
    console.print(f"Serving http://127.0.0.1:{port}/ - log in as {LOGIN} with password {password}. Ctrl-C stops.")
    try:
        processes[0].wait()
    except KeyboardInterrupt:
        console.print("Stopping.")
        return
    finally:
        _end(processes)
    raise CommandError(f"The web server stopped by itself. Is port {port} taken? Choose another: PORT={port + 1} make demo")


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=30)
