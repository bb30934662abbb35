"""When members become due: one file a kind, all of them in one tuple."""

from campaigns.triggers.base import Candidates, Trigger, TriggerUnable, triggers
from campaigns.triggers.date import DateTrigger
from campaigns.triggers.manual import Manual
from campaigns.triggers.schedule import Schedule
from campaigns.triggers.segment import SegmentEntered

KINDS: tuple[Trigger, ...] = (Manual(), Schedule(), SegmentEntered(), DateTrigger())

__all__ = ["KINDS", "Candidates", "Trigger", "TriggerUnable", "triggers"]
