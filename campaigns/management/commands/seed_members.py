"""Synthetic load for benchmarks: members and two years of their orders, in minutes however many."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from campaigns.management.seeding.load import Load, seed
from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR, day_number, day_of
from members.models import Member

MOST = 100_000_000


class Command(BaseCommand):
    help = "Makes synthetic members with two years of orders from a seed, for benchmarks. Never in a shop's own database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("members", type=int, metavar="N", help="how many members")
        parser.add_argument("--orders", type=int, required=True, metavar="M", help="how many orders all of them placed")
        parser.add_argument("--seed", type=int, default=1, metavar="S", help="the same seed makes the same rows (1)")
        parser.add_argument("--until", metavar="DATE", help="the last of the two years' days (yesterday)")
        parser.add_argument("--events", type=int, metavar="E", help="how many behaviour events (one a member)")
        parser.add_argument("--lines", type=float, default=0.0, metavar="L", help="order lines an order, on average (0)")
        parser.add_argument("--refunds", type=float, default=0.03, metavar="SHARE", help="share of orders refunded (0.03)")
        parser.add_argument("--coupons", type=float, default=0.15, metavar="SHARE", help="share with a coupon (0.15)")

    def handle(self, *_args: str, **options: Any) -> None:
        load = _load(options)
        if self._is_there(load):
            self.stdout.write(f"The load of seed {load.seed} is here already.")
            return
        seed(load, say=self.stdout.write)
        self.stdout.write("Run the command refresh next.")

    def _is_there(self, load: Load) -> bool:
        found = Member.objects.filter(external_id__begins=f"{load.prefix}m").count()
        if found not in {0, load.members}:
            raise CommandError(f"{found:,} members of seed {load.seed} are here already: choose another seed")
        return found > 0


def _load(options: dict[str, Any]) -> Load:
    events = options["members"] if options["events"] is None else options["events"]
    counts = {"N": options["members"], "--orders": options["orders"], "--events": events, "--seed": options["seed"]}
    for name, value in counts.items():
        if not 0 <= value <= MOST:
            raise CommandError(f"{name} is {value}: give a number from 0 to {MOST:,}")
    for name in ("refunds", "coupons"):
        if not 0 <= options[name] <= 1:
            raise CommandError(f"--{name} is {options[name]}: give a share from 0 to 1")
    if not 0 <= options["lines"] <= 20:
        raise CommandError(f"--lines is {options['lines']}: give a number from 0 to 20")
    if not options["members"] and (options["orders"] or events):
        raise CommandError("nobody placed those orders: give at least one member")
    return Load(
        members=options["members"],
        orders=options["orders"],
        seed=options["seed"],
        last_day=_last_day(options["until"]),
        events=events,
        lines_per_order=options["lines"],
        refund_share=options["refunds"],
        coupon_share=options["coupons"],
    )


def _last_day(text: str | None) -> int:
    if text is None:
        return day_number(timezone.now(), shop_zone()) - 1
    try:
        given = date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--until {text}: write a date such as 2026-06-30") from error
    if not FIRST_YEAR + 10 <= given.year <= LAST_YEAR:
        raise CommandError(f"--until {text}: give a date between the years {FIRST_YEAR + 10} and {LAST_YEAR}")
    return day_of(given)
