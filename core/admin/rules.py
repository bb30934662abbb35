"""The rule of a segment or a campaign as a form field: a textarea with JSON, which one static file makes a builder of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from core.conf import shop_currency
from core.errors import FieldProblem
from core.money import DECIMALS, SYMBOLS
from core.registry import Store

LONGEST_RULE = 1_000_000
"""Characters of JSON that are read; a rule that people can read is a thousandth of it."""


@dataclass(frozen=True, slots=True)
class RuleSource:
    """What the room that knows the catalogue gives the builder: its schema, its segments, who counts a rule, and where a
    rule that was found elsewhere is made a segment.
    """

    code: str
    schema: Callable[[], Mapping[str, Any]]
    segments: Callable[[], Sequence[tuple[str, str]]]
    preview: str
    make: str = ""
    may_make: str = ""


rule_sources: Store[RuleSource] = Store()


def make_segment_url(request: HttpRequest, rule: Mapping[str, Any]) -> str:
    """This function will return the page that makes a segment of a rule; empty for who may make none."""
    source = next(iter(rule_sources), None)
    if source is None or not source.make or not request.user.has_perm(source.may_make):
        return ""
    return f"{reverse(source.make)}?{urlencode({'rule': json.dumps(rule)})}"


class RuleWidget(forms.Textarea):
    """`problems` are what the service found wrong, with paths inside the rule; the builder shows them where they belong."""

    template_name = "rekindle/rule_widget.html"
    problems: Sequence[FieldProblem] = ()

    class Media:
        js = ("rekindle/rule-builder.js",)

    def __init__(self, *, counted: bool = True) -> None:
        super().__init__(attrs={"rows": 8, "class": "rk-input rk-json", "spellcheck": "false"})
        self.counted = counted

    def format_value(self, value: Any) -> str | None:
        return json.dumps(value, ensure_ascii=False, indent=1) if isinstance(value, dict) else super().format_value(value)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        source = next(iter(rule_sources))
        context["widget"]["source"] = {
            "schema": source.schema(),
            "segments": [{"slug": slug, "name": title} for slug, title in source.segments()],
            "problems": [problem.as_json() for problem in self.problems],
            "words": builder_words(),
        }
        context["widget"]["preview_url"] = reverse(source.preview)
        context["widget"]["counted"] = self.counted
        return context


class RuleField(forms.CharField):
    """Reads JSON into a rule document. Whether it is a good rule is for the service that takes it."""

    widget = RuleWidget
    default_error_messages = {"unreadable": _("This is no JSON: line %(line)d, column %(column)d.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_RULE, **kwargs)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        text = super().to_python(value)
        if not text:
            return None
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            place = {"line": error.lineno, "column": error.colno}
            raise ValidationError(self.error_messages["unreadable"], code="unreadable", params=place) from error
        except RecursionError as error:
            raise ValidationError(gettext("Groups stand too deep.")) from error

    def validate(self, value: Any) -> None:
        if self.required and value is None:
            raise ValidationError(gettext("Say who is meant: add a condition, or choose everyone."), code="required")

    def run_validators(self, value: Any) -> None:
        """The value is a document by now; the validators of a text do not concern it."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True


def builder_words() -> dict[str, Any]:
    """This function will give the builder every word it shows, in the language on screen."""
    currency = shop_currency()
    return {
        "and": pgettext("between conditions", "and"),
        "or": pgettext("between conditions", "or"),
        "group": gettext("How the conditions of this group count"),
        "group_and": gettext("all of these hold"),
        "group_or": gettext("at least one of these holds"),
        "group_or_not": gettext("none of these holds"),
        "group_and_not": gettext("not all of these hold"),
        "add_condition": gettext("Condition"),
        "add_group": gettext("Group"),
        "remove_condition": gettext("Remove this condition"),
        "remove_group": gettext("Remove this group"),
        "empty": gettext("Nobody is chosen yet: add the first condition."),
        "what": gettext("What is asked"),
        "comparison": gettext("How it is compared"),
        "value": gettext("Value"),
        "values": gettext("Values"),
        "segment": gettext("Segment"),
        "in_segment": gettext("is in the segment"),
        "everyone": gettext("everyone"),
        "others": gettext("Others"),
        "fields": gettext("Facts"),
        "choose": gettext("choose…"),
        "yes": gettext("yes"),
        "no": gettext("no"),
        "list_hint": gettext("several, with commas between"),
        "unreadable": gettext("The text below is no readable JSON. Put it right there, or empty it to begin anew."),
        "unfinished": gettext("Finish the condition to see how many it reaches."),
        "nobody_yet": gettext("Add a condition to see how many it reaches."),
        "counting": gettext("Counting…"),
        "failed": gettext("Counting failed. Check the connection; saving does not need it."),
        "wrong": gettext("The rule is not right yet: see the marked condition."),
        "for_example": gettext("For example"),
        "currency": SYMBOLS.get(currency, currency),
        "minor_digits": DECIMALS.get(currency, 2),
        "units": {
            "days": gettext("days"),
            "hours": gettext("hours"),
            "months": gettext("months"),
            "years": gettext("years"),
            "orders": gettext("orders"),
            "points": gettext("points"),
            "times": gettext("times"),
            "messages": gettext("messages"),
            "coupons": gettext("coupons"),
            "refunds": gettext("refunds"),
            "complaints": gettext("complaints"),
            "carts": gettext("carts"),
        },
    }
