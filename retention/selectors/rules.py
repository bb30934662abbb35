"""A rule from JSON to a tree that can be compiled: read, checked against the catalogue, inner segments in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property

from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.conf import shop_currency
from core.errors import FieldProblem, InvalidInput
from core.money import DECIMALS, SYMBOLS
from retention.fields import catalogue
from retention.models import Segment, StaticMember
from retention.scored import Scope
from rules.ast import Node, StaticList, fields_in, segments_in
from rules.check import check
from rules.compile import compile_rule
from rules.errors import RuleErrors
from rules.fields import FieldCatalogue
from rules.parse import parse
from rules.segments import MOST_BEHAVIOURS, inline, looks_in
from rules.words import Writer


class Rulebook(Mapping[str, Node | StaticList]):
    """The rules of all segments as they are at one moment, by slug; each is read when it is first asked for.

    A stored rule passed every check when it was saved. Where it no longer does (a field is gone), asking for it raises
    RuleErrors: what mentions it fails closed.
    """

    def __init__(self, rows: Mapping[str, Segment] | None = None) -> None:
        self._given = rows
        self._read: dict[str, Node | StaticList] = {}

    @cached_property
    def segments(self) -> Mapping[str, Segment]:
        if self._given is not None:
            return self._given
        return {segment.slug: segment for segment in Segment.objects.select_related("version")}

    @cached_property
    def catalogue(self) -> FieldCatalogue:
        """What rules may name at this moment: attributes come and go."""
        return catalogue()

    def __getitem__(self, slug: str) -> Node | StaticList:
        if slug not in self._read:
            self._read[slug] = self._rule(self.segments[slug])
        return self._read[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __contains__(self, slug: object) -> bool:
        return slug in self.segments

    def put(self, slug: str, rule: Node) -> None:
        """This function will take a rule for the segment's own, to see what would come of it."""
        self._read[slug] = rule

    def read(self, document: object) -> Node:
        """This function will read and check one rule, inner segments by name; raises RuleErrors."""
        return check(parse(document), self.catalogue, segments=self)

    def placed(self, rule: Node, *, slug: str | None = None) -> Node:
        """This function will put the rules of inner segments in their place; raises RuleErrors for circles and giants."""
        return inline(rule, rule_of=self, slug=slug)

    def condition_of(self, slug: str, *, day: int, as_of: datetime | None = None, scope: Scope = None) -> Q:
        """This function will compile a segment's own rule, as of a day's end or an instant of it; raises RuleErrors.

        `scope` is the scope of the rows that will be asked: nobody else's orders and events are then read.
        """
        rule = self[slug]
        placed = rule if isinstance(rule, StaticList) else self.placed(rule, slug=slug)
        return compile_rule(placed, self.catalogue, as_of_day=day, as_of=as_of, scope=scope)

    def reads(self, slug: str, field: str) -> bool:
        """This function will say whether a segment's rule reads a field, itself or through others; raises RuleErrors."""
        rule = self[slug]
        return not isinstance(rule, StaticList) and field in fields_in(self.placed(rule, slug=slug))

    def users_of(self, slug: str) -> list[str]:
        """This function will name the segments whose rule mentions this one, directly or through others."""
        users = [user for user in self if user != slug and slug in self._mentions(user)]
        return users

    def _rule(self, segment: Segment) -> Node | StaticList:
        if segment.static:
            return StaticList(segment.slug, StaticMember.objects.filter(segment=segment).values("member_id"))
        return self.read(segment.version.rule if segment.version else None)

    def _mentions(self, slug: str) -> frozenset[str]:
        try:
            rule = self[slug]
        except RuleErrors:
            return frozenset()
        return frozenset() if isinstance(rule, StaticList) else segments_in(rule)


def condition(
    document: object,
    *,
    day: int,
    as_of: datetime | None = None,
    scope: Scope = None,
    prefix: str = "rule",
    rulebook: Rulebook | None = None,
) -> Q:
    """This function will compile a rule given from outside as `Rulebook.condition_of` does, or raise InvalidInput."""
    rulebook = Rulebook() if rulebook is None else rulebook
    placed = readable(document, prefix=prefix, rulebook=rulebook)[1]
    return compile_rule(placed, rulebook.catalogue, as_of_day=day, as_of=as_of, scope=scope)


def readable(document: object, *, prefix: str = "", rulebook: Rulebook | None = None) -> tuple[Node, Node]:
    """This function will read a rule given from outside: as it stands, and with inner segments in place; or InvalidInput."""
    rulebook = Rulebook() if rulebook is None else rulebook
    try:
        rule = rulebook.read(document)
        return rule, rulebook.placed(rule)
    except RuleErrors as errors:
        raise invalid_rule(errors, prefix=prefix) from None


def demand_askable_together(
    rule: object, exclusion: object | None, *, prefix: str, rulebook: Rulebook | None = None
) -> None:
    """This function will raise InvalidInput, at `prefix`, for an exclusion that is too much beside its rule: together they
    are one question, with as many looks at what members did as a rule may have."""
    if exclusion is None:
        return
    rulebook = Rulebook() if rulebook is None else rulebook
    placed = (readable(each, prefix=prefix, rulebook=rulebook)[1] for each in (rule, exclusion))
    if len(frozenset().union(*map(looks_in, placed))) > MOST_BEHAVIOURS:
        message = _("Together with the audience it asks more than %(most)d different things of what members did.")
        said = message % {"most": MOST_BEHAVIOURS}
        raise InvalidInput(said, problems=[FieldProblem(prefix, "too_many_behaviours", said)])


def invalid_rule(errors: RuleErrors, *, prefix: str = "") -> InvalidInput:
    """This function will turn a rule's errors into the refusal that faces know, paths below `prefix`."""
    problems = [FieldProblem(_below(prefix, error.path), error.code, error.message.text(gettext)) for error in errors.errors]
    return InvalidInput(_("The rule cannot be used: %(first)s") % {"first": problems[0].message}, problems=problems)


def writer(rulebook: Rulebook | None = None) -> Writer:
    """This function will make the writer of sentences in the active language and the shop's currency."""
    currency = shop_currency()
    rulebook = Rulebook() if rulebook is None else rulebook  # one without segments is false
    names = {slug: segment.name for slug, segment in rulebook.segments.items()}
    return Writer(
        catalogue=rulebook.catalogue,
        translate=gettext,
        currency=SYMBOLS.get(currency, f"{currency} "),
        minor_digits=DECIMALS.get(currency, 2),
        segment_names=names,
    )


def _below(prefix: str, path: str) -> str:
    if not prefix or not path:
        return prefix or path
    return f"{prefix}{path}" if path.startswith("[") else f"{prefix}.{path}"
