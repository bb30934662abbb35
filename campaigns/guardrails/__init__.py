"""Why somebody gets nothing: one file a guardrail, asked in the order of one tuple; the first denial is the reason kept."""

from campaigns.guardrails.base import Decision, Guardrail, Verdict
from campaigns.guardrails.control_group import ControlGroup
from campaigns.guardrails.lifecycle import StillRunning
from campaigns.guardrails.reach import Reach, obstacle

IN_ORDER: tuple[Guardrail, ...] = (StillRunning(), ControlGroup(), Reach())

__all__ = ["IN_ORDER", "Decision", "Guardrail", "Verdict", "obstacle"]
