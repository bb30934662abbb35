"""Lifecycle stages, value layers and risks in colours and icons: the same on every screen, in the catalogue's words."""

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core.admin.display import Mark, badge, share, unknown
from retention.fields import LAYER_LABELS, STAGE_LABELS
from retention.scoring.parameters import Rank
from retention.scoring.value import Layer
from retention.selectors.risk import rank_of

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

LAYERS = {
    Layer.HIGH.value: Mark(LAYER_LABELS[Layer.HIGH.value], "violet", "diamond"),
    Layer.MIDDLE.value: Mark(LAYER_LABELS[Layer.MIDDLE.value], "blue", "star_half"),
    Layer.LOW.value: Mark(LAYER_LABELS[Layer.LOW.value], "grey", "star"),
}
RISKS = {
    Rank.HIGH: Mark(_("high risk"), "red", "trending_down"),
    Rank.MIDDLE: Mark(_("middle risk"), "amber", "trending_flat"),
    Rank.LOW: Mark(_("low risk"), "green", "trending_up"),
}


def risk_of_scores(scores: Mapping[str, Any]) -> SafeString | str:
    """This function will show the risk that stands in a member's scores, likewise."""
    if scores["churn_rank"] is None:
        return unknown()
    return share(scores["churn_probability"]) if scores["churn_calibrated"] else badge(RISKS[Rank(scores["churn_rank"])])


def risk_shown(probability: float | None) -> SafeString | str:
    """This function will show a churn probability: as a percentage where it may be read as one, else as a rank."""
    found = rank_of(probability)
    if found is None or probability is None:
        return unknown()
    given, rank = found
    return share(probability) if given.calibrated else badge(RISKS[rank])
