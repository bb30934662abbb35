"""Every word that the rule builder shows, in the language on screen; the scripts themselves know none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.conf import shop_currency
from core.money import DECIMALS, SYMBOLS

GROUPS: Mapping[str, Promise] = {
    "and": pgettext_lazy("between conditions", "and"),
    "or": pgettext_lazy("between conditions", "or"),
    "turn_and": _("Turn into “and”"),
    "turn_or": _("Turn into “or”"),
    "group": _("How the conditions of this group count"),
    "group_and": _("all of these hold"),
    "group_or": _("at least one of these holds"),
    "group_or_not": _("none of these holds"),
    "group_and_not": _("not all of these hold"),
    "add_condition": _("Condition"),
    "add_group": _("Group"),
    "full": _("A rule holds no more conditions than these. Make a segment of a part and name it here."),
    "remove_condition": _("Remove this condition"),
    "remove_group": _("Remove this group"),
    "empty": _("Nobody is chosen yet: add the first condition."),
    "empty_group": _("This group is empty: add a condition, or remove the group."),
}
"""Groups, and what stands between conditions."""

DOING: Mapping[str, Promise] = {
    "tools": _("Undo and redo"),
    "undo": _("Undo"),
    "redo": _("Redo"),
    "undo_done": _("Undone."),
    "redo_done": _("Done again."),
    "do_up": _("Move up"),
    "do_down": _("Move down"),
    "do_into": _("Move into the group beside it"),
    "do_out": _("Move out of this group"),
    "do_wrap": _("Put into a new group"),
    "do_copy": _("Make a copy"),
    "do_remove": _("Remove"),
    "handle_title": _("Move, copy or remove"),
    "handle_condition": _("Condition %(number)d of %(count)d: %(name)s. Move, copy or remove"),
    "handle_group": _("Group %(number)d of %(count)d: %(name)s. Move, copy or remove"),
    "moved": _("Moved: now %(number)d of %(count)d, level %(level)d."),
    "copied": _("A copy was made."),
    "wrapped": _("Put into a new group."),
    "removed": _("Removed. Undo brings it back."),
    "condition_added": _("A condition was added."),
    "group_added": _("A group was added."),
}
"""What is done with groups and conditions, and what is said when it is done."""

CONDITIONS: Mapping[str, Promise] = {
    "what": _("What is asked"),
    "comparison": _("How it is compared"),
    "value": _("Value"),
    "values": _("Values"),
    "lowest": _("From"),
    "highest": _("To"),
    "segment": _("Segment"),
    "in_segment": _("is in the segment"),
    "segment_help": _("Whoever the rule of another segment means."),
    "everyone": _("everyone"),
    "everyone_help": _("Every member, without a condition."),
    "others": _("Others"),
    "fields": _("Facts"),
    "choose": _("choose…"),
    "yes": _("yes"),
    "no": _("no"),
    "list_hint": _("several, with commas between"),
    "value_added": _("%(value)s was added."),
    "value_removed": _("%(value)s was removed."),
    "remove_value": _("Remove %(value)s"),
    "searching": _("Searching…"),
    "search_failed": _("The values could not be loaded. You can still type one."),
    "nothing_found": _("Nothing found."),
}
"""Conditions on facts, and lists to choose from."""

BEHAVIOURS: Mapping[str, Promise] = {
    "behaviours": _("What they did"),
    "behaviour_help": _("How often, how much and when; of which category, product or shop."),
    "did": _("%(what)s %(comparison)s %(amount)s %(window)s"),
    "did_nothing": _("%(what)s %(comparison)s %(window)s"),
    "did_never": _("not at all"),
    "did_>=": pgettext_lazy("how often", "at least"),
    "did_<=": pgettext_lazy("how often", "at most"),
    "did_=": pgettext_lazy("how often", "exactly"),
    "did_!=": pgettext_lazy("how often", "not exactly"),
    "did_>": pgettext_lazy("how often", "more than"),
    "did_<": pgettext_lazy("how often", "less than"),
    "did_between": pgettext_lazy("how often", "between"),
    "how_often": _("How often"),
    "how_much": _("How much"),
    "counted": _("What is counted"),
    "aggregate_times": _("times"),
    "aggregate_days": _("different days"),
    "aggregate_sum": _("in all: %(what)s"),
    "window": _("When"),
    "window_within": _("in the last"),
    "window_within_parts": _("%(days)s days"),
    "window_between": _("between"),
    "window_between_parts": _("%(from)s and %(to)s days ago"),
    "window_since": _("since"),
    "window_since_parts": _("%(date)s"),
    "window_ever": _("at any time"),
    "window_from": _("From how many days ago"),
    "window_to": _("To how many days ago"),
    "window_date": _("Since which day"),
    "where": _("where %(what)s"),
    "add_where": _("only where…"),
    "where_added": _("%(what)s was added."),
    "where_removed": _("The limit was removed."),
    "remove_where": _("Remove the limit on %(what)s"),
}
"""Behaviours. In the sentences each place is an input; put them in the order of your language."""

COUNTING: Mapping[str, Promise] = {
    "unreadable": _("The text below is no readable JSON. Put it right there, or undo."),
    "unreadable_at": _("This is no JSON: line %(line)d, column %(column)d."),
    "line": _("Line %(line)d: %(message)s"),
    "unfinished": _("Finish the condition to see how many it reaches."),
    "nobody_yet": _("Add a condition to see how many it reaches."),
    "counting": _("Counting…"),
    "failed": _("Counting failed. Check the connection; saving does not need it."),
    "wrong": _("The rule is not right yet: see the marked condition."),
    "for_example": _("For example"),
    "stages": _("Where they stand"),
    "reachable": _("Can be reached"),
}

UNITS: Mapping[str, Promise] = {
    "days": _("days"),
    "hours": _("hours"),
    "months": _("months"),
    "years": _("years"),
    "orders": _("orders"),
    "points": _("points"),
    "times": _("times"),
    "rhythms": _("times the rhythm"),
    "messages": _("messages"),
    "coupons": _("coupons"),
    "refunds": _("refunds"),
    "complaints": _("complaints"),
    "carts": _("carts"),
}


def builder_words() -> dict[str, Any]:
    """This function will give the builder its words and the shop's currency."""
    currency = shop_currency()
    said = {**GROUPS, **DOING, **CONDITIONS, **BEHAVIOURS, **COUNTING}
    return {
        **{code: str(words) for code, words in said.items()},
        "currency": SYMBOLS.get(currency, currency),
        "minor_digits": DECIMALS.get(currency, 2),
        "units": {code: str(words) for code, words in UNITS.items()},
    }
