"""Tree to Django expression: the one way from a rule to the database. This module and rules.joined alone know Django.

Every leaf is a lookup object on a column, never a keyword lookup: for `~Q(x__gt=5)` Django adds `AND x IS NOT NULL`
inside the NOT, which turns unknown into true. Lookup objects keep SQL's three-valued logic, which is the language's own.
"""

import datetime
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
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
    StaticList,
    Where,
    Window,
    at,
    leaves,
)
from rules.check import COUNTS
from rules.days import LeapDay, anniversary_ranges, day_number
from rules.errors import RuleErrors, refuse
from rules.fields import Behaviour, Field, FieldCatalogue
from rules.joined import Look, Measure, Sought, Tally
from rules.messages import _, shorten
from rules.operators import OPERATORS, Operator


def compile_rule(
    node: Node,
    catalogue: FieldCatalogue,
    *,
    as_of_day: int,
    as_of: datetime.datetime | None = None,
    scope: Anything = None,
    member_column: str = "member_id",
    leap_day: LeapDay = "feb28",
) -> Q:
    """This function will give the condition under which the rule is true, for a checked and inlined rule.

    `as_of_day` is a shop day number (days since 1970-01-01); of what members did, nothing later than `as_of` is read, or
    than the day's end without one. `scope` (an id, ids or a queryset of ids) tells who will be asked, so that nobody else's
    deeds are added up. The condition may be filtered by or, with `compile_flag`, stand beside many others in one scan.
    Raises RuleErrors where a field, behaviour or segment that the rule reads is gone: nothing that cannot be compiled
    matches anybody.
    """
    return _Compiler(catalogue, as_of_day, as_of, scope, member_column, leap_day).condition(node)


def compile_flag(condition: Q) -> Case:
    """This function will give 1 where the condition is true and 0 where it is false or unknown."""
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def compile_leaves(
    node: Node,
    catalogue: FieldCatalogue,
    *,
    as_of_day: int,
    as_of: datetime.datetime | None = None,
    scope: Anything = None,
    member_column: str = "member_id",
    leap_day: LeapDay = "feb28",
) -> dict[str, Expression]:
    """This function will give each leaf by its path as 1 (true), 0 (false) or NULL (unknown), for `rules.explain`."""
    compiler = _Compiler(catalogue, as_of_day, as_of, scope, member_column, leap_day)
    return {leaf.path: _three_valued(compiler.condition(leaf)) for leaf in leaves(node)}


