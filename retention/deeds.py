"""What it is called that somebody did something or did not: in general, and to what, by what of the event is asked."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.models import EventKind

Said = tuple[Promise, Promise]
"""That a member did something, and that they did not."""

# A kind enters with what writes it: one that never happens would count as «did not».
EVENT_DEEDS: dict[EventKind, tuple[Said, dict[str, Said]]] = {
    EventKind.VISIT: (
        (_("visited"), _("did not visit")),
        {"page": (_("visited %(what)s"), _("did not visit %(what)s"))},
    ),
    EventKind.VIEW: (
        (_("viewed a product"), _("did not view a product")),
        dict.fromkeys(("product", "category"), (_("viewed %(what)s"), _("did not view %(what)s"))),
    ),
    EventKind.SEARCH: (
        (_("searched"), _("did not search")),
        {"keyword": (_("searched for %(what)s"), _("did not search for %(what)s"))},
    ),
    EventKind.FAVOURITE: (
        (_("marked a favourite"), _("did not mark a favourite")),
        dict.fromkeys(
            ("product", "category"), (_("marked %(what)s as a favourite"), _("did not mark %(what)s as a favourite"))
        ),
    ),
    EventKind.CART_ADD: (
        (_("put something into the cart"), _("did not put anything into the cart")),
        dict.fromkeys(("product", "category"), (_("put %(what)s into the cart"), _("did not put %(what)s into the cart"))),
    ),
    EventKind.CART_REMOVE: (
        (_("took something out of the cart"), _("did not take anything out of the cart")),
        dict.fromkeys(
            ("product", "category"), (_("took %(what)s out of the cart"), _("did not take %(what)s out of the cart"))
        ),
    ),
    EventKind.CHECKOUT: ((_("went to the checkout"), _("did not go to the checkout")), {}),
    EventKind.REVIEW: (
        (_("wrote a review"), _("did not write a review")),
        dict.fromkeys(("product", "category"), (_("reviewed %(what)s"), _("did not review %(what)s"))),
    ),
    EventKind.SHARE: (
        (_("shared something"), _("did not share anything")),
        dict.fromkeys(("product", "category"), (_("shared %(what)s"), _("did not share %(what)s"))),
    ),
    EventKind.INVITE: ((_("invited somebody"), _("did not invite anybody")), {}),
    EventKind.SERVICE: (
        (_("asked the service"), _("did not ask the service")),
        {"topic": (_("asked the service about %(what)s"), _("did not ask the service about %(what)s"))},
    ),
    EventKind.COMPLAINT: (
        (_("complained"), _("did not complain")),
        {"topic": (_("complained about %(what)s"), _("did not complain about %(what)s"))},
    ),
    EventKind.SUGGESTION: (
        (_("made a suggestion"), _("did not make a suggestion")),
        {"topic": (_("made a suggestion about %(what)s"), _("did not make a suggestion about %(what)s"))},
    ),
    EventKind.SURVEY: (
        (_("answered a survey"), _("did not answer a survey")),
        {"topic": (_("answered a survey about %(what)s"), _("did not answer a survey about %(what)s"))},
    ),
}

# What the product did, or knows from what it did.
CONTACT_DEEDS: dict[EventKind, tuple[Said, dict[str, Said]]] = {
    EventKind.MESSAGE_SENT: (
        (_("was sent a message"), _("was not sent a message")),
        {
            "campaign": (
                _("was sent a message of the campaign %(what)s"),
                _("was not sent a message of the campaign %(what)s"),
            ),
        },
    ),
    EventKind.MESSAGE_OPENED: (
        (_("opened a message"), _("is not known to have opened a message")),
        {
            "campaign": (
                _("opened a message of the campaign %(what)s"),
                _("is not known to have opened a message of the campaign %(what)s"),
            ),
        },
    ),
    EventKind.MESSAGE_CLICKED: (
        (_("clicked in a message"), _("did not click in a message")),
        {
            "campaign": (
                _("clicked in a message of the campaign %(what)s"),
                _("did not click in a message of the campaign %(what)s"),
            ),
        },
    ),
    EventKind.COUPON_REDEEMED: (
        (_("redeemed a coupon"), _("did not redeem a coupon")),
        {"template": (_("redeemed the coupon %(what)s"), _("did not redeem the coupon %(what)s"))},
    ),
}
