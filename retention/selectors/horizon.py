"""How far ahead churn is asked about."""

from __future__ import annotations

from django.conf import settings

from retention.models import ModelPolicy


def churn_horizon_days() -> int:
    """This function will return the horizon in force: the marketers', or of a new installation the environment's."""
    policy = ModelPolicy.objects.first()
    return settings.CHURN_HORIZON_DAYS if policy is None else policy.churn_horizon_days
