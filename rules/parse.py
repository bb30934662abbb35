"""JSON to tree: the shape only. What the words mean is for rules.check."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rules.ast import (
    Aggregate,
    All,
    Any,
    Compare,
    Did,
    Everyone,
    InSegment,
    Node,
    Not,
    Scalar,
    Value,
    Where,
    Window,
    at,
)
from rules.errors import MOST_ERRORS, Findings
from rules.fields import nearest
from rules.messages import _, shorten
from rules.operators import WINDOWS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large a rule may be. Origin: far past what a person reads, far below what a database refuses."""

    depth: int = 10
    """Groups inside one another."""
    leaves: int = 100
    list_values: int = 10_000
    """Values in one list."""
    rule_values: int = 50_000
    """Values in all lists of a rule."""
    text_chars: int = 500
    behaviours: int = 20
    """Conditions on what members did: each may read all orders or events once."""
    errors: int = MOST_ERRORS


LIMITS = Limits()
LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)

_GROUP_KEYS = ("combinator", "not", "rules")
_COMPARE_KEYS = ("field", "operator", "value")
_DID_KEYS = ("did", "operator", "times", "sum", "value", "distinct_days", *WINDOWS, "where")
_WHERE_KEYS = ("operator", "value")
_MARKS = ("combinator", "rules", "did", "field", "operator", "in_segment", "everyone")


def parse(document: object, *, limits: Limits = LIMITS) -> Node:
    """This function will read a rule from JSON, or raise RuleErrors that names everything wrong with its shape."""
    with Findings(limits.errors) as found:
        node = _Parser(found, limits).node(document, path="", depth=1)
    assert node is not None  # whoever gives no node has left an error, which the block has raised
    return node


