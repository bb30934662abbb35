"""The database that benchmarks share: a private PostgreSQL with the settings of a machine of its own, seeded once and kept.

A template holds a shop as the night left it: seeded, its facts counted, scores fitted, twenty segments filled. Who measures
writes to a copy, which is a copy of files and takes seconds; the template stays as it is.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from tools.servers import RunningServer, postgres_server

LAST_DAY = "2026-06-30"
"""The last of the two years that are seeded; fixed, so that a kept database stays as good as new."""
AS_OF = datetime(2026, 6, 30, 15, 59, 59, 999_999, tzinfo=UTC)
"""The last moment of that day on the shop's clock (Asia/Shanghai)."""
NEXT_NIGHT = AS_OF + timedelta(hours=3)
SEED = 7
SHAPE = 2
"""Raised when the synthetic shop changes: kept databases of before are then left alone and new ones made."""

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and of processors."""

    seconds: float
    cpu: float

    def rounded(self) -> dict[str, float]:
        return {"seconds": round(self.seconds, 3), "cpu": round(self.cpu, 3)}


def middle(runs: Sequence[Spent]) -> Spent:
    return Spent(statistics.median(each.seconds for each in runs), statistics.median(each.cpu for each in runs))


@dataclass(frozen=True, slots=True)
class Scale:
    members: int
    orders: int

    @property
    def name(self) -> str:
        return f"shop_{SHAPE}_{self.members}_{self.orders}"


SCALES = {"tiny": Scale(400, 4_000), "small": Scale(20_000, 200_000), "full": Scale(1_000_000, 10_000_000)}
GROWTH = {
    "tiny": (Scale(200, 2_000), Scale(400, 4_000)),
    "small": (Scale(5_000, 50_000), Scale(20_000, 200_000)),
    "full": (Scale(100_000, 1_000_000), Scale(300_000, 3_000_000), Scale(1_000_000, 10_000_000)),
}


def tuned() -> dict[str, str]:
    """This function will give the settings that any guide gives a machine that serves PostgreSQL alone.

    Durability stays as it is by default: every commit is on the disc before it is answered. So does wal_compression, off:
    by pglz it took a night's refresh four times the processor of the refresh itself (lz4, where it is built in, takes none).
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "shared_buffers": f"{min(memory // 5, 4 * GIB) // 2**20}MB",
        "effective_cache_size": f"{memory // 2 // 2**20}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "512MB",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
    }


@contextmanager
def bench_server() -> Iterator[RunningServer]:
    """This function will run the kept server, and have Django read from it."""
    var = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parents[2] / "var")
    with postgres_server(keep_in=var / "bench", settings=tuned()) as server:
        os.environ |= {"DATABASE_URL": server.address, "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings"}
        os.environ |= {"SHOP_TIME_ZONE": "Asia/Shanghai", "SHOP_CURRENCY": "CNY", "SECRET_KEY": "the benchmark's own"}
        import logging

        import django

        django.setup()
        logging.disable(logging.INFO)
        yield server


@contextmanager
def shop(scale: Scale, *, segments: int = 20) -> Iterator[None]:
    """This function will have Django's connection write to a copy of a shop, and remove the copy at the end."""
    template = _template(scale, segments=segments)
    with _copy(template, f"work_{os.getpid()}") as name:
        _use(name)
        yield
        _use("postgres")


@contextmanager
def seeded(scale: Scale) -> Iterator[None]:
    """This function will do the same with a shop of which nothing was counted yet."""
    with _copy(_seeded(scale), f"work_{os.getpid()}") as name:
        _use(name)
        yield
        _use("postgres")


@contextmanager
def empty() -> Iterator[None]:
    """This function will do the same with a shop to which nobody ever came."""
    with _copy(_brought_up_to_date(_made("migrated", _migrate)), f"work_{os.getpid()}") as name:
        _use(name)
        yield
        _use("postgres")


