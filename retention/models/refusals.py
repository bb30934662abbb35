"""Why a fit was not published: kept as a code and its numbers, said in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "too_few": _("There are %(count)s members with orders; at least %(needed)s are needed before a pattern can be told."),
    "too_short": _("The shop's orders go back %(days)s days; at least %(needed)s are needed."),
    "few_came_back": _(
        "Of %(members)s members only %(count)s ordered in the last %(days)s days: there is nothing to tell them apart by."
    ),
    "few_stayed_away": _(
        "Of %(members)s members all but %(count)s ordered in the last %(days)s days: there is nobody to warn of yet."
    ),
    "not_better": _(
        "It tells members apart no better than the date of their last order does (%(auc)s against %(recency_auc)s, where "
        "1 is perfect and 0.5 is a coin). Sort by days since the last order instead."
    ),
    "few_repeated": _("Only %(count)s members ordered on a second day; at least %(needed)s are needed to know a pace."),
    "flat": _("The orders do not tell apart who buys seldom and who has stopped."),
    "not_installed": _("scikit-learn is not installed here."),
    "all_alike": _("Members differ too little from each other to fall into groups."),
    "same_spend": _("Everybody spends the same, or nearly: there is nothing to learn about the value of an order."),
}


def refusal_sentence(kept: Mapping[str, Any] | None, *, members: int) -> str:
    """This function will say a refusal in the active language; nothing for none."""
    if not kept:
        return ""
    return str(SENTENCES[kept["code"]]) % {"members": members, **kept["params"]}
