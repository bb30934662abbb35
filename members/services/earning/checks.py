"""What `verify` proves about earning: every order earned what its rules say, whatever became of it since."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.utils.translation import gettext_lazy as _

from core.batching import batches
from core.registry import Check
from members.models import EarnedOrder
from members.services.earning.orders import differing_orders

MOST_NAMED = 20
AT_ONCE = 5_000


def orders_earned_what_rules_say() -> Iterator[str]:
    """This function will name orders that earned something else than the rules of their day say; what waits to be reckoned
    is left out."""
    yield from islice(_differing(), MOST_NAMED)


def _differing() -> Iterator[str]:
    ids = EarnedOrder.objects.order_by("pk").values_list("pk", flat=True)
    for chunk in batches(ids.iterator(chunk_size=AT_ONCE), AT_ONCE):
        for (order_id, rule_id, member_id), earned, should in differing_orders(chunk):
            yield f"order {order_id} earned member {member_id} {earned} by rule {rule_id}; it should have been {should}"


CHECKS = (Check("earning_orders", _("earning: orders and rules"), orders_earned_what_rules_say),)
