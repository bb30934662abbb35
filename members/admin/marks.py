"""The states of this room in words, colours and icons."""

from django.utils.translation import gettext_lazy as _

from core.admin.display import Mark
from members.models import Channel, EventKind, OrderStatus, Said

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
SAID = {
    Said.GRANTED: Mark(_("yes"), "green", "check_circle"),
    Said.REFUSED: Mark(_("no"), "red", "block"),
    Said.SUPPRESSED: Mark(Said.SUPPRESSED.label, "red", "notifications_off"),
    Said.FORGOTTEN: Mark(Said.FORGOTTEN.label, "grey", "history"),
}

_EVENT_LOOKS = {
    EventKind.VIEW: ("grey", "visibility"),
    EventKind.SEARCH: ("blue", "search"),
    EventKind.FAVOURITE: ("violet", "favorite"),
    EventKind.CART_ADD: ("green", "add_shopping_cart"),
    EventKind.CART_REMOVE: ("amber", "remove_shopping_cart"),
    EventKind.CHECKOUT: ("green", "point_of_sale"),
    EventKind.REVIEW: ("blue", "rate_review"),
    EventKind.SHARE: ("violet", "share"),
    EventKind.INVITE: ("violet", "person_add"),
    EventKind.SERVICE: ("amber", "support_agent"),
    EventKind.COMPLAINT: ("red", "sentiment_dissatisfied"),
    EventKind.SUGGESTION: ("blue", "lightbulb"),
    EventKind.SURVEY: ("blue", "quiz"),
    EventKind.VISIT: ("grey", "storefront"),
    EventKind.MESSAGE_SENT: ("grey", "outgoing_mail"),
    EventKind.MESSAGE_OPENED: ("blue", "drafts"),
    EventKind.MESSAGE_CLICKED: ("green", "touch_app"),
    EventKind.COUPON_ISSUED: ("grey", "sell"),
    EventKind.COUPON_REDEEMED: ("green", "redeem"),
}
EVENT_KINDS = {kind: Mark(kind.label, *look) for kind, look in _EVENT_LOOKS.items()}
