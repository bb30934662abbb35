"""What the data's fields are called, and what each finding means: the rows of the quality page, in its order."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

FIELDS: Mapping[str, Mapping[str, Text]] = {
    "members": {
        "name": _("name"),
        "gender": _("gender"),
        "birth_date": _("birthday"),
        "birth_year": _("birth year"),
        "phone": _("phone"),
        "email": _("e-mail"),
        "province": _("province"),
        "city": _("city"),
        "registered_at": _("registered at"),
        "source": _("came from"),
        "language": _("language"),
        "identifier": _("names elsewhere"),
        "birthday": _("name and date of birth"),
        "activity": _("orders and events"),
    },
    "orders": {
        "number": _("order"),
        "placed_at": _("placed at"),
        "status": _("status"),
        "steps": _("paid, shipped, delivered at"),
        "lines": _("lines"),
        "channel": _("channel"),
        "payment_method": _("payment method"),
        "city": _("city"),
    },
    "products": {"name": _("name"), "category": _("category"), "sales": _("orders with it")},
    "events": {
        "occurred_at": _("at"),
        "product": _("product"),
        "keyword": _("keyword"),
        "rating": _("rating"),
        "dwell_seconds": _("seconds on the page"),
        "session_id": _("session"),
    },
}
"""Rows of the page, in its order. What each measure means in a sentence is MEANINGS."""

MEANINGS: Mapping[str, Text] = {
    "members.birth_date.invalid": _("no such day, still to come, or more than 110 years ago"),
    "members.phone.invalid": _("not in the international form: masked, or never a number"),
    "members.email.invalid": _("no address that could be written to"),
    "members.registered_at.invalid": _("in the future"),
    "members.activity.missing": _("never ordered, and nothing else is known of them"),
    "members.activity.stale": _("no order and no event for a year"),
    "orders.number.duplicate": _("the same member, instant and total under another number"),
    "orders.placed_at.invalid": _("in the future"),
    "orders.status.stale": _("neither completed nor cancelled after 30 days"),
    "orders.steps.missing": _("paid, but not known when"),
    "orders.steps.invalid": _("paid, shipped or completed before it was placed, or delivered before it was shipped"),
    "orders.lines.missing": _("what was bought is not known"),
    "orders.lines.invalid": _("the lines do not add up to the total"),
    "products.name.duplicate": _("another product is called the same"),
    "products.sales.missing": _("in no order"),
    "events.occurred_at.invalid": _("in the future"),
    "events.product.missing": _("viewed, favoured or put into the cart, but not what"),
    "events.keyword.missing": _("searched, but not for what"),
    "events.rating.missing": _("reviewed, without a rating"),
    "events.dwell_seconds.invalid": _("longer than a day on one page"),
}