def settle() -> None:
    """This function will do what autovacuum does within minutes, so that a measurement starts from order."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def spent(work: Callable[[], object]) -> Spent:
    """This function will say what a piece of work took by the clock, and of the processor: ours and the database's.

    Beside other work the clock runs on while we wait for our turn; the processor's time hardly changes. Helpers that the
    database starts for a statement are not counted, nor is anything on systems without /proc.
    """
    processor = process_time() + _backend_seconds()
    begin = perf_counter()
    work()
    seconds = perf_counter() - begin
    return Spent(seconds, process_time() + _backend_seconds() - processor)


def _backend_seconds() -> float:
    from django.db import connection

    connection.ensure_connection()
    status = Path(f"/proc/{connection.connection.info.backend_pid}/stat")
    if not status.exists():
        return 0.0
    # After the name in parentheses come state, ..., utime and stime as fields 14 and 15 of the line.
    fields = status.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_sql(sql: str, params: Any = None) -> float:
    """This function will run a statement, fetch nothing of it, and return its seconds."""
    from django.db import connection

    with connection.cursor() as cursor:
        begin = perf_counter()
        cursor.execute(sql, params)
        return perf_counter() - begin


# --- Templates


def _seeded(scale: Scale) -> str:
    def fill() -> None:
        from django.core.management import call_command

        call_command("seed_members", scale.members, orders=scale.orders, seed=SEED, until=LAST_DAY, verbosity=0)
        settle()

    return _brought_up_to_date(_made(scale.name, fill, template=_brought_up_to_date(_made("migrated", _migrate))))


def _template(scale: Scale, *, segments: int) -> str:
    """With facts and segments. A release that changed tables or formulas is caught up with before anybody measures."""

    def fill() -> None:
        from retention.services.refresh import refresh
        from retention.services.scoring import fit_models
        from tools.bench.rules import make_segments

        refresh(as_of=AS_OF, now=AS_OF)
        fit_models(as_of=AS_OF, now=AS_OF)
        make_segments(segments)
        refresh(as_of=AS_OF, now=AS_OF)
        settle()

    name = _brought_up_to_date(_made(f"{scale.name}_{segments}", fill, template=_seeded(scale)))
    _use(name)
    from retention.services.refresh import refresh

    if refresh(as_of=AS_OF, now=AS_OF).run_id is not None:
        settle()
    _use("postgres")
    return name


def _made(name: str, fill: Callable[[], None], *, template: str = "template1") -> str:
    """Made under another name and renamed, so that one that was stopped half way is not taken for a whole one."""
    if not _exists(name):
        print(f"preparing {name}, once", flush=True)
        draft = f"draft_{name}"
        _drop(draft)
        _use("postgres")
        _server_command(f"CREATE DATABASE {draft} TEMPLATE {template} STRATEGY FILE_COPY")
        _use(draft)
        fill()
        _use("postgres")
        _server_command(f"ALTER DATABASE {draft} RENAME TO {name}")
    return name


@contextmanager
def _copy(template: str, name: str) -> Iterator[str]:
    _use("postgres")
    _drop(name)
    _server_command(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield name
    finally:
        _use("postgres")
        _drop(name)


def _use(name: str) -> None:
    """This function will have Django connect to another database of the server."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name
    head, _slash, _old = os.environ["DATABASE_URL"].rpartition("/")
    os.environ["DATABASE_URL"] = f"{head}/{name}"


def _brought_up_to_date(name: str) -> str:
    """Migrations that came since it was made; facts are then counted anew, for a column may be new."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    _use(name)
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        _migrate()
        from retention.models import RefreshState

        RefreshState.objects.filter(as_of=AS_OF).update(as_of=None)
        settle()
    _use("postgres")
    return name


def _migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def _exists(name: str) -> bool:
    from django.db import connection

    _use("postgres")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def _drop(name: str) -> None:
    _use("postgres")
    _server_command(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _server_command(command: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(command)
