"""The demonstration with its first households only, set up and served like the whole: `python -m ... PORT PASSWORD`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import date

import django

HOUSEHOLDS = 120
SHIFT_WEEKS = 462


def main(port: int, password: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from rich.console import Console

    from campaigns.management.commands.demo import LOGIN, serve
    from campaigns.management.demo.replay import set_up
    from campaigns.management.demo.source import read_year

    call_command("migrate", verbosity=0)
    year = read_year(shift_weeks=SHIFT_WEEKS)
    known = year.households.head(HOUSEHOLDS)
    baskets = year.baskets[year.baskets["household_id"].isin(known["household_id"])]
    set_up(replace(year, households=known, baskets=baskets, last_day=date(2026, 11, 9)), say=print)
    get_user_model().objects.create_superuser(LOGIN, password=password)
    serve(Console(), port=port, password=password)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
