"""When members become due: one file a kind, all of them in one tuple."""

from campaigns.triggers.base import Candidates, Trigger, TriggerUnable, triggers
from campaigns.triggers.date import DateTrigger
from campaigns.triggers.manual import Manual
from campaigns.triggers.schedule import Schedule
from campaigns.triggers.segment import SegmentEntered
from campaigns.triggers.tier import TierChanged, TierDropping

KINDS: tuple[Trigger, ...] = (Manual(), Schedule(), SegmentEntered(), DateTrigger(), TierChanged(), TierDropping())

__all__ = ["KINDS", "Candidates", "Trigger", "TriggerUnable", "triggers"]