def compile_values(
    node: Node,
    catalogue: FieldCatalogue,
    *,
    as_of_day: int,
    as_of: datetime.datetime | None = None,
    scope: Anything = None,
    member_column: str = "member_id",
) -> dict[str, Anything]:
    """This function will give what each leaf compares, by its path: columns, and counts and sums of what was done."""
    compiler = _Compiler(catalogue, as_of_day, as_of, scope, member_column, "feb28")
    values: dict[str, Anything] = {}
    for leaf in leaves(node):
        match leaf:
            case Did():
                values[leaf.path] = compiler.tally(leaf)
            case Compare() if (field := catalogue.get(leaf.field)) is not None and field.members_with is None:
                values[leaf.path] = _read(field)
    return values


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
    as_of: datetime.datetime | None
    scope: Anything
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
            case Did():
                return self._did(node)
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
        operator = _operator(leaf.operator, at(leaf.path, "operator"))
        if field is None:
            raise _gone(at(leaf.path, "field"), "unknown_field", _("There is no field “%(name)s”."), leaf.field)
        return self._form(field, operator, leaf.value)

    def _form(self, field: Field, operator: Operator, value: object) -> Q:
        return _FORMS[operator.form](self, field, _stored(value))

    # behaviours

    def _did(self, leaf: Did) -> Q:
        operator = _operator(leaf.operator, at(leaf.path, "operator"))
        tally = self.tally(leaf)
        counted = replace(COUNTS[Aggregate.COUNT], expression=lambda: tally)
        return self._form(counted, operator, leaf.value)

    def tally(self, leaf: Did) -> Tally:
        """This function will give the number that a leaf on behaviour compares."""
        behaviour = self.catalogue.behaviour(leaf.kind)
        if behaviour is None or behaviour.rows is None:
            message = _("“%(name)s” is nothing this shop records, so no condition can ask for it.")
            raise _gone(at(leaf.path, "did"), "unknown_did", message, leaf.kind)
        measure, by_part = self._measure(leaf, behaviour)
        first_day, last_day = self._days(leaf.window)
        asked = [(where, self._field_of(where, behaviour)) for where in leaf.where]
        sought = Sought(
            first_day=first_day,
            last_day=last_day,
            as_of=self.as_of,
            members=self.scope,
            whole=self._all_of((where, field) for where, field in asked if not field.of_part),
            parts=self._all_of((where, field) for where, field in asked if field.of_part),
            by_part=by_part,
        )
        where = tuple(sorted(leaf.where, key=lambda each: each.name))
        look = Look(leaf.kind, first_day, last_day, self.as_of, id(self.scope), where, by_part)
        return Tally(look, behaviour, sought, measure, self.member_column)

    def _measure(self, leaf: Did, behaviour: Behaviour) -> tuple[Measure, bool]:
        if leaf.aggregate is not Aggregate.SUM:
            return Measure(leaf.aggregate), False
        summed = behaviour.sum_of(leaf.of or "")
        if summed is None:
            raise _gone(at(leaf.path, "sum"), "unknown_sum", _("“%(name)s” can no longer be added up."), leaf.of or "")
        return Measure(leaf.aggregate, summed.column), summed.of_part

    def _days(self, window: Window) -> tuple[int | None, int]:
        match window.form, window.value:
            case "within_days", int(days):
                return self.as_of_day - days + 1, self.as_of_day
            case "between_days_ago", (int(start), int(end)):
                return self.as_of_day - end, self.as_of_day - start
            case "since", datetime.date() as day:
                return day_number(day), self.as_of_day
            case _:
                return None, self.as_of_day

    def _field_of(self, where: Where, behaviour: Behaviour) -> Field:
        field = behaviour.where(where.name)
        if field is None:
            raise _gone(where.path, "unknown_where", _("“%(name)s” can no longer be asked for."), where.name)
        return field

    def _all_of(self, asked: Iterable[tuple[Where, Field]]) -> Q | None:
        conditions = [self._form(field, _operator(each.operator, each.path), each.value) for each, field in asked]
        return reduce(and_, conditions) if conditions else None

    # forms that need more than a column and a value

    def last_days(self, field: Field, days: int) -> Q:
        return Q(Range(_read(field), (self.as_of_day - days + 1, self.as_of_day)))

    def next_days(self, field: Field, days: int) -> Q:
        return Q(Range(_read(field), (self.as_of_day, self.as_of_day + days - 1)))

    def anniversary(self, field: Field, days: int) -> Q:
        ranges = anniversary_ranges(self.as_of_day, days, self.leap_day)
        return reduce(or_, (Q(Range(F(cast(str, field.month_day_column)), ends)) for ends in ranges))

    def tagged(self, field: Field, tag: str) -> Q:
        members_with = cast(Callable[[str], Anything], field.members_with)
        return Q(In(F(self.member_column), members_with(tag)))


def _read(field: Field) -> Anything:
    """This function will give a field's column, or what stands in for one."""
    return field.expression() if field.expression is not None else F(field.column)


def _operator(code: str, path: str) -> Operator:
    operator = OPERATORS.get(code)
    if operator is None:
        raise _gone(path, "unknown_operator", _("There is no operator “%(name)s”."), code)
    return operator


def _gone(path: str, code: str, msgid: str, name: str) -> RuleErrors:
    return refuse(path, code, msgid, name=shorten(name))


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


def _lookup(kind: Callable[[Anything, Anything], Anything]) -> _Form:
    return lambda compiler, field, value: Q(kind(_read(field), value))


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
