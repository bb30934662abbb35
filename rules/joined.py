"""What members did, added up once for every rule that asks, and joined to the rows that are asked.

A leaf on behaviour compiles to a comparison with a `Tally`. Where a query takes it in, the sums become one of the query's
CTEs, a row a member, and a LEFT JOIN on it: of nothing they are 0. Leaves that look at the same deeds in the same window
share one, whatever they count or sum of it. Joined, and not `member_id IN (...)`: in a scan of everybody PostgreSQL answers
such an IN row by row, and once the ids outgrow its work_mem it reads them all for every member.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Expression, F, Field, FloatField, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.where import WhereNode
from django_cte import CTE
from django_cte.jitmixin import jit_mixin
from django_cte.join import QJoin
from django_cte.query import CTEQuery

from rules.ast import Aggregate, Where
from rules.fields import Behaviour, FieldType

MEMBER = "member_id"
"""The column of a behaviour's rows that says whose they are."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is made of the deeds: a count, a count of days, or a sum of one of their columns."""

    aggregate: Aggregate
    column: str = ""

    @property
    def name(self) -> str:
        return f"{self.aggregate.value}_{self.column}" if self.column else self.aggregate.value


@dataclass(frozen=True, slots=True)
class Sought:
    """Which deeds are looked at, for whom and until when, and what is made of them.

    Nothing later than `as_of` counts; None is the end of `last_day`. `whole` is asked of a deed, `parts` of one of its
    parts; with `by_part` the parts that meet it are what is summed. A behaviour's `rows` answer with a queryset that has a
    row a member: MEMBER, and each measure under its name.
    """

    first_day: int | None
    last_day: int
    as_of: datetime | None
    members: Any
    whole: Q | None
    parts: Q | None
    by_part: bool
    measures: frozenset[Measure] = frozenset()


@dataclass(frozen=True, slots=True)
class Look:
    """What tells one look at deeds from another."""

    kind: str
    first_day: int | None
    last_day: int
    as_of: datetime | None
    scope: int
    """The identity of the scope: equal scopes of one compilation are one object."""
    where: tuple[Where, ...]
    by_part: bool


class Tallied(CTE):
    """The sums of one look, as a CTE that can take in further measures."""

    def __init__(self, look: Look, behaviour: Behaviour, sought: Sought, name: str) -> None:
        assert behaviour.rows is not None
        super().__init__(behaviour.rows(sought), name=name)
        self.look, self.behaviour, self.sought = look, behaviour, sought

    def with_measure(self, measure: Measure) -> Tallied:
        if measure in self.sought.measures:
            return self
        wider = replace(self.sought, measures=self.sought.measures | {measure})
        return Tallied(self.look, self.behaviour, wider, self.name)


class Tally(Expression):
    """A measure of a look for each row: 0 where the member did nothing of the kind."""

    def __init__(self, look: Look, behaviour: Behaviour, sought: Sought, measure: Measure, member_column: str) -> None:
        super().__init__(output_field=_stored_as(behaviour, measure))
        self.look, self.behaviour, self.sought = look, behaviour, sought
        self.measure, self.member_column = measure, member_column

    @property
    def identity(self) -> tuple[object, ...]:
        """What it is known by, without the labels of the catalogue: Django hashes expressions over and over."""
        return (Tally, self.look, self.measure, self.member_column)

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        """This function will join the sums to `query` unless they are, and give the column that holds the measure."""
        column = JoinedColumn(self._joined_to(query), self.measure.name, self.output_field)
        return Coalesce(column, Value(0), output_field=self.output_field).resolve_expression(query, *args, **kwargs)

    def _joined_to(self, query: Any) -> str:
        jit_mixin(query, CTEQuery)
        tallied = [cte for cte in query._with_ctes if isinstance(cte, Tallied)]
        known = next((cte for cte in tallied if cte.look == self.look), None)
        if known is not None:
            wider = known.with_measure(self.measure)
            query._with_ctes = tuple(wider if cte is known else cte for cte in query._with_ctes)
            return str(next(alias for alias, join in query.alias_map.items() if join.table_name == known.name))
        name = f"did_{len(tallied) + 1}"
        member = F(self.member_column).resolve_expression(query)
        sought = replace(self.sought, measures=frozenset({self.measure}))
        query._with_ctes += (Tallied(self.look, self.behaviour, sought, name),)
        same: Any = Exact(member, JoinedColumn(name, MEMBER, member.output_field))
        same_member = WhereNode([same])
        return str(query.join(QJoin(query.get_initial_alias(), name, name, same_member, LOUTER)))


class JoinedColumn(Expression):
    """A column of what was joined."""

    def __init__(self, alias: str, name: str, output_field: Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.alias, self.name = alias, name

    def resolve_expression(self, *args: Any, **kwargs: Any) -> JoinedColumn:
        return self

    def relabeled_clone(self, change_map: Any) -> JoinedColumn:
        return JoinedColumn(change_map.get(self.alias, self.alias), self.name, self.output_field)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return f"{compiler.quote_name_unless_alias(self.alias)}.{connection.ops.quote_name(self.name)}", ()


def _stored_as(behaviour: Behaviour, measure: Measure) -> Field[Any, Any]:
    summed = next((field for field in behaviour.sums if field.column == measure.column), None)
    return FloatField() if summed is not None and summed.type is FieldType.DECIMAL else BigIntegerField()
