"""Give points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from django.utils.translation import gettext_lazy as _

from campaigns.actions.base import Action, Call, Denial
from core.errors import FieldProblem
from members.services.points.awarding import Award, award_batch
from members.services.points.refusals import OURS

MOST_POINTS = 1_000_000
"""Points one step may give. Origin: a slip of the finger; no shop gives a member a million at once."""


class GrantPoints(Action):
    """The points are the member's with the decision, under a reference of the enrolment and the step: once."""

    code = "grant_points"
    label = _("give points")

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        """`points` are available at once and expire as the shop's policy says."""

        points: int

    def problems(self, params: Any, *, earlier: Sequence[str]) -> Iterator[FieldProblem]:
        if not 1 <= params.points <= MOST_POINTS:
            message = _("From 1 to %(most)s points.") % {"most": f"{MOST_POINTS:,}"}
            yield FieldProblem("points", "out_of_range", message)

    def execute(self, call: Call) -> Mapping[int, Denial]:
        awards = [
            Award(row.member_id, call.step.params.points, reference_of(row.id, call.step.position), call.batch.campaign.name)
            for row in call.rows
        ]
        award_batch(awards=awards, now=call.now)
        return {}


def reference_of(enrolment_id: int, step: int) -> str:
    """This function will name the ledger entry of a step that gave points."""
    return f"{REFERENCE}{enrolment_id}:{step}"


REFERENCE = f"{OURS}enrolment:"
