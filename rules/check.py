"""Tree against catalogue: every name known, every operator legal, every value of its field's type."""

from collections.abc import Collection, Mapping
from dataclasses import replace

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
    Value,
    Where,
    Window,
    at,
)
from rules.errors import Findings
from rules.fields import Behaviour, Field, FieldCatalogue, FieldType, nearest
from rules.messages import _, shorten
from rules.operators import BEHAVIOUR_OPERATORS, LONGEST_WINDOW_DAYS, OPERATORS, Operator, operators_for
from rules.values import Values, whole

COUNTS: Mapping[Aggregate, Field] = {
    Aggregate.COUNT: Field(name="times", type=FieldType.NUMBER, label=_("times"), unit="times", nullable=False),
    Aggregate.DISTINCT_DAYS: Field(name="times", type=FieldType.NUMBER, label=_("days"), unit="days", nullable=False),
}
"""What is compared where a behaviour is counted."""
SINCE = Field(name="since", type=FieldType.DATE, label="since")


def check(node: Node, catalogue: FieldCatalogue, *, segments: Collection[str]) -> Node:
    """This function will give the rule with typed values, or raise RuleErrors that names all that does not fit.

    `segments` are the names that `in_segment` may use. Dates become datetime.date, whole numbers int, others float.
    """
    with Findings() as found:
        checked = _Checker(found, catalogue, segments).node(node)
    return checked


