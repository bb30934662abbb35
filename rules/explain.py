"""Why (not) this member: the tree of a rule with the answer that the database gave at each leaf.

Leaves are answered by `rules.compile.compile_leaves` in the database, never here: a second evaluator would one day
disagree with the first. Here answers are only combined, and the leaves marked that made the whole answer.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from rules.ast import (
    All,
    Any,
    Compare,
    Did,
    Everyone,
    InlinedSegment,
    InSegment,
    Leaf,
    Node,
    Not,
    StaticList,
    Value,
    leaves,
)
from rules.days import date_of
from rules.fields import FieldType
from rules.words import Writer

__all__ = ["Explanation", "explain", "leaves"]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One node of a rule for one member."""

    path: str
    kind: str
    """all, any, not, segment or condition."""
    sentence: str
    held: bool | None
    """None: unknown, because a value is missing."""
    decides: bool
    """The whole answer stands as long as the deciding leaves stand."""
    must_change: bool = False
    """One of a smallest set of conditions that, each turned round, would make the rule true of this member, or no longer."""
    value: object = None
    """For a condition on a field or on behaviour: what this member has, or did."""
    value_text: str = ""
    threshold: Value = None
    children: tuple["Explanation", ...] = ()

    def deciding(self) -> tuple["Explanation", ...]:
        """This function will give the conditions that made the answer."""
        if not self.children:
            return (self,) if self.decides else ()
        return tuple(leaf for child in self.children for leaf in child.deciding())

    def changes(self) -> tuple["Explanation", ...]:
        """This function will give the fewest conditions that would have to change for the answer to turn."""
        if not self.children:
            return (self,) if self.must_change else ()
        return tuple(leaf for child in self.children for leaf in child.changes())


def explain(
    node: Node,
    writer: Writer,
    *,
    results: Mapping[str, bool | int | None],
    values: Mapping[str, object] | None = None,
) -> Explanation:
    """This function will build the tree from the leaves' answers.

    `results` gives 1 or True, 0 or False, or None for each leaf's path; `values` what the leaves compare, likewise, so far
    as it is to be shown.
    """
    return _Explainer(writer, results, values or {}, turning_points(node, results)).explanation(node, decides=True)


class _Explainer:
    def __init__(
        self,
        writer: Writer,
        results: Mapping[str, bool | int | None],
        values: Mapping[str, object],
        changes: Collection[str],
    ) -> None:
        self._writer = writer
        self._results = results
        self._values = values
        self._changes = changes

    def explanation(self, node: Node, *, decides: bool) -> Explanation:
        match node:
            case All():
                return self._group(node, "all", node.children, decides)
            case Any():
                return self._group(node, "any", node.children, decides)
            case Not():
                return self._group(node, "not", (node.child,), decides)
            case InlinedSegment():
                return self._group(node, "segment", (node.rule,), decides)
            case Compare() | Did() | InSegment() | StaticList() | Everyone():
                return self._leaf(node, decides)

    def _group(self, node: Node, kind: str, below: tuple[Node, ...], decides: bool) -> Explanation:
        held = self._held(node)
        answers = [self._held(child) for child in below]
        responsible = _responsible(kind, held, answers)
        return Explanation(
            path=node.path,
            kind=kind,
            sentence=self._writer.sentence(node),
            held=held,
            decides=decides,
            children=tuple(
                self.explanation(child, decides=decides and made_it)
                for child, made_it in zip(below, responsible, strict=True)
            ),
        )

    def _leaf(self, leaf: Leaf, decides: bool) -> Explanation:
        value, text = self._value_of(leaf)
        return Explanation(
            path=leaf.path,
            kind="condition",
            sentence=self._writer.sentence(leaf),
            held=self._held(leaf),
            decides=decides,
            must_change=leaf.path in self._changes,
            value=value,
            value_text=text,
            threshold=leaf.value if isinstance(leaf, Compare | Did) else None,
        )

    def _value_of(self, leaf: Leaf) -> tuple[object, str]:
        value = self._values.get(leaf.path)
        match leaf:
            case Did() if leaf.path in self._values:
                return value, self._writer.amount(leaf, value)
            case Compare() if leaf.path in self._values and (field := self._writer.catalogue.get(leaf.field)) is not None:
                shown = date_of(value) if field.type is FieldType.DATE and isinstance(value, int) else value
                return shown, self._writer.value(field, shown)
            case _:
                return None, ""

    def _held(self, node: Node) -> bool | None:
        match node:
            case All():
                return _all([self._held(child) for child in node.children])
            case Any():
                return _not(_all([_not(self._held(child)) for child in node.children]))
            case Not():
                return _not(self._held(node.child))
            case InlinedSegment():
                return self._held(node.rule)
            case _:
                return _answer(self._results[node.path])


def _all(answers: list[bool | None]) -> bool | None:
    if False in answers:
        return False
    return None if None in answers else True


def _not(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _responsible(kind: str, held: bool | None, answers: list[bool | None]) -> list[bool]:
    """This function will tell which children made the answer.

    One false child makes "all" false, one true child "any" true, and where nothing settles it the unknown ones leave
    it open; otherwise each child was needed.
    """
    settled = {"all": False, "any": True}.get(kind)
    if held is None or held == settled:
        return [answer is held for answer in answers]
    return [True] * len(answers)


# What would have to change

_Way = tuple[float, tuple[str, ...]]
"""How many conditions have to change, and which."""
_TRUE, _FALSE, _NOT_TRUE, _NOT_FALSE = range(4)
_DENIED = {_TRUE: _FALSE, _FALSE: _TRUE, _NOT_TRUE: _NOT_FALSE, _NOT_FALSE: _NOT_TRUE}
_ALREADY: Mapping[int, Callable[[bool | None], bool]] = {
    _TRUE: lambda answer: answer is True,
    _FALSE: lambda answer: answer is False,
    _NOT_TRUE: lambda answer: answer is not True,
    _NOT_FALSE: lambda answer: answer is not False,
}
_IMPOSSIBLE: _Way = (float("inf"), ())


def turning_points(node: Node, results: Mapping[str, bool | int | None]) -> frozenset[str]:
    """This function will give the paths of the fewest leaves whose change turns the answer; of equals the first.

    A rule that is true is to be no longer, one that is false or unknown is to become true. Empty where nothing can do that.
    """

    def way(node: Node, wanted: int) -> _Way:
        match node:
            case All():
                return every(node.children, wanted) if wanted in (_TRUE, _NOT_FALSE) else one(node.children, wanted)
            case Any():
                return one(node.children, wanted) if wanted in (_TRUE, _NOT_FALSE) else every(node.children, wanted)
            case Not():
                return way(node.child, _DENIED[wanted])
            case InlinedSegment():
                return way(node.rule, wanted)
            case Everyone():
                return (0, ()) if _ALREADY[wanted](True) else _IMPOSSIBLE
            case _:
                return (0, ()) if _ALREADY[wanted](_answer(results[node.path])) else (1, (node.path,))

    def every(nodes: tuple[Node, ...], wanted: int) -> _Way:
        ways = [way(each, wanted) for each in nodes]
        return sum(cost for cost, _paths in ways), tuple(path for _cost, paths in ways for path in paths)

    def one(nodes: tuple[Node, ...], wanted: int) -> _Way:
        return min((way(each, wanted) for each in nodes), key=lambda found: found[0])

    now_true = way(node, _TRUE)
    cost, paths = now_true if now_true[0] > 0 else way(node, _NOT_TRUE)
    return frozenset(paths) if cost < float("inf") else frozenset()


def _answer(result: bool | int | None) -> bool | None:
    return None if result is None else bool(result)
