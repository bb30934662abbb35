"""The rule as a sentence. Each operator has whole sentences as msgids, so that a language may order words its own way."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from rules.ast import (
    Aggregate,
    All,
    Any,
    Compare,
    Did,
    Everyone,
    InlinedSegment,
    InSegment,
    Node,
    Not,
    Scalar,
    StaticList,
    Value,
    Where,
    Window,
)
from rules.fields import Behaviour, Deed, Field, FieldCatalogue, FieldType
from rules.messages import Translate, _, untranslated
from rules.operators import OPERATORS, Operator, Shape

UNITS: Mapping[str, tuple[str, str]] = {
    "days": (_("%(number)s day"), _("%(number)s days")),
    "hours": (_("%(number)s hour"), _("%(number)s hours")),
    "months": (_("%(number)s month"), _("%(number)s months")),
    "years": (_("%(number)s year"), _("%(number)s years")),
    "orders": (_("%(number)s order"), _("%(number)s orders")),
    "points": (_("%(number)s point"), _("%(number)s points")),
    "times": (_("%(number)s time"), _("%(number)s times")),
    "rhythms": (_("%(number)s time the rhythm"), _("%(number)s times the rhythm")),
    "messages": (_("%(number)s message"), _("%(number)s messages")),
    "coupons": (_("%(number)s coupon"), _("%(number)s coupons")),
    "refunds": (_("%(number)s refund"), _("%(number)s refunds")),
    "complaints": (_("%(number)s complaint"), _("%(number)s complaints")),
    "carts": (_("%(number)s cart"), _("%(number)s carts")),
}
"""Units that a field may name, with one and with several."""

_TIMES: Mapping[str, str] = {
    "=": _("%(did)s exactly %(value)s"),
    "!=": _("%(did)s not exactly %(value)s"),
    "<": _("%(did)s fewer than %(value)s"),
    "<=": _("%(did)s at most %(value)s"),
    ">": _("%(did)s more than %(value)s"),
    ">=": _("%(did)s at least %(value)s"),
    "between": _("%(did)s between %(low)s and %(high)s"),
    "not between": _("%(did)s not between %(low)s and %(high)s"),
}
_ON_DAYS: Mapping[str, str] = {
    "=": _("%(did)s on exactly %(value)s"),
    "!=": _("%(did)s on not exactly %(value)s"),
    "<": _("%(did)s on fewer than %(value)s"),
    "<=": _("%(did)s on at most %(value)s"),
    ">": _("%(did)s on more than %(value)s"),
    ">=": _("%(did)s on at least %(value)s"),
    "between": _("%(did)s on between %(low)s and %(high)s"),
    "not between": _("%(did)s not on between %(low)s and %(high)s"),
}
_ADDED_UP: Mapping[str, str] = {
    "=": _("%(did)s with total %(sum)s of exactly %(value)s"),
    "!=": _("%(did)s with total %(sum)s of not exactly %(value)s"),
    "<": _("%(did)s with total %(sum)s of less than %(value)s"),
    "<=": _("%(did)s with total %(sum)s of at most %(value)s"),
    ">": _("%(did)s with total %(sum)s of more than %(value)s"),
    ">=": _("%(did)s with total %(sum)s of at least %(value)s"),
    "between": _("%(did)s with total %(sum)s between %(low)s and %(high)s"),
    "not between": _("%(did)s with total %(sum)s not between %(low)s and %(high)s"),
}
_SAID = {Aggregate.COUNT: _TIMES, Aggregate.DISTINCT_DAYS: _ON_DAYS, Aggregate.SUM: _ADDED_UP}
_CONTRARY = {"=": "!=", "<": ">=", ">": "<=", "between": "not between"}
_CONTRARY |= {contrary: operator for operator, contrary in _CONTRARY.items()}
_NEVER = frozenset({("=", 0), ("<", 1), ("<=", 0)})
_EVER = frozenset({("!=", 0), (">", 0)})
"""Counts that say no more than whether something was done."""

MOST_LISTED = 8
"""Values of a list that a sentence spells out. Origin: more is not read."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes rules and values in one language, with one shop's currency and segment names."""

    catalogue: FieldCatalogue
    translate: Translate = untranslated
    currency: str = "¥"
    minor_digits: int = 2
    segment_names: Mapping[str, str] = field(default_factory=dict)

    def sentence(self, node: Node) -> str:
        """This function will say a rule in words."""
        said, _several = self._said(node, denied=False)
        return said

    def value(self, field: Field | None, value: object) -> str:
        """This function will show one value the way people write it: money, shares, dates, units, labels."""
        if value is None:
            return self.translate(_("not known"))
        if isinstance(value, datetime.date):
            return self._date(value)
        if field is None:
            return str(value)
        if isinstance(value, bool):
            return self.translate(_("yes") if value else _("no"))
        if field.type is FieldType.ENUMERATION:
            return str(field.label_of(value))
        if isinstance(value, int | float):
            return self._quantity(field, value)
        return str(value)

    def amount(self, leaf: Did, value: object) -> str:
        """This function will show how often or how much somebody did what a condition asks for."""
        behaviour = self.catalogue.behaviour(leaf.kind)
        if leaf.aggregate is Aggregate.COUNT:
            return self._count("times", value)
        return self._measure(leaf.aggregate, behaviour.sum_of(leaf.of or "") if behaviour else None, value)

    # groups and segments

    def _said(self, node: Node, *, denied: bool) -> tuple[str, bool]:
        """This function will say a node, or its contrary, and whether that needs brackets inside another."""
        match node:
            case All():
                return self._group(node.children, _("%(left)s and %(right)s"), denied)
            case Any():
                return self._group(node.children, _("%(left)s or %(right)s"), denied)
            case Not():
                return self._said(node.child, denied=not denied)
            case Compare():
                return self._comparison(node, denied), False
            case Did():
                return self._behaviour(node, denied), False
            case InSegment() | InlinedSegment() | StaticList():
                return self._segment(node.slug, denied), False
            case Everyone():
                return self.translate(_("nobody") if denied else _("everyone")), False

    def _group(self, nodes: Sequence[Node], joined: str, denied: bool) -> tuple[str, bool]:
        if len(nodes) == 1:
            return self._said(nodes[0], denied=denied)
        parts = [self._part(node) for node in nodes]
        whole = reduce(lambda left, right: self._say(joined, left=left, right=right), parts)
        return (self._say(_("not (%(rule)s)"), rule=whole), False) if denied else (whole, True)

    def _part(self, node: Node) -> str:
        said, several = self._said(node, denied=False)
        return self._say(_("(%(rule)s)"), rule=said) if several else said

    def _segment(self, slug: str, denied: bool) -> str:
        name = self.segment_names.get(slug, slug)
        return self._say(_("not in segment %(name)s") if denied else _("in segment %(name)s"), name=name)

    # comparisons

    def _comparison(self, leaf: Compare, denied: bool) -> str:
        return self._compared(self.catalogue.get(leaf.field), leaf.field, leaf.operator, leaf.value, denied=denied)

    def _compared(self, field: Field | None, name: str, code: str, value: Value, *, denied: bool) -> str:
        operator = OPERATORS[code]
        name = _inside_a_sentence(str(field.label)) if field is not None else name
        if isinstance(value, bool):
            answer = value ^ denied ^ (operator.form == "not_equal")
            return self._say(_("%(field)s: yes") if answer else _("%(field)s: no"), field=name)
        phrase = operator.phrase_for(field.type if field is not None else FieldType.TEXT)
        if operator.shape is Shape.DAYS and value == 1:
            return self._say(phrase.not_today if denied else phrase.today, field=name)
        return self._say(phrase.no if denied else phrase.yes, field=name, **self._values(field, operator, value))

    def _values(self, field: Field | None, operator: Operator, value: object) -> dict[str, str]:
        if operator.shape is Shape.NONE:
            return {}
        if operator.shape is Shape.DAYS:
            return {"value": self._count("days", value)}
        if not isinstance(value, tuple):
            return {"value": self.value(field, value)}
        if operator.shape is Shape.PAIR:
            low, high = value
            return {"low": self.value(field, low), "high": self.value(field, high)}
        return {"value": self._listed(field, value)}

    def _listed(self, field: Field | None, values: tuple[Scalar, ...]) -> str:
        shown = [self.value(field, value) for value in values[:MOST_LISTED]]
        listed = reduce(lambda left, right: self._say(_("%(left)s, %(right)s"), left=left, right=right), shown)
        more = len(values) - len(shown)
        return self._say(_("%(list)s and %(count)s more"), list=listed, count=f"{more:,}") if more else listed

    # behaviours: what was done, to what, how often, when

    def _behaviour(self, leaf: Did, denied: bool) -> str:
        behaviour = self.catalogue.behaviour(leaf.kind)
        operator, value = (_CONTRARY[leaf.operator] if denied else leaf.operator), leaf.value
        counted = leaf.aggregate is not Aggregate.SUM
        if counted and (operator, value) in _EVER:
            operator, value = ">=", 1
        never = counted and (operator, value) in _NEVER
        did = self._deed(leaf, behaviour, never)
        if not never:
            did = self._say(_SAID[leaf.aggregate][operator], did=did, **self._amount(leaf, behaviour, value))
        window = self._window(leaf.window, never)
        return self._say(_("%(what)s %(window)s"), what=did, window=window) if window else did

    def _deed(self, leaf: Did, behaviour: Behaviour | None, never: bool) -> str:
        """This function will say what was done: with the thing it was done to, and in brackets whatever else is asked."""
        deed, named = self._deed_to(leaf, behaviour)
        what = {"what": self._whats(named, behaviour)} if named else {}
        said = (str(deed.no) if never else str(deed.yes)) % what
        rest = [self._where(where, behaviour) for where in leaf.where if where is not named]
        if not rest:
            return said
        asked = reduce(lambda left, right: self._say(_("%(left)s and %(right)s"), left=left, right=right), rest)
        return self._say(_("%(did)s (%(asked)s)"), did=said, asked=asked)

    def _deed_to(self, leaf: Did, behaviour: Behaviour | None) -> tuple[Deed, Where | None]:
        if behaviour is None:
            return Deed(leaf.kind, self._say(_("no %(kind)s"), kind=leaf.kind)), None
        asked = {where.name: where for where in leaf.where if where.operator in ("=", "in")}
        found = ((deed, asked[name]) for name, deed in behaviour.deeds_to if name in asked)
        return next(found, (behaviour.deed, None))

    def _whats(self, where: Where, behaviour: Behaviour | None) -> str:
        field = behaviour.where(where.name) if behaviour else None
        values = where.value if isinstance(where.value, tuple) else (where.value,)
        shown = [self.value(field, value) for value in values[:MOST_LISTED]]
        more = len(values) - len(shown)
        if more:
            shown.append(self._say(_("%(count)s more"), count=f"{more:,}"))
        return reduce(lambda left, right: self._say(_("%(left)s or %(right)s"), left=left, right=right), shown)

    def _where(self, where: Where, behaviour: Behaviour | None) -> str:
        field = behaviour.where(where.name) if behaviour else None
        return self._compared(field, where.name, where.operator, where.value, denied=False)

    def _amount(self, leaf: Did, behaviour: Behaviour | None, value: Value) -> dict[str, str]:
        summed = behaviour.sum_of(leaf.of or "") if behaviour and leaf.aggregate is Aggregate.SUM else None
        name = {"sum": _inside_a_sentence(str(summed.label)) if summed else str(leaf.of or "")}
        if isinstance(value, tuple):
            low, high = value
            return {"low": self._bare(summed, low), "high": self._measure(leaf.aggregate, summed, high), **name}
        return {"value": self._measure(leaf.aggregate, summed, value), **name}

    def _measure(self, aggregate: Aggregate, summed: Field | None, value: object) -> str:
        match aggregate:
            case Aggregate.SUM:
                return self.value(summed, value)
            case Aggregate.DISTINCT_DAYS:
                return self._count("days", value)
            case Aggregate.COUNT:
                return self.translate(_("once")) if value == 1 else self._count("times", value)

    def _bare(self, summed: Field | None, value: object) -> str:
        """The lower of two ends says its unit only where that is no word: "between 2 and 5 times"."""
        is_worded = summed is None or summed.type is not FieldType.MONEY
        return self._count("", value) if is_worded else self.value(summed, value)

    def _window(self, window: Window, never: bool) -> str:
        match window.form, window.value:
            case "within_days", int(days):
                return self._last_days(days)
            case "between_days_ago", (0, int(end)):
                return self._last_days(end + 1)
            case "between_days_ago", (int(start), int(end)) if start == end:
                return self._say(_("%(days)s ago"), days=self._count("days", end))
            case "between_days_ago", (int(start), int(end)):
                return self._say(_("%(low)s to %(high)s ago"), low=self._count("", start), high=self._count("days", end))
            case "since", datetime.date() as day:
                return self._say(_("since %(date)s"), date=self._date(day))
            case _:
                return self.translate(_("so far")) if never else ""

    def _last_days(self, days: int) -> str:
        return (
            self.translate(_("today")) if days == 1 else self._say(_("in the last %(days)s"), days=self._count("days", days))
        )

    # values

    def _quantity(self, field: Field, value: int | float) -> str:
        match field.type:
            case FieldType.MONEY:
                return self._money(value)
            case FieldType.SHARE:
                return f"{_plain(value * 100)}%"
            case _:
                return self._count(field.unit, value)

    def _count(self, unit: str, value: object) -> str:
        number = _plain(value) if isinstance(value, int | float) else str(value)
        if not unit:
            return number
        if unit not in UNITS:
            return f"{number} {unit}"
        one, several = UNITS[unit]
        return self._say(one if value == 1 else several, number=number)

    def _money(self, minor: int | float) -> str:
        whole, rest = divmod(abs(int(minor)), 10**self.minor_digits)
        decimals = f".{rest:0{self.minor_digits}d}" if rest else ""
        return f"{'-' if minor < 0 else ''}{self.currency}{whole:,}{decimals}"

    def _date(self, day: datetime.date) -> str:
        return self._say(
            _("%(year)s-%(month)s-%(day)s"), year=f"{day.year:04}", month=f"{day.month:02}", day=f"{day.day:02}"
        )

    def _say(self, msgid: str, **params: str) -> str:
        return self.translate(msgid) % params


def words(
    node: Node,
    catalogue: FieldCatalogue,
    *,
    translate: Translate = untranslated,
    currency: str = "¥",
    minor_digits: int = 2,
    segment_names: Mapping[str, str] | None = None,
) -> str:
    """This function will say a checked rule as a sentence, such as "order count is at least 3 orders and city is Wuhan".

    `translate` turns a msgid into the language wanted; labels of fields come in the language that is active.
    `segment_names` gives the names that people know segments by; without one the slug is shown.
    """
    writer = Writer(
        catalogue=catalogue,
        translate=translate,
        currency=currency,
        minor_digits=minor_digits,
        segment_names=segment_names or {},
    )
    return writer.sentence(node)


def _inside_a_sentence(label: str) -> str:
    """This function will begin a label in lower case, unless it begins with an abbreviation such as RFM."""
    if len(label) > 1 and label[0].isupper() and label[1].islower():
        return label[0].lower() + label[1:]
    return label


def _plain(number: int | float) -> str:
    """This function will write a number with thousands separators and without needless zeros or rounding dust."""
    if isinstance(number, float) and not number.is_integer():
        return f"{number:,.10g}"
    return f"{int(number):,}"
