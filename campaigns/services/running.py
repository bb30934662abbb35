"""One whole pass: who is due, what becomes of them, what leaves the building."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic

from campaigns.services.dispatch import dispatch_messages
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments

MOST_ROUNDS = 1_000


def run_campaigns(*, now: datetime) -> Mapping[str, int]:
    """This function will plan, step and dispatch until nothing is due at `now`, and count what it did.

    Only the hand-over of messages follows the real clock on from `now`: by its instants a dead process is told from a slow
    one.
    """
    started = monotonic()
    counts = Counter(plan_campaigns(now=now))
    counts.update(step_enrolments(now=now))
    for _round in range(MOST_ROUNDS):
        done = dispatch_messages(now=now + timedelta(seconds=monotonic() - started))
        counts.update(done)
        if not done:
            break
    return dict(counts)
