"""Segments inside segments: the rule of the inner one is put in its place, so that one scan answers all."""

from collections.abc import Mapping
from dataclasses import replace

from rules.ast import All, Any, Compare, Did, Everyone, InlinedSegment, InSegment, Node, Not, StaticList, at, leaves
from rules.errors import refuse
from rules.fields import nearest
from rules.messages import _, shorten

DEEPEST = 60
"""Levels of the tree after inlining. Origin: far from where a database or Python gives up."""
MOST_LEAVES = 500
"""Conditions after inlining. Origin: SQLite refuses expressions deeper than 1,000, and n conditions are n deep."""
MOST_BEHAVIOURS = 50
"""Different looks at what members did after inlining. Origin: SQLite joins at most 64 tables; each look costs a read."""


def inline(node: Node, *, rule_of: Mapping[str, Node | StaticList], slug: str | None = None) -> Node:
    """This function will put the rule of every segment that is mentioned in its place.

    `rule_of` gives the checked rule, or the static list, that each slug has now. `slug` is the segment this rule
    belongs to, if it belongs to one: then a way back to it is a circle too. Conditions of an inlined segment have
    paths below `in_segment`, such as `rules[1].in_segment.rules[0]`. Raises RuleErrors for an unknown segment, a circle
    and for what is too large once everything is in place.
    """
    return _Inliner(rule_of).place(node, _Place(trail=() if slug is None else (slug,)))


def look_of(leaf: Did) -> tuple[object, ...]:
    """This function will name the look at what members did that a condition needs; the same look is looked once."""
    return (leaf.kind, leaf.window, leaf.where, leaf.of)


def looks_in(node: Node) -> frozenset[tuple[object, ...]]:
    """This function will name the different looks at what members did of a rule with inner segments in place."""
    return frozenset(look_of(leaf) for leaf in leaves(node) if isinstance(leaf, Did))


class _Place:
    """Where the work stands: below which path, inside which segments, how deep, from which leaf of the first rule."""

    def __init__(self, *, trail: tuple[str, ...], prefix: str = "", depth: int = 1, origin: str | None = None) -> None:
        self.trail = trail
        self.prefix = prefix
        self.depth = depth
        self.origin = origin

    def below(self) -> "_Place":
        return _Place(trail=self.trail, prefix=self.prefix, depth=self.depth + 1, origin=self.origin)

    def inside(self, leaf: InSegment) -> "_Place":
        path = at(self.path_of(leaf), "in_segment")
        return _Place(
            trail=(*self.trail, leaf.slug),
            prefix=path,
            depth=self.depth + 1,
            origin=path if self.origin is None else self.origin,
        )

    def path_of(self, node: Node) -> str:
        if not self.prefix or not node.path:
            return self.prefix or node.path
        return f"{self.prefix}.{node.path}"


class _Inliner:
    def __init__(self, rule_of: Mapping[str, Node | StaticList]) -> None:
        self._rule_of = rule_of
        self._leaves = 0
        self._looks: set[tuple[object, ...]] = set()

    def place(self, node: Node, where: _Place) -> Node:
        if where.depth > DEEPEST:
            raise refuse(
                where.origin or "",
                "inlined_too_deep",
                _("With the segments it mentions, the rule is more than %(most)d levels deep."),
                most=DEEPEST,
            )
        path = where.path_of(node)
        match node:
            case All() | Any():
                children = tuple(self.place(child, where.below()) for child in node.children)
                return type(node)(children, path)
            case Not():
                return Not(self.place(node.child, where.below()), path)
            case InlinedSegment():
                return InlinedSegment(node.slug, self.place(node.rule, where.below()), path)
            case InSegment():
                return self._segment(node, where)
            case Compare() | StaticList() | Everyone():
                self._count_leaf(where)
                return replace(node, path=path)
            case Did():
                self._count_leaf(where)
                self._count_behaviour(node, where)
                return replace(node, path=path)

    def _segment(self, leaf: InSegment, where: _Place) -> Node:
        inside = where.inside(leaf)
        if leaf.slug in where.trail:
            circle = (*where.trail[where.trail.index(leaf.slug) :], leaf.slug)
            raise refuse(
                inside.origin or "",
                "segment_circle",
                _("Segments stand in a circle: %(circle)s."),
                circle=" -> ".join(circle),
            )
        found = self._rule_of.get(leaf.slug)
        if found is None:
            raise self._unknown(leaf.slug, inside.origin or "")
        if isinstance(found, StaticList):
            self._count_leaf(where)
            return replace(found, path=where.path_of(leaf))
        return InlinedSegment(leaf.slug, self.place(found, inside), where.path_of(leaf))

    def _count_leaf(self, where: _Place) -> None:
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            raise refuse(
                where.origin or "",
                "inlined_too_large",
                _("With the segments it mentions, the rule has more than %(most)d conditions."),
                most=MOST_LEAVES,
            )

    def _count_behaviour(self, leaf: Did, where: _Place) -> None:
        """What is counted or compared otherwise of the same deeds in the same window is looked at once. Each sum counts as
        a look of its own: one of an order's parts is."""
        self._looks.add(look_of(leaf))
        if len(self._looks) > MOST_BEHAVIOURS:
            raise refuse(
                where.origin or "",
                "inlined_too_many_behaviours",
                _("With the segments it mentions, the rule has more than %(most)d conditions on what members did."),
                most=MOST_BEHAVIOURS,
            )

    def _unknown(self, slug: str, path: str) -> Exception:
        suggestion = nearest(slug, self._rule_of)
        if suggestion is None:
            return refuse(path, "unknown_segment", _("There is no segment “%(name)s”."), name=shorten(slug))
        return refuse(
            path,
            "unknown_segment",
            _("There is no segment “%(name)s”. Did you mean “%(suggestion)s”?"),
            name=shorten(slug),
            suggestion=suggestion,
        )
