"""The rule of a segment or a campaign as a form field: a textarea with JSON, which one static file makes a builder of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.forms.widgets import Script
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.rule_words import builder_words
from core.errors import FieldProblem
from core.registry import Store

LONGEST_RULE = 1_000_000
"""Characters of JSON that are read; a rule that people can read is a thousandth of it."""


@dataclass(frozen=True, slots=True)
class RuleSource:
    """What the room that knows the catalogue gives the builder: its schema, its segments, which fields the shop's own values
    are offered for, who counts a rule, and where a rule that was found elsewhere is made a segment.

    `suggested` names for a field, or for a behaviour's as `where.NAME`, the list that its values come from. `addresses` are
    names of pages: `count` counts a rule, `stop` ends a count, `values` searches a list of values.
    """

    code: str
    schema: Callable[[], Mapping[str, Any]]
    segments: Callable[[], Sequence[tuple[str, str]]]
    suggested: Mapping[str, str]
    addresses: Mapping[str, str]
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
        js = (Script("rekindle/rule-builder.js", type="module"),)

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
            "suggested": dict(source.suggested),
            "addresses": {what: reverse(name) for what, name in source.addresses.items()},
            "problems": [problem.as_json() for problem in self.problems],
            "words": builder_words(),
        }
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
        except ValueError as error:  # of thousands of digits, which Python does not read
            raise ValidationError(gettext("A number in it is too large."), code="out_of_range") from error

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
