"""The control group gets nothing, so that there is something to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from campaigns.guardrails.base import Decision, Guardrail, Verdict
from campaigns.models import Arm
from campaigns.selectors.batches import Batch

HELD_OUT = Verdict(Decision.HOLD_OUT)


class ControlGroup(Guardrail):
    """The group was drawn when the member became due."""

    code = "control_group"
    label = _("control group")

    def verdicts(self, *, batch: Batch, now: datetime) -> Mapping[int, Verdict]:
        return {row.id: HELD_OUT for row in batch.rows if row.arm == Arm.CONTROL}
