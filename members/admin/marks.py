"""The states of this room in words, colours and icons."""

from django.utils.translation import gettext_lazy as _

from core.admin.display import Mark
from members.models import Channel, OrderStatus

ORDER_STATUS = {
    OrderStatus.PLACED: Mark(OrderStatus.PLACED.label, "grey", "shopping_cart"),
    OrderStatus.PAID: Mark(OrderStatus.PAID.label, "blue", "payments"),
    OrderStatus.SHIPPED: Mark(OrderStatus.SHIPPED.label, "violet", "local_shipping"),
    OrderStatus.COMPLETED: Mark(OrderStatus.COMPLETED.label, "green", "check_circle"),
    OrderStatus.CANCELLED: Mark(OrderStatus.CANCELLED.label, "red", "cancel"),
}
CHANNELS = {
    Channel.SMS: Mark(Channel.SMS.label, "green", "sms"),
    Channel.EMAIL: Mark(Channel.EMAIL.label, "green", "mail"),
}
UNREACHABLE = Mark(_("not reachable"), "grey", "notifications_off")
GRANTED = Mark(_("yes"), "green", "check_circle")
REFUSED = Mark(_("no"), "red", "block")
