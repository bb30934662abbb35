"""The rule as a sentence. Each operator has whole sentences as msgids, so that a language may order words its own way."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from rules.ast import All, Any, Compare, Everyone, InlinedSegment, InSegment, Node, Not, Scalar, StaticList
from rules.fields import Field, FieldCatalogue, FieldType
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
    "messages": (_("%(number)s message"), _("%(number)s messages")),
    "coupons": (_("%(number)s coupon"), _("%(number)s coupons")),
    "refunds": (_("%(number)s refund"), _("%(number)s refunds")),
    "complaints": (_("%(number)s complaint"), _("%(number)s complaints")),
    "carts": (_("%(number)s cart"), _("%(number)s carts")),
}
"""Units that a field may name, with one and with several."""

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
        field = self.catalogue.get(leaf.field)
        operator = OPERATORS[leaf.operator]
        name = _inside_a_sentence(str(field.label)) if field is not None else leaf.field
        if isinstance(leaf.value, bool):
            answer = leaf.value ^ denied ^ (operator.form == "not_equal")
            return self._say(_("%(field)s: yes") if answer else _("%(field)s: no"), field=name)
        phrase = operator.phrase_for(field.type if field is not None else FieldType.TEXT)
        if operator.shape is Shape.DAYS and leaf.value == 1:
            return self._say(phrase.not_today if denied else phrase.today, field=name)
        return self._say(phrase.no if denied else phrase.yes, field=name, **self._values(field, operator, leaf.value))

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
