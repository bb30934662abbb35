"""Lifecycle stages in colours and icons: the same on every screen, in the words of the catalogue."""

from core.admin.display import Mark
from retention.fields import STAGE_LABELS

LOOKS = {
    "new": ("blue", "fiber_new"),
    "active": ("green", "favorite"),
    "reactivated": ("violet", "replay"),
    "at_risk": ("amber", "warning"),
    "dormant": ("orange", "bedtime"),
    "lost": ("red", "heart_broken"),
    "none": ("grey", "person_outline"),
}
STAGES = {stage: Mark(STAGE_LABELS[stage], colour, icon) for stage, (colour, icon) in LOOKS.items()}
