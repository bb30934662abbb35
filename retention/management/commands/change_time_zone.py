"""After SHOP_TIME_ZONE was changed: works out every stored day in the new zone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.conf import shop_zone
from retention.services.calendar import change_time_zone


class Command(BaseCommand):
    help = (
        "Works out the days of all orders and events in SHOP_TIME_ZONE and counts everybody anew, in one transaction."
        " Until it ends, imports and the API wait. Run it once after SHOP_TIME_ZONE was changed, with every process stopped"
        " or started again."
    )

    def handle(self, *_args: str, **_options: Any) -> None:
        counts, report = change_time_zone(now=timezone.now())
        told = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
        self.stdout.write(
            f"Days follow {shop_zone().key} now. Rewritten: {told}. Counted anew in {report.seconds['total']:.1f} s."
        )
