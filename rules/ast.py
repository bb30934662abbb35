"""The rule as a tree of frozen nodes. A path says where in the JSON a node stood; it is no part of equality."""

import dataclasses
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any as Anything
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | datetime.date
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None
"""What a leaf compares with. None: the leaf states no value (null itself is refused)."""


def at(path: str, key: str | int) -> str:
    """This function will give the JSON path of a key or an index below a path."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


@dataclass(frozen=True, slots=True)
class All:
    """True when every child is. Never empty: an empty group would match everyone."""

    children: tuple["Node", ...]
    path: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        _require_children(self.children)


@dataclass(frozen=True, slots=True)
class Any:
    """True when one child is. Never empty: an empty group would be read by some as everyone, by some as nobody."""

    children: tuple["Node", ...]
    path: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        _require_children(self.children)


@dataclass(frozen=True, slots=True)
class Not:
    """True when the child is false; unknown when the child is unknown."""

    child: "Node"
    path: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A field of the catalogue against a value."""

    field: str
    operator: str
    value: Value = None
    path: str = dataclasses.field(default="", compare=False)


class Aggregate(StrEnum):
    """What is made of all that a member did: how often, on how many days, how much altogether."""

    COUNT = "times"
    DISTINCT_DAYS = "distinct_days"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Window:
    """The days looked at, counted back from the day of `as_of`: a form of rules.operators.WINDOWS, and its value.

    `within_days` has a number of days, `between_days_ago` a pair of them, `since` a date; no form is all there is.
    """

    form: str = ""
    value: Value = None


@dataclass(frozen=True, slots=True)
class Where:
    """What a behaviour must have been like: a field of its own against a value.

    `plain` is a value written without its operator: {"category": "tea"}.
    """

    name: str
    operator: str
    value: Value = None
    plain: bool = dataclasses.field(default=False, compare=False)
    path: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Did:
    """What a member did in a window, counted or summed, against a number. Of nothing it is 0, never missing."""

    kind: str
    aggregate: Aggregate
    operator: str
    value: Value
    of: str | None = None
    """For sums: the name of what is summed."""
    window: Window = Window()
    where: tuple[Where, ...] = ()
    path: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class InSegment:
    """Another segment by name. `rules.segments.inline` puts its rule in this place before compiling."""

    slug: str
    path: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Everyone:
    """True for every member, because somebody wrote so."""

    path: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class InlinedSegment:
    """Another segment with its rule in its place."""

    slug: str
    rule: "Node"
    path: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StaticList:
    """A segment that is a list of members. `members` is a queryset or subquery of member ids, never null."""

    slug: str
    members: Anything = dataclasses.field(compare=False)
    path: str = dataclasses.field(default="", compare=False)


Leaf: TypeAlias = Compare | Did | InSegment | StaticList | Everyone
Node: TypeAlias = All | Any | Not | InlinedSegment | Leaf


def children(node: Node) -> tuple[Node, ...]:
    """This function will give the nodes directly below a node."""
    match node:
        case All() | Any():
            return node.children
        case Not():
            return (node.child,)
        case InlinedSegment():
            return (node.rule,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """This function will yield a node and all below it, in the order of the document."""
    yield node
    for child in children(node):
        yield from walk(child)


def leaves(node: Node) -> Iterator[Leaf]:
    """This function will yield the conditions of a rule, those of inlined segments too."""
    for each in walk(node):
        if isinstance(each, Compare | Did | InSegment | StaticList | Everyone):
            yield each


def fields_in(node: Node) -> frozenset[str]:
    """This function will name the fields that a rule reads."""
    return frozenset(leaf.field for leaf in leaves(node) if isinstance(leaf, Compare))


def kinds_in(node: Node) -> frozenset[str]:
    """This function will name the kinds of behaviour that a rule asks for."""
    return frozenset(leaf.kind for leaf in leaves(node) if isinstance(leaf, Did))


def segments_in(node: Node) -> frozenset[str]:
    """This function will name the segments that a rule mentions, inlined or not."""
    return frozenset(each.slug for each in walk(node) if isinstance(each, InSegment | InlinedSegment | StaticList))


def _require_children(nodes: tuple[Node, ...]) -> None:
    if not nodes:
        raise ValueError("A group needs at least one condition.")
