"""A rule as a sentence, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from core.conf import shop_currency
from core.money import money_text
from members.models import EarningCurrency, EarningRule, Waiting
from members.models.earning import OCCASIONS, ORDER

THINGS = dict(OCCASIONS)


def rule_sentence(rule: EarningRule) -> str:
    """This function will say what a rule gives, for what, under which conditions and limits, and when it can be used."""
    earned = amount_words(rule.currency, rule.amount)
    if rule.occasion == ORDER:
        money = money_text(rule.per_minor, shop_currency())
        said = _("%(earned)s for every full %(money)s") % {"earned": earned, "money": money}
    else:
        said = _("%(earned)s for %(thing)s") % {"earned": earned, "thing": THINGS[rule.occasion]}
    return pgettext("parts of a sentence", ", ").join([said, *_conditions(rule), *_limits(rule), *_waiting(rule)])


def amount_words(currency: str, amount: int) -> str:
    """This function will say an amount of what is earned: 1,200 points, 50 growth."""
    if currency == EarningCurrency.GROWTH:
        return _("%(amount)s growth") % {"amount": f"{amount:,}"}
    return ngettext("%(amount)s point", "%(amount)s points", amount) % {"amount": f"{amount:,}"}


def _conditions(rule: EarningRule) -> Iterator[str]:
    if rule.category:
        yield _("in the category %(category)s") % {"category": rule.category}
    if rule.shop is not None:
        yield _("in the shop %(shop)s") % {"shop": rule.shop}
    if rule.payment_method:
        yield _("paid with %(payment)s") % {"payment": rule.payment_method}
    if rule.tier:
        yield _("for the tier %(tier)s") % {"tier": rule.tier}
    if rule.property_name:
        yield _("if %(property)s is %(value)s") % {"property": rule.property_name, "value": rule.property_value}


def _limits(rule: EarningRule) -> Iterator[str]:
    if rule.daily_limit is not None:
        words = ngettext("at most once a day", "at most %(count)s times a day", rule.daily_limit)
        yield words % {"count": rule.daily_limit} if "%" in words else words
    if rule.lifetime_limit is not None:
        words = ngettext("once in all", "at most %(count)s times in all", rule.lifetime_limit)
        yield words % {"count": rule.lifetime_limit} if "%" in words else words


def _waiting(rule: EarningRule) -> Iterator[str]:
    if rule.waiting == Waiting.COMPLETED:
        yield _("to be used when the order is completed")
    elif rule.waiting == Waiting.DAYS and rule.wait_days:
        words = ngettext("to be used after %(count)s day", "to be used after %(count)s days", rule.wait_days)
        yield words % {"count": rule.wait_days}
