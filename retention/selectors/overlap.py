"""Who is in two segments at once, counted from the bits of the masks: one look at a narrow table, however large they are."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from retention.models import MemberMask, Segment


@dataclass(frozen=True, slots=True)
class Overlap:
    """Members in both segments, in the first alone, in the second alone, as the last count wrote them."""

    both: int
    only_first: int
    only_second: int

    @property
    def share_of_first(self) -> float | None:
        whole = self.both + self.only_first
        return self.both / whole if whole else None

    @property
    def share_of_second(self) -> float | None:
        whole = self.both + self.only_second
        return self.both / whole if whole else None


def overlap(first: Segment, second: Segment) -> Overlap:
    """This function will count who is in two segments, and who is in one of them alone."""
    if first.word == second.word:
        counts = _marked(first).aggregate(
            both=Count("pk", filter=_has("mask", first) & _has("mask", second)),
            first=Count("pk", filter=_has("mask", first)),
            second=Count("pk", filter=_has("mask", second)),
        )
        both, of_first, of_second = counts["both"], counts["first"], counts["second"]
    else:
        inside, others = _inside(first), _inside(second)
        both = inside.filter(Exists(others.filter(member_id=OuterRef("member_id")))).count()
        of_first, of_second = inside.count(), others.count()
    return Overlap(both, of_first - both, of_second - both)


def _marked(segment: Segment) -> QuerySet[MemberMask]:
    return MemberMask.objects.filter(word=segment.word)


def _has(column: str, segment: Segment) -> Q:
    return Q(**{f"{column}": F(column).bitor(1 << segment.bit)})


def _inside(segment: Segment) -> QuerySet[MemberMask]:
    return _marked(segment).filter(_has("mask", segment))
