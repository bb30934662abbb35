"""How long behaviour events are kept: one row, set by people."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.event import OWN_KINDS, EventKind

FEWEST_DAYS = 90
"""Facts count complaints of 90 days: a shorter memory would change them."""

GROUPS: dict[str, tuple[str, ...]] = {
    "browsing_days": (
        EventKind.VIEW,
        EventKind.SEARCH,
        EventKind.FAVOURITE,
        EventKind.CART_ADD,
        EventKind.CART_REMOVE,
        EventKind.CHECKOUT,
        EventKind.SHARE,
        EventKind.INVITE,
        EventKind.VISIT,
    ),
    "spoken_days": (
        EventKind.REVIEW,
        EventKind.SERVICE,
        EventKind.COMPLAINT,
        EventKind.SUGGESTION,
        EventKind.SURVEY,
    ),
    "own_days": OWN_KINDS,
}
"""Which kinds each column of the policy is about: every kind is in one group."""


class EventPolicy(models.Model):
    """Days after which events of a group are forgotten; empty: they are kept for ever."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    browsing_days = models.PositiveIntegerField(
        _("what was looked at"), null=True, blank=True, help_text=_("visits, views, searches, carts, shares, in days")
    )
    spoken_days = models.PositiveIntegerField(
        _("what was said"),
        null=True,
        blank=True,
        help_text=_("reviews, complaints, surveys, talks with the service, in days"),
    )
    own_days = models.PositiveIntegerField(
        _("what we sent and gave"), null=True, blank=True, help_text=_("messages and coupons, as events, in days")
    )

    class Meta:
        verbose_name = _("how long events are kept")
        verbose_name_plural = _("how long events are kept")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="event_policy_one_row"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": FEWEST_DAYS}),
                    name=f"event_policy_{name}_at_least_90",
                    violation_error_message=_("At least 90 days: facts look back so far."),
                )
                for name in GROUPS
            ),
        ]

    def __str__(self) -> str:
        return str(_("How long events are kept"))
