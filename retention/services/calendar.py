"""Another time zone for the shop: every stored day, and everything that is counted from days, in one transaction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.locks import LockSpace, lock_for_transaction
from members.services.calendar import change_zone
from retention.services.refresh import RefreshReport, refresh
from retention.services.scoring import as_late_as_facts


def change_time_zone(*, now: datetime) -> tuple[dict[str, int], RefreshReport]:
    """This function will bring all days to SHOP_TIME_ZONE and count everybody anew; whoever looks meanwhile sees the old.

    1. keep refreshes out, then whoever writes days: the order in which a refresh takes the two;
    2. rewrite the days of orders, events and registrations;
    3. a full refresh. It fails, or the process dies: nothing was changed.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        counts = change_zone(now=now)
        report = refresh(as_of=as_late_as_facts(now), full=True, now=now)
    return counts, report
