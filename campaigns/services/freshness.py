"""Whether what a campaign relies on can still be relied on: the segments it names, the kinds it is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from campaigns.actions import Step
from campaigns.models import CampaignVersion
from campaigns.models.pauses import Because, because, because_of, because_unreadable, pause_sentence
from campaigns.services.documents import steps_of, trigger_of
from core.errors import FieldProblem
from retention.models import Segment
from retention.models.failures import failure_of
from retention.selectors.freshness import is_stale, stale_after
from rules.ast import segments_in
from rules.errors import RuleErrors
from rules.parse import parse


def obstacle(*, version: CampaignVersion, now: datetime) -> str | None:
    """This function will say, in a sentence, why a campaign must not go on now, or None when nothing stands in its way."""
    return pause_sentence(hindrance(version=version, now=now)) or None


def hindrance(*, version: CampaignVersion, now: datetime) -> Because | None:
    """This function will find why a campaign must not go on now, for keeping; None when nothing stands in its way."""
    if trigger_of(version.trigger) is None:
        return because("trigger_unknown", kind=version.trigger["kind"])
    steps = steps_of(version.steps)
    if steps is None:
        return because("step_unknown")
    try:
        slugs = segments_named(version)
    except RuleErrors as errors:
        return because_unreadable(failure_of(errors))
    return next(_unreliable(slugs, now), None) or _broken(steps)


def _broken(steps: Sequence[Step]) -> Because | None:
    found = next(_problems(steps), None)
    return None if found is None else because_of(found.code, lambda: str(next(_problems(steps)).message))


def _problems(steps: Sequence[Step]) -> Iterator[FieldProblem]:
    kinds = [step.action.code for step in steps]
    for step in steps:
        yield from step.action.problems(step.params, earlier=kinds[: step.position])


def segments_named(version: CampaignVersion) -> frozenset[str]:
    """This function will name the segments that a version relies on; raises RuleErrors for a rule nobody can read."""
    found = trigger_of(version.trigger)
    slugs = set() if found is None else set(found[0].segments(found[1]))
    for rule in (version.audience, version.exclusion):
        if rule is not None:
            slugs |= segments_in(parse(rule))
    return frozenset(slugs)


def _unreliable(slugs: Collection[str], now: datetime) -> Iterator[Because]:
    """A list somebody put together does not age. A segment that was never counted is as old as itself."""
    found = {segment.slug: segment for segment in Segment.objects.filter(slug__in=slugs)}
    limit = stale_after() if found else None
    for slug in sorted(slugs):
        segment = found.get(slug)
        if segment is None:
            yield because("segment_gone", slug=slug)
        elif segment.failure is not None:
            yield because("segment_failed", name=segment.name)
        elif limit is not None and is_stale(segment, limit=limit, now=now):
            yield because("segment_stale", name=segment.name, days=limit.days)
