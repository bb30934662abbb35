"""The full stack on this machine, for `make up`: PostgreSQL, Valkey, web, worker and beat; Ctrl-C ends all.

DATABASE_URL and REDIS_URL name servers to use instead of the private ones, PORT the web's port. The private servers'
data is in var/ and stays.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from tools.processes import FolderInUse, end_process, start_process
from tools.servers import RunningServer, ServerError, postgres_server, valkey_server

VAR = Path(__file__).resolve().parent.parent / "var"
ADMIN = "admin"


class Ended(RuntimeError):
    """The stack cannot run, or a part of it is gone, so the rest must go too."""


def main() -> int:
    """This function will run the stack until Ctrl-C (0) or until a part of it fails (1, with a sentence)."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        with ExitStack() as stack:
            _run(stack)
    except (ServerError, FolderInUse, Ended) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the data stays in var/.")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(stack: ExitStack) -> None:
    port = int(os.environ.get("PORT") or 8000)
    _demand_free(port)
    database = stack.enter_context(postgres_server(given=_given("DATABASE_URL"), keep_in=VAR / "pg"))
    broker = stack.enter_context(valkey_server(given=_given("REDIS_URL"), keep_in=VAR / "valkey"))
    os.environ.update(DATABASE_URL=database.address, REDIS_URL=broker.address, DJANGO_SETTINGS_MODULE="config.settings")
    login = _prepare()
    children = {name: _start(stack, command) for name, command in _commands(port).items()}
    children |= _processes({"PostgreSQL": database, "Valkey": broker})
    _wait_for_web(port, children)
    print(f"\nRekindle is up: http://127.0.0.1:{port}/admin/   {login}   Ctrl-C stops everything.\n", flush=True)
    while True:
        _demand_alive(children)
        time.sleep(0.5)


def _given(name: str) -> str:
    """As the settings read it: the file that NAME_FILE names comes first."""
    path = os.environ.pop(f"{name}_FILE", "")
    return Path(path).read_text().strip() if path else os.environ.get(name, "")


def _prepare() -> str:
    """This function will bring the database and the static files up to date, and say how to log in."""
    import django  # After the addresses are set: settings are read here.
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", interactive=False)
    call_command("collectstatic", interactive=False, verbosity=0)
    login = _login()
    connections.close_all()
    return login


def _login() -> str:
    """This function will make the administrator the first time; a password changed since is not known here."""
    from django.contrib.auth.models import User

    noted = VAR / "admin-password"
    administrator = User.objects.filter(username=ADMIN).first()
    if administrator is None:
        noted.unlink(missing_ok=True)
        noted.touch(mode=0o600)
        noted.write_text(secrets.token_urlsafe(9))
        administrator = User.objects.create_superuser(ADMIN, password=noted.read_text())
    known = noted.exists() and administrator.check_password(noted.read_text())
    return f"login: {ADMIN} / {noted.read_text() if known else '(your own password)'}"


def _commands(port: int) -> dict[str, list[str]]:
    web = f"gunicorn config.wsgi:application --bind 127.0.0.1:{port} --workers 2 --threads 4 --no-control-socket"
    celery = "celery -A config.celery {} --loglevel INFO"
    return {
        "web": web.split(),
        "worker": celery.format("worker --concurrency 2").split(),
        "beat": celery.format("beat").split(),
    }


def _start(stack: ExitStack, command: list[str]) -> subprocess.Popen[bytes]:
    process = start_process([sys.executable, "-m", *command])
    stack.callback(end_process, process)
    return process


def _processes(servers: dict[str, RunningServer]) -> dict[str, subprocess.Popen[bytes]]:
    return {name: server.process for name, server in servers.items() if server.process is not None}


def _demand_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Ended(f"port {port} is taken: choose another, for example PORT={port + 1} make up") from error


def _wait_for_web(port: int, children: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        _demand_alive(children)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


def _demand_alive(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in children.items():
        if process.poll() is not None:
            raise Ended(f"{name} ended with code {process.returncode}, so all was stopped; its own message is above.")


if __name__ == "__main__":
    sys.exit(main())
