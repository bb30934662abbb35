"""Why (not) this member: the tree of a rule with the answer that the database gave at each leaf.

Leaves are answered by `rules.compile.compile_leaves` in the database, never here: a second evaluator would one day
disagree with the first. Here answers are only combined, and the leaves marked that made the whole answer.
"""

from collections.abc import Mapping
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
    value: object = None
    """For a condition on a column: what this member has."""
    value_text: str = ""
    threshold: Value = None
    children: tuple["Explanation", ...] = ()

    def deciding(self) -> tuple["Explanation", ...]:
        """This function will give the conditions that made the answer."""
        if not self.children:
            return (self,) if self.decides else ()
        return tuple(leaf for child in self.children for leaf in child.deciding())


def explain(
    node: Node,
    writer: Writer,
    *,
    results: Mapping[str, bool | int | None],
    values: Mapping[str, object] | None = None,
) -> Explanation:
    """This function will build the tree from the leaves' answers.

    `results` gives 1 or True, 0 or False, or None for each leaf's path; `values` the member's columns, if they are to
    be shown.
    """
    return _Explainer(writer, results, values or {}).explanation(node, decides=True)


class _Explainer:
    def __init__(self, writer: Writer, results: Mapping[str, bool | int | None], values: Mapping[str, object]) -> None:
        self._writer = writer
        self._results = results
        self._values = values

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
            value=value,
            value_text=text,
            threshold=leaf.value if isinstance(leaf, Compare) else None,
        )

    def _value_of(self, leaf: Leaf) -> tuple[object, str]:
        field = self._writer.catalogue.get(leaf.field) if isinstance(leaf, Compare) else None
        if field is None or field.column not in self._values:
            return None, ""
        value = self._values[field.column]
        if field.type is FieldType.DATE and isinstance(value, int):
            value = date_of(value)
        return value, self._writer.value(field, value)

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
                answer = self._results[node.path]
                return None if answer is None else bool(answer)


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
