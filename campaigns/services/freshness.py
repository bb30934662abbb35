"""Whether what a campaign relies on can still be relied on: the segments it names, the kinds it is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from campaigns.actions import Step
from campaigns.conf import SEGMENT_STALE_AFTER
from campaigns.models import CampaignVersion
from campaigns.services.documents import steps_of, trigger_of
from retention.models import Segment
from rules.ast import segments_in
from rules.errors import RuleErrors
from rules.parse import parse


def obstacle(*, version: CampaignVersion, now: datetime) -> str | None:
    """This function will say, in a sentence, why a campaign must not go on now, or None when nothing stands in its way."""
    if trigger_of(version.trigger) is None:
        return str(_("Its trigger is of a kind this version does not know: “%(kind)s”.") % {"kind": version.trigger["kind"]})
    steps = steps_of(version.steps)
    if steps is None:
        return str(_("One of its steps is of a kind this version does not know."))
    try:
        slugs = segments_named(version)
    except RuleErrors as errors:
        return str(_("Its rule cannot be read any more: %(error)s") % {"error": errors})
    return next(_unreliable(slugs, now), None) or next(_broken(steps), None)


def _broken(steps: Sequence[Step]) -> Iterator[str]:
    kinds = [step.action.code for step in steps]
    for step in steps:
        for problem in step.action.problems(step.params, earlier=kinds[: step.position]):
            yield str(problem.message)


def segments_named(version: CampaignVersion) -> frozenset[str]:
    """This function will name the segments that a version relies on; raises RuleErrors for a rule nobody can read."""
    found = trigger_of(version.trigger)
    slugs = set() if found is None else set(found[0].segments(found[1]))
    for rule in (version.audience, version.exclusion):
        if rule is not None:
            slugs |= segments_in(parse(rule))
    return frozenset(slugs)


def _unreliable(slugs: Collection[str], now: datetime) -> Iterator[str]:
    """A list somebody put together does not age. A segment that was never counted is as old as itself."""
    found = {segment.slug: segment for segment in Segment.objects.filter(slug__in=slugs)}
    for slug in sorted(slugs):
        segment = found.get(slug)
        if segment is None:
            yield str(_("The segment “%(slug)s” no longer exists.") % {"slug": slug})
        elif segment.error:
            yield str(_("The segment “%(name)s” could not be counted: see its page.") % {"name": segment.name})
        elif not segment.static and now - (segment.as_of or segment.created_at) > SEGMENT_STALE_AFTER:
            values = {"name": segment.name, "days": SEGMENT_STALE_AFTER.days}
            yield str(_("The segment “%(name)s” was last counted more than %(days)d days ago.") % values)
