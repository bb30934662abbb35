"""What a guardrail is: a reason why somebody who is due gets nothing, or not this, or not now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import ClassVar

from django.utils.functional import Promise

from campaigns.selectors.batches import Batch


class Decision(Enum):
    ALLOW = "allow"
    HOLD_OUT = "hold_out"
    SUPPRESS = "suppress"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` stands with a denial, `until` with a deferral; `blocked` names the reason for each step that may not run."""

    decision: Decision
    reason: str = ""
    until: datetime | None = None
    blocked: Mapping[int, str] = field(default_factory=dict)


def suppress(reason: str) -> Verdict:
    return Verdict(Decision.SUPPRESS, reason=reason)


class Guardrail(ABC):
    code: ClassVar[str]
    label: ClassVar[str | Promise]

    @abstractmethod
    def verdicts(self, *, batch: Batch, now: datetime) -> Mapping[int, Verdict]:
        """This function will return a verdict for each enrolment of the batch that is not simply allowed."""