class _Parser:
    """Reads one document. A method that gives None has left an error."""

    def __init__(self, found: Findings, limits: Limits) -> None:
        self._found = found
        self._limits = limits
        self._leaves = 0
        self._behaviours = 0
        self._values = 0

    def node(self, document: object, *, path: str, depth: int) -> Node | None:
        if not isinstance(document, dict):
            self._found.add(path, "not_an_object", _("A condition is written as an object in braces {...}."))
            return None
        if "combinator" in document or "rules" in document:
            return self._group(document, path, depth)
        self._count_leaf(path)
        if "did" in document:
            return self._did(document, path)
        if "field" in document or "operator" in document:
            return self._compare(document, path)
        if "in_segment" in document:
            return self._in_segment(document, path)
        if "everyone" in document:
            return self._everyone(document, path)
        return self._unknown_shape(document, path)

    def _group(self, document: Mapping[object, object], path: str, depth: int) -> Node | None:
        if depth > self._limits.depth:
            self._found.add(
                path,
                "too_deep",
                _("Groups stand more than %(most)d deep. Make a segment of the inner part."),
                most=self._limits.depth,
            )
            return None
        self._only(document, _GROUP_KEYS, path)
        combinator = self._combinator(document, path)
        denied = self._flag(document, "not", path)
        children = self._children(document, path, depth)
        if combinator is None or not children:
            return None
        group: Node = All(children, path) if combinator == "and" else Any(children, path)
        return Not(group, path) if denied else group

    def _combinator(self, document: Mapping[object, object], path: str) -> str | None:
        if "combinator" not in document:
            self._missing(path, "combinator")
            return None
        combinator = document["combinator"]
        if combinator in ("and", "or"):
            return str(combinator)
        self._found.add(at(path, "combinator"), "unknown_combinator", _("A group's combinator is “and” or “or”."))
        return None

    def _flag(self, document: Mapping[object, object], key: str, path: str) -> bool:
        given = document.get(key, False)
        if isinstance(given, bool):
            return given
        self._found.add(at(path, key), "wrong_type", _("“%(key)s” is true or false."), key=key)
        return False

    def _children(self, document: Mapping[object, object], path: str, depth: int) -> tuple[Node, ...]:
        if "rules" not in document:
            self._missing(path, "rules")
            return ()
        here = at(path, "rules")
        rules = document["rules"]
        if not isinstance(rules, list):
            self._found.add(here, "wrong_type", _("“rules” is a list of conditions."))
            return ()
        if not rules:
            self._found.add(here, "empty_group", _('A group needs a condition. For every member write {"everyone": true}.'))
        read = (self.node(each, path=at(here, i), depth=depth + 1) for i, each in enumerate(rules))
        return tuple(node for node in read if node is not None)

    def _compare(self, document: Mapping[object, object], path: str) -> Node | None:
        self._only(document, _COMPARE_KEYS, path)
        field = self._name(document, "field", path)
        operator = self._name(document, "operator", path)
        value = self._value(document["value"], at(path, "value")) if "value" in document else None
        if field is None or operator is None:
            return None
        return Compare(field, operator, value, path)

    def _in_segment(self, document: Mapping[object, object], path: str) -> Node | None:
        self._only(document, ("in_segment",), path)
        slug = self._name(document, "in_segment", path)
        return None if slug is None else InSegment(slug, path)

    def _everyone(self, document: Mapping[object, object], path: str) -> Node | None:
        self._only(document, ("everyone",), path)
        if document["everyone"] is True:
            return Everyone(path)
        self._found.add(at(path, "everyone"), "not_true", _("“everyone” can only be true. Leave the condition out instead."))
        return None

    # behaviours

    def _did(self, document: Mapping[object, object], path: str) -> Node | None:
        self._count_behaviour(path)
        self._only(document, _DID_KEYS, path)
        kind = self._name(document, "did", path)
        operator = self._name(document, "operator", path)
        aggregate, value = self._aggregate(document, path)
        of = self._name(document, "sum", path) if aggregate is Aggregate.SUM else None
        window = self._window(document, path)
        where = self._wheres(document, path)
        if kind is None or operator is None or value is None or (aggregate is Aggregate.SUM and of is None):
            return None
        return Did(kind, aggregate, operator, value, of, window, where, path)

    def _aggregate(self, document: Mapping[object, object], path: str) -> tuple[Aggregate, Value]:
        """This function will tell what is made of the behaviour, and what that is compared with."""
        aggregate = Aggregate.DISTINCT_DAYS if self._flag(document, "distinct_days", path) else Aggregate.COUNT
        wanted, needless = "times", ["value"]
        if "sum" in document:
            wanted, needless, aggregate = "value", ["times", "distinct_days"], Aggregate.SUM
        for key in needless:
            if key in document and document[key] is not False:
                self._found.add(
                    at(path, key),
                    "unexpected_value",
                    _("“times” counts and “sum” with “value” adds up: a condition does one of them. Leave “%(key)s” out."),
                    key=key,
                )
        if wanted not in document:
            self._missing(path, wanted)
            return aggregate, None
        return aggregate, self._value(document[wanted], at(path, wanted))

    def _window(self, document: Mapping[object, object], path: str) -> Window:
        forms = [form for form in WINDOWS if form in document]
        for form in forms[1:]:
            self._found.add(
                at(path, form),
                "two_windows",
                _("A condition has one window: leave this out, or “%(first)s”."),
                first=forms[0],
            )
        return Window(forms[0], self._value(document[forms[0]], at(path, forms[0]))) if forms else Window()

    def _wheres(self, document: Mapping[object, object], path: str) -> tuple[Where, ...]:
        if "where" not in document:
            return ()
        here = at(path, "where")
        asked = document["where"]
        if not isinstance(asked, dict):
            self._found.add(here, "wrong_type", _('“where” is an object in braces, such as {"category": "tea"}.'))
            return ()
        if len(asked) > self._limits.leaves:
            self._found.add(
                here,
                "too_many_leaves",
                _("A rule has at most %(most)d conditions. Make segments of its parts."),
                most=self._limits.leaves,
            )
            return ()
        read = (self._where(name, given, here) for name, given in asked.items())
        return tuple(where for where in read if where is not None)

    def _where(self, name: object, given: object, path: str) -> Where | None:
        if not isinstance(name, str) or not self._text_is_sound(name, path):
            return None
        here = _below(path, name)
        if not isinstance(given, dict):
            value = self._value(given, here)
            return None if value is None else Where(name, "in" if isinstance(value, tuple) else "=", value, True, here)
        self._only(given, _WHERE_KEYS, here)
        operator = self._name(given, "operator", here)
        value = self._value(given["value"], at(here, "value")) if "value" in given else None
        return None if operator is None else Where(name, operator, value, False, here)

    def _count_behaviour(self, path: str) -> None:
        self._behaviours += 1
        if self._behaviours > self._limits.behaviours:
            self._found.add_last(
                path,
                "too_many_behaviours",
                _("A rule has at most %(most)d conditions on what members did. Make segments of its parts."),
                most=self._limits.behaviours,
            )

    def _unknown_shape(self, document: Mapping[object, object], path: str) -> Node | None:
        meant = next((near for key in document if (near := _near(key, _MARKS))), None)
        if meant is None:
            self._found.add(
                path,
                "unknown_shape",
                _("A condition has “field”, “did”, “in_segment” or “everyone”; a group has “combinator” and “rules”."),
            )
        else:
            self._found.add(
                path, "unknown_shape", _("This is no condition. Did you mean “%(suggestion)s”?"), suggestion=meant
            )
        return None

    # names and values

    def _name(self, document: Mapping[object, object], key: str, path: str) -> str | None:
        if key not in document:
            self._missing(path, key)
            return None
        here = at(path, key)
        name = document[key]
        if not isinstance(name, str):
            self._found.add(here, "wrong_type", _("“%(key)s” is a text."), key=key)
            return None
        return name if self._text_is_sound(name, here) else None

    def _value(self, value: object, path: str) -> Value:
        if isinstance(value, list):
            return self._list(value, path)
        return self._scalar(value, path)

    def _list(self, values: list[object], path: str) -> Value:
        if not values:
            self._found.add(path, "empty_list", _("The list is empty. Give at least one value."))
            return None
        self._values += len(values)
        if len(values) > self._limits.list_values:
            self._found.add(
                path,
                "list_too_long",
                _("The list holds %(count)d values, at most %(most)d are allowed. Upload a static segment instead."),
                count=len(values),
                most=self._limits.list_values,
            )
            return None
        if self._values > self._limits.rule_values:
            self._found.add(
                path,
                "too_many_values",
                _("The lists of this rule hold more than %(most)d values together."),
                most=self._limits.rule_values,
            )
            return None
        read = (self._scalar(each, at(path, index)) for index, each in enumerate(values))
        return tuple(each for each in read if each is not None)

    def _scalar(self, value: object, path: str) -> Scalar | None:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return value if self._text_is_sound(value, path) else None
        if isinstance(value, int | float):
            return value if self._number_is_sound(value, path) else None
        if value is None:
            self._found.add(path, "null_value", _("null is no value. To ask whether a value is missing use “is_null”."))
        elif isinstance(value, list):
            self._found.add(path, "wrong_type", _("A list cannot stand inside a list."))
        else:
            self._found.add(path, "wrong_type", _("A value is a text, a number, true or false, or a list of them."))
        return None

    def _number_is_sound(self, number: int | float, path: str) -> bool:
        if isinstance(number, float) and not math.isfinite(number):
            self._found.add(path, "not_finite", _("This is not a finite number."))
            return False
        # A whole decimal may come back from the database as the integer it is.
        if not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            self._found.add(path, "out_of_range", _("This number is too large."))
            return False
        return True

    def _text_is_sound(self, text: str, path: str) -> bool:
        if len(text) > self._limits.text_chars:
            self._found.add(
                path,
                "text_too_long",
                _("The text has %(count)d characters, at most %(most)d are allowed."),
                count=len(text),
                most=self._limits.text_chars,
            )
            return False
        if "\0" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
            self._found.add(path, "bad_text", _("The text holds a character that cannot be stored."))
            return False
        return True

    # what every object obeys

    def _count_leaf(self, path: str) -> None:
        self._leaves += 1
        if self._leaves > self._limits.leaves:
            self._found.add_last(
                path,
                "too_many_leaves",
                _("A rule has at most %(most)d conditions. Make segments of its parts."),
                most=self._limits.leaves,
            )

    def _missing(self, path: str, key: str) -> None:
        self._found.add(at(path, key), "missing_key", _("“%(key)s” is missing."), key=key)

    def _only(self, document: Mapping[object, object], known: Collection[str], path: str) -> None:
        for key in document:
            if key not in known:
                self._unknown_key(key, known, path)

    def _unknown_key(self, key: object, known: Collection[str], path: str) -> None:
        here = _below(path, key)
        near = _near(key, known)
        if near is None:
            self._found.add(
                here,
                "unknown_key",
                _("“%(key)s” is not known here. Known are: %(known)s."),
                key=shorten(key),
                known=", ".join(known),
            )
        else:
            self._found.add(
                here,
                "unknown_key",
                _("“%(key)s” is not known here. Did you mean “%(suggestion)s”?"),
                key=shorten(key),
                suggestion=near,
            )


def _below(path: str, key: object) -> str:
    """This function will give the path of a key that somebody chose, or the path above where it could not be read."""
    return at(path, key) if isinstance(key, str) and key.isidentifier() and len(key) <= 50 else path


def _near(key: object, known: Collection[str]) -> str | None:
    return nearest(key[:50], known) if isinstance(key, str) else None
