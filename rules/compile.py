"""Tree to Django expression: the one way from a rule to the database, and the only module here that knows Django.

Every leaf is a lookup object on a column, never a keyword lookup: for `~Q(x__gt=5)` Django adds `AND x IS NOT NULL`
inside the NOT, which turns unknown into true. Lookup objects keep SQL's three-valued logic, which is the language's own.
"""

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any as Anything
from typing import cast

from django.db.models import Case, Expression, F, IntegerField, Q, Value, When
from django.db.models.functions import StrIndex
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Lookup,
    Range,
)

from rules.ast import All, Any, Compare, Everyone, InlinedSegment, InSegment, Node, Not, StaticList, at, leaves
from rules.days import LeapDay, anniversary_ranges, day_number
from rules.errors import refuse
from rules.fields import Field, FieldCatalogue
from rules.messages import _, shorten
from rules.operators import OPERATORS


def compile_rule(
    node: Node,
    catalogue: FieldCatalogue,
    *,
    as_of_day: int,
    member_column: str = "member_id",
    leap_day: LeapDay = "feb28",
) -> Q:
    """This function will give the condition under which the rule is true, for a checked and inlined rule.

    `as_of_day` is a shop day number (days since 1970-01-01). The condition reads columns only, so it may be filtered
    by or, with `compile_flag`, stand beside many others in one scan. Raises RuleErrors where a field or segment that
    the rule reads is gone: nothing that cannot be compiled matches anybody.
    """
    return _Compiler(catalogue, as_of_day, member_column, leap_day).condition(node)


def compile_flag(condition: Q) -> Case:
    """This function will give 1 where the condition is true and 0 where it is false or unknown."""
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def compile_leaves(
    node: Node,
    catalogue: FieldCatalogue,
    *,
    as_of_day: int,
    member_column: str = "member_id",
    leap_day: LeapDay = "feb28",
) -> dict[str, Expression]:
    """This function will give each leaf by its path as 1 (true), 0 (false) or NULL (unknown), for `rules.explain`."""
    compiler = _Compiler(catalogue, as_of_day, member_column, leap_day)
    return {leaf.path: _three_valued(compiler.condition(leaf)) for leaf in leaves(node)}


def _three_valued(condition: Q) -> Case:
    return Case(
        When(condition, then=Value(1)),
        When(~condition, then=Value(0)),
        default=None,
        output_field=IntegerField(null=True),
    )


@dataclass(frozen=True, slots=True)
class _Compiler:
    catalogue: FieldCatalogue
    as_of_day: int
    member_column: str
    leap_day: LeapDay

    def condition(self, node: Node) -> Q:
        match node:
            case All():
                return reduce(and_, map(self.condition, node.children))
            case Any():
                return reduce(or_, map(self.condition, node.children))
            case Not():
                return ~self.condition(node.child)
            case Compare():
                return self._compare(node)
            case InlinedSegment():
                return self.condition(node.rule)
            case StaticList():
                return Q(In(F(self.member_column), node.members))
            case Everyone():
                # Said out loud: Q() also matches everyone, but ~Q() does so too, and Q() vanishes in an OR.
                return Q(Exact(Value(1), Value(1)))
            case InSegment():
                raise refuse(
                    at(node.path, "in_segment"),
                    "segment_not_inlined",
                    _("The rule of segment “%(name)s” has not been put in its place."),
                    name=node.slug,
                )

    def _compare(self, leaf: Compare) -> Q:
        field = self.catalogue.get(leaf.field)
        operator = OPERATORS.get(leaf.operator)
        if field is None:
            raise refuse(
                at(leaf.path, "field"),
                "unknown_field",
                _("There is no field “%(name)s”."),
                name=shorten(leaf.field),
            )
        if operator is None:
            raise refuse(
                at(leaf.path, "operator"),
                "unknown_operator",
                _("There is no operator “%(name)s”."),
                name=shorten(leaf.operator),
            )
        return _FORMS[operator.form](self, field, _stored(leaf.value))

    # forms that need more than a column and a value

    def last_days(self, field: Field, days: int) -> Q:
        return Q(Range(F(field.column), (self.as_of_day - days + 1, self.as_of_day)))

    def next_days(self, field: Field, days: int) -> Q:
        return Q(Range(F(field.column), (self.as_of_day, self.as_of_day + days - 1)))

    def anniversary(self, field: Field, days: int) -> Q:
        ranges = anniversary_ranges(self.as_of_day, days, self.leap_day)
        return reduce(or_, (Q(Range(F(cast(str, field.month_day_column)), ends)) for ends in ranges))

    def tagged(self, field: Field, tag: str) -> Q:
        members_with = cast(Callable[[str], Anything], field.members_with)
        return Q(In(F(self.member_column), members_with(tag)))


def _stored(value: object) -> Anything:
    """This function will give a value as columns hold it: dates are day numbers."""
    if isinstance(value, tuple):
        return tuple(_stored(each) for each in value)
    return day_number(value) if isinstance(value, datetime.date) else value


class OneOf(Lookup):
    """A column against a list that travels as one parameter, since SQLite counts parameters.

    Unlike `In` it neither drops values nor vanishes when empty; empty lists never come this far.
    """

    lookup_name = "one_of"
    prepare_rhs = False

    def as_sqlite(self, compiler: Anything, connection: Anything) -> tuple[str, list[Anything]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]

    def as_postgresql(self, compiler: Anything, connection: Anything) -> tuple[str, list[Anything]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, list(self.rhs)]


_Form = Callable[[_Compiler, Field, Anything], Q]


def _lookup(kind: Callable[[F, Anything], Anything]) -> _Form:
    return lambda compiler, field, value: Q(kind(F(field.column), value))


def _denied(form: _Form) -> _Form:
    return lambda compiler, field, value: ~form(compiler, field, value)


_equal = _lookup(Exact)
_one_of = _lookup(lambda column, values: OneOf(column, values))
_missing = _lookup(lambda column, value: IsNull(column, True))

_FORMS: Mapping[str, _Form] = {
    "equal": _equal,
    "not_equal": _denied(_equal),
    "less": _lookup(LessThan),
    "at_most": _lookup(LessThanOrEqual),
    "more": _lookup(GreaterThan),
    "at_least": _lookup(GreaterThanOrEqual),
    "between": _lookup(Range),
    "one_of": _one_of,
    "none_of": _denied(_one_of),
    # Positions, not LIKE: SQLite's LIKE ignores case, and % and _ are ordinary characters here.
    "contains": _lookup(lambda column, text: GreaterThan(StrIndex(column, Value(text)), 0)),
    "starts_with": _lookup(lambda column, text: Exact(StrIndex(column, Value(text)), 1)),
    "missing": _missing,
    "known": _denied(_missing),
    "tagged": _Compiler.tagged,
    "last_days": _Compiler.last_days,
    "next_days": _Compiler.next_days,
    "anniversary": _Compiler.anniversary,
}