class _Checker:
    """Checks one tree. Where something does not fit it notes an error and hands the node back as it was."""

    def __init__(self, found: Findings, catalogue: FieldCatalogue, segments: Collection[str]) -> None:
        self._found = found
        self._catalogue = catalogue
        self._segments = segments

    def node(self, node: Node) -> Node:
        match node:
            case All():
                return All(tuple(self.node(child) for child in node.children), node.path)
            case Any():
                return Any(tuple(self.node(child) for child in node.children), node.path)
            case Not():
                return Not(self.node(node.child), node.path)
            case Compare():
                return self._compare(node)
            case Did():
                return self._did(node)
            case InSegment():
                return self._in_segment(node)
            case InlinedSegment() | StaticList() | Everyone():
                return node  # an inlined rule was checked when it was saved

    def _in_segment(self, node: InSegment) -> Node:
        if node.slug not in self._segments:
            self._unknown(
                at(node.path, "in_segment"),
                "unknown_segment",
                node.slug,
                nearest(node.slug, self._segments),
                plain=_("There is no segment “%(name)s”."),
                guess=_("There is no segment “%(name)s”. Did you mean “%(suggestion)s”?"),
            )
        return node

    def _compare(self, node: Compare) -> Node:
        field = self._field(node)
        operator = self._operator(node.operator, at(node.path, "operator"))
        if field is None or operator is None:
            return node
        allowed = tuple(row.code for row in operators_for(field))
        if not self._takes(field, operator, allowed, at(node.path, "operator")):
            return node
        value = Values(self._found, field, operator, at(node.path, "value")).read(node.value)
        return Compare(node.field, node.operator, value, node.path)

    def _takes(self, field: Field, operator: Operator, allowed: Collection[str], path: str) -> bool:
        if operator.code in allowed:
            return True
        self._found.add(
            path,
            "operator_not_allowed",
            _("“%(field)s” does not take “%(operator)s”. It takes: %(allowed)s."),
            field=field.label,
            operator=operator.code,
            allowed=", ".join(allowed),
        )
        return False

    # behaviours

    def _did(self, node: Did) -> Node:
        operator = self._operator(node.operator, at(node.path, "operator"))
        window = self._window(node)
        behaviour = self._behaviour(node)
        if behaviour is None:
            return node
        measured = self._measured(node, behaviour)
        where = tuple(self._where(each, behaviour) for each in node.where)
        if operator is None or measured is None:
            return node
        if not self._takes(measured, operator, BEHAVIOUR_OPERATORS, at(node.path, "operator")):
            return node
        key = "value" if node.aggregate is Aggregate.SUM else "times"
        value = Values(self._found, measured, operator, at(node.path, key)).read(node.value)
        if node.aggregate is not Aggregate.SUM and _is_negative(value):
            self._found.add(at(node.path, key), "out_of_range", _("Nobody does anything less than 0 times."))
        return replace(node, value=value, window=window, where=where)

    def _behaviour(self, node: Did) -> Behaviour | None:
        behaviour = self._catalogue.behaviour(node.kind)
        if behaviour is None:
            self._unknown(
                at(node.path, "did"),
                "unknown_did",
                node.kind,
                nearest(node.kind, [each.code for each in self._catalogue.behaviours]),
                plain=_("“%(name)s” is nothing this shop records, so no condition can ask for it."),
                guess=_("“%(name)s” is nothing this shop records. Did you mean “%(suggestion)s”?"),
            )
        return behaviour

    def _measured(self, node: Did, behaviour: Behaviour) -> Field | None:
        """This function will give what is compared: a count of times or days, or one of the behaviour's sums."""
        if node.aggregate is not Aggregate.SUM:
            return COUNTS[node.aggregate]
        summed = behaviour.sum_of(node.of or "")
        if summed is None:
            known = [field.name for field in behaviour.sums]
            self._found.add(
                at(node.path, "sum"),
                "unknown_sum",
                _("“%(name)s” cannot be added up of “%(behaviour)s”. What can: %(known)s."),
                name=shorten(node.of),
                behaviour=behaviour.label,
                known=", ".join(known) or "-",
            )
        return summed

    def _window(self, node: Did) -> Window:
        form, value = node.window.form, node.window.value
        path = at(node.path, form)
        if not form or value is None:
            return node.window
        if form == "since":
            return Window(form, Values(self._found, SINCE, OPERATORS["="], path).read(value))
        if form == "within_days":
            return Window(form, Values(self._found, SINCE, OPERATORS["within_last_days"], path).read(value))
        return Window(form, self._days_ago(value, path))

    def _days_ago(self, value: Value, path: str) -> Value:
        """Both ends belong to it, in either order: somebody thinks back from today, somebody else forward."""
        numbers = tuple(whole(each) for each in value) if isinstance(value, tuple) else ()
        ends = sorted(number for number in numbers if number is not None)
        if len(ends) != 2 or len(numbers) != 2:
            self._found.add(path, "wrong_type", _("“between_days_ago” takes a list of two whole numbers of days."))
            return None
        if ends[0] < 0 or ends[1] > LONGEST_WINDOW_DAYS:
            self._found.add(path, "out_of_range", _("The numbers of days are from 0 to %(most)d."), most=LONGEST_WINDOW_DAYS)
        return (ends[0], ends[1])

    def _where(self, node: Where, behaviour: Behaviour) -> Where:
        field = behaviour.where(node.name)
        operator = self._operator(node.operator, at(node.path, "operator"))
        if field is None:
            known = [each.name for each in behaviour.wheres]
            self._unknown(
                node.path,
                "unknown_where",
                node.name,
                nearest(node.name, known),
                plain=_("“%(behaviour)s” has no “%(name)s”. It has: %(known)s."),
                guess=_("“%(behaviour)s” has no “%(name)s”. Did you mean “%(suggestion)s”?"),
                behaviour=behaviour.label,
                known=", ".join(known),
            )
            return node
        allowed = tuple(row.code for row in operators_for(field))
        path = node.path if node.plain else at(node.path, "operator")
        if operator is None or not self._takes(field, operator, allowed, path):
            return node
        value_path = node.path if node.plain else at(node.path, "value")
        return replace(node, value=Values(self._found, field, operator, value_path).read(node.value))

    def _field(self, node: Compare) -> Field | None:
        field = self._catalogue.get(node.field)
        if field is None:
            self._unknown(
                at(node.path, "field"),
                "unknown_field",
                node.field,
                self._catalogue.suggest(node.field),
                plain=_("There is no field “%(name)s”."),
                guess=_("There is no field “%(name)s”. Did you mean “%(suggestion)s”?"),
            )
        return field

    def _operator(self, code: str, path: str) -> Operator | None:
        operator = OPERATORS.get(code)
        if operator is None:
            self._unknown(
                path,
                "unknown_operator",
                code,
                nearest(code, OPERATORS),
                plain=_("There is no operator “%(name)s”."),
                guess=_("There is no operator “%(name)s”. Did you mean “%(suggestion)s”?"),
            )
        return operator

    def _unknown(
        self, path: str, code: str, name: str, suggestion: str | None, *, plain: str, guess: str, **more: object
    ) -> None:
        if suggestion is None:
            self._found.add(path, code, plain, name=shorten(name), **more)
        else:
            self._found.add(path, code, guess, name=shorten(name), suggestion=suggestion, **more)


def _is_negative(value: Value) -> bool:
    low = value[0] if isinstance(value, tuple) else value
    return isinstance(low, int) and low < 0
