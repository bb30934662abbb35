"""What about facts and segments needs a person: failing, too old, not filled for long, found wrong by the night's proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext

from retention.models import SampleProof, Segment, SegmentBuild
from retention.selectors.freshness import is_stale, stale_after

SLOW = timedelta(hours=1)
"""After which a segment that is still being filled is told of. Origin: a million members take seconds."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the first page, and the admin page where it is settled."""

    code: str
    sentence: str
    page: str
    pk: int
    urgent: bool = True


def notices(*, now: datetime) -> list[Notice]:
    """This function will say what needs a person, the most urgent first, in the active language."""
    return [*_failing(), *_stale(now), *_wrong(), *_slow(now)]


def _failing() -> Iterator[Notice]:
    words = gettext("The segment “%(name)s” cannot be counted: %(error)s")
    for segment in Segment.objects.filter(failure__isnull=False).order_by("name", "pk"):
        yield Notice("segment_failed", words % {"name": segment.name, "error": segment.error}, *_page(segment))


def _stale(now: datetime) -> Iterator[Notice]:
    limit = stale_after()
    old = Segment.objects.filter(failure__isnull=True, static=False).order_by("name", "pk")
    for segment in old:
        if is_stale(segment, limit=limit, now=now):
            days = (now - (segment.as_of or segment.created_at)).days
            words = ngettext(
                "The segment “%(name)s” was last counted %(days)d day ago. Campaigns that name it are paused.",
                "The segment “%(name)s” was last counted %(days)d days ago. Campaigns that name it are paused.",
                days,
            )
            yield Notice("segment_stale", words % {"name": segment.name, "days": days}, *_page(segment))


def _wrong() -> Iterator[Notice]:
    proof = SampleProof.objects.order_by("-pk").first()
    if proof is None or not proof.findings:
        return
    places = len(proof.findings)
    if proof.repaired_at is None:
        words = ngettext(
            "The night's proof found %(count)d wrong stored number, and counting everything again did not mend it.",
            "The night's proof found %(count)d wrong stored numbers, and counting everything again did not mend them.",
            places,
        )
    else:
        words = ngettext(
            "The night's proof found %(count)d wrong stored number. Everything was counted again and is right now.",
            "The night's proof found %(count)d wrong stored numbers. Everything was counted again and is right now.",
            places,
        )
    yield Notice(
        "proof_differs", words % {"count": places}, "retention_sampleproof", proof.pk, urgent=proof.repaired_at is None
    )


def _slow(now: datetime) -> Iterator[Notice]:
    words = gettext("The segment “%(name)s” is still being counted by its new rule; its members are the old ones.")
    waiting = SegmentBuild.objects.filter(state__in=SegmentBuild.OPEN, opened_at__lt=now - SLOW).select_related("segment")
    for build in waiting.order_by("pk"):
        yield Notice("segment_slow", words % {"name": build.segment.name}, *_page(build.segment), urgent=False)


def _page(segment: Segment) -> tuple[str, int]:
    return "retention_segment", segment.pk
