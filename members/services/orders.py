"""Taking an order out again: one that was never placed, a test, somebody else's."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from members.models import DirtyMark, Order
from members.services.earning.marks import mark_orders


def delete_order(*, order_id: int) -> Order:
    """This function will delete an order with its lines and refunds and return what it was, or raise NotFound.

    1. lock it: an import that changes it meanwhile waits, and brings it in anew;
    2. mark its member, whose facts lose it at the next refresh;
    3. delete it; what it earned is taken back when what was noted is reckoned. A coupon that was redeemed on it stays
       redeemed: only its shop can say that the money went back.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update(of=("self",)).select_related("member", "shop").filter(pk=order_id).first()
        if order is None:
            raise NotFound(_("There is no such order any more."))
        DirtyMark.objects.create(member_id=order.member_id)
        Order.objects.filter(pk=order.pk).delete()
        mark_orders([order_id])
    return order
