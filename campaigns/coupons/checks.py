"""What must hold between coupons and their counters: `verify` proves it, row by row. Codes are not shown: they are money."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Coupon, CouponState, CouponTemplate, MemberRedemptions, Redemption
from core.registry import Check

HOLDING = Q(rolled_back_at__isnull=True)


def issued_counts() -> Iterator[str]:
    """This function will name each template whose counter of issued coupons is not the number of its coupons."""
    counted = CouponTemplate.objects.annotate(rows=Count("coupons")).exclude(issued=F("rows"))
    for slug, counter, rows in counted.values_list("slug", "issued", "rows").iterator():
        yield _("coupon template %(slug)s counts %(counter)s issued, its coupons are %(rows)s") % {
            "slug": slug, "counter": counter, "rows": rows,
        }  # fmt: skip


def redeemed_counts() -> Iterator[str]:
    """This function will name each template whose counter is not the number of uses of its public code that hold."""
    held = Redemption.objects.filter(HOLDING, template=OuterRef("pk"), coupon__isnull=True).order_by()
    counted = CouponTemplate.objects.annotate(
        rows=Coalesce(Subquery(held.values("template").annotate(rows=Count("pk")).values("rows")), 0)
    ).exclude(redeemed=F("rows"))
    for slug, counter, rows in counted.values_list("slug", "redeemed", "rows").iterator():
        yield _("coupon template %(slug)s counts %(counter)s redeemed, the uses that hold are %(rows)s") % {
            "slug": slug, "counter": counter, "rows": rows,
        }  # fmt: skip


def member_counts() -> Iterator[str]:
    """This function will name each member whose count of a public code is not the number of its uses that hold.

    Merged rather than joined: a use may lack its count and a count its use. Both sides are sorted, so memory stays flat.
    """
    held = Redemption.objects.filter(HOLDING, coupon__isnull=True, member_id__isnull=False)
    uses = held.values_list("template_id", "member_id").annotate(rows=Count("pk")).order_by("template_id", "member_id")
    kept = MemberRedemptions.objects.values_list("template_id", "member_id", "used").order_by("template_id", "member_id")
    both = merge(_marked("uses", uses), _marked("counter", kept))
    for (template_id, member_id), rows in groupby(both, key=itemgetter(0)):
        numbers = {side: number for _key, side, number in rows}
        counter, used = numbers.get("counter", 0), numbers.get("uses", 0)
        if counter != used:
            yield _("member %(member)s counts %(counter)s uses of template %(template)s, those that hold are %(uses)s") % {
                "member": member_id, "counter": counter, "template": template_id, "uses": used,
            }  # fmt: skip


def coupon_states() -> Iterator[str]:
    """This function will name each coupon that is redeemed without a use that holds, or has one and is not redeemed."""
    used = Count("redemptions", filter=Q(redemptions__rolled_back_at__isnull=True))
    expected = Case(When(state=CouponState.REDEEMED, then=Value(1)), default=Value(0))
    wrong = Coupon.objects.annotate(uses=used, expected=expected).exclude(uses=F("expected"))
    for pk, state, uses in wrong.values_list("pk", "state", "uses").iterator():
        yield _("coupon number %(pk)s is %(state)s, its uses that hold are %(uses)s") % {
            "pk": pk, "state": state, "uses": uses,
        }  # fmt: skip


def _marked(side: str, rows: QuerySet[Any, Any]) -> Iterator[tuple[tuple[int, int], str, int]]:
    for template_id, member_id, number in rows.iterator():
        yield (template_id, member_id), side, number


CHECKS = (
    Check("coupons.issued", gettext_lazy("each coupon template counts its coupons"), issued_counts),
    Check("coupons.redeemed", gettext_lazy("each public code counts its uses"), redeemed_counts),
    Check("coupons.members", gettext_lazy("each member's count of a public code is its uses"), member_counts),
    Check("coupons.states", gettext_lazy("a coupon is redeemed exactly when one use of it holds"), coupon_states),
)
