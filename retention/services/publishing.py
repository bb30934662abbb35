"""Putting fits into use, one kind after the other, and keeping why one was not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from core.locks import LockSpace, lock_for_transaction
from retention.models import ModelKind, ScoringModel

FITTING = 1
"""The key of LockSpace.REFRESH under which fits are published one after the other."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of fitting one kind: parameters to publish, or why not."""

    kind: ModelKind
    members: int
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    log_likelihood: float | None = None
    refusal: dict[str, Any] | None = None


def refused(kind: ModelKind, code: str, *, members: int, metrics: dict[str, Any] | None = None, **params: Any) -> Fitted:
    """This function will put a refusal into the form that it is kept in."""
    return Fitted(kind, members, metrics=metrics or {}, refusal={"code": code, "params": params})


def publish(fitted: Fitted, *, as_of: datetime, now: datetime) -> ScoringModel:
    """This function will put a fit into use, or keep its refusal; the row says which.

    The fit in use steps back for the new one, under a lock; a constraint says that only one is in use. Of refusals the last
    of a kind is kept, and none that a published fit has overtaken.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, FITTING)
        ScoringModel.objects.filter(kind=fitted.kind, refusal__isnull=False).delete()
        if fitted.refusal is None:
            ScoringModel.objects.filter(kind=fitted.kind, current=True).update(current=False)
        return ScoringModel.objects.create(
            kind=fitted.kind,
            parameters=fitted.parameters,
            metrics=fitted.metrics,
            log_likelihood=fitted.log_likelihood,
            members=fitted.members,
            as_of=as_of,
            fitted_at=now,
            current=fitted.refusal is None,
            refusal=fitted.refusal,
        )


def in_use(kind: ModelKind) -> ScoringModel | None:
    return ScoringModel.objects.filter(kind=kind, current=True).first()
