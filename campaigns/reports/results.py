"""What a campaign did and whether it worked, in the contract's shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from campaigns.attribution.outcomes import ArmOutcome, discounts_given, outcomes_by_arm
from campaigns.models import Arm, Campaign, Delivery, DeliveryState, Enrolment, EnrolmentStatus
from retention.scoring.shares import Difference, Share, compare, sample_ratio_p


@dataclass(frozen=True, slots=True)
class Balance:
    """Every enrolment is exactly one of these, so `due` is their sum by construction."""

    fired: int
    held_out: int
    suppressed: Mapping[str, int]
    failed: Mapping[str, int]
    waiting: int

    @property
    def due(self) -> int:
        return self.fired + self.held_out + sum(self.suppressed.values()) + sum(self.failed.values()) + self.waiting

    def as_json(self) -> dict[str, Any]:
        return {
            "due": self.due,
            "fired": self.fired,
            "held_out": self.held_out,
            "suppressed": dict(self.suppressed),
            "failed": sum(self.failed.values()),
            "waiting": self.waiting,
        }


@dataclass(frozen=True, slots=True)
class Clicks:
    """Of the messages that were sent with tracked links: how many, and in how many of them something was clicked."""

    sent: int
    clicked: int

    @property
    def rate(self) -> float | None:
        return self.clicked / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """Treated against control: everyone assigned, fired or not. `difference` is None while one of the arms is empty,
    `clicks` where nothing with tracked links was sent."""

    balance: Balance
    treated: ArmOutcome
    control: ArmOutcome
    difference: Difference | None
    cost_minor: int
    sample_ratio_p: float | None
    clicks: Clicks | None = None

    @property
    def incremental_revenue_minor(self) -> int | None:
        """What the treated brought in beyond what as many untreated members would have; None without both arms."""
        treated, control = self.treated.revenue_per_member_minor, self.control.revenue_per_member_minor
        if treated is None or control is None:
            return None
        return round((treated - control) * self.treated.members)

    @property
    def net_minor(self) -> int | None:
        """Revenue is what is left after discounts, so the cost of coupons is off already and is not taken off twice."""
        return self.incremental_revenue_minor

    def as_json(self) -> dict[str, Any]:
        """This function will give the contract's keys, and beside them both arms in full."""
        return {
            **self.balance.as_json(),
            "treated": self.treated.members,
            "control": self.control.members,
            "conversions": self.treated.converted,
            "revenue_minor": self.treated.revenue_minor,
            "lift": _lift(self.difference),
            "cost_minor": self.cost_minor,
            "net_minor": self.net_minor,
            "incremental_revenue_minor": self.incremental_revenue_minor,
            "sample_ratio_p": self.sample_ratio_p,
            "failed_reasons": dict(self.balance.failed),
            "clicks": None if self.clicks is None else {"sent": self.clicks.sent, "clicked": self.clicks.clicked},
            "arms": {"treated": _arm(self.treated), "control": _arm(self.control)},
        }


def balance(*, campaign: Campaign) -> Balance:
    """This function will count a campaign's enrolments by outcome and reason, in one statement."""
    rows = Enrolment.objects.filter(campaign=campaign).values_list("status", "reason").annotate(count=Count("pk"))
    totals: Counter[str] = Counter()
    reasons: dict[str, dict[str, int]] = {EnrolmentStatus.SUPPRESSED: {}, EnrolmentStatus.FAILED: {}}
    for status, reason, count in rows.order_by("-count", "reason"):
        totals[status] += count
        if status in reasons:
            reasons[status][reason] = count
    return Balance(
        fired=totals[EnrolmentStatus.FIRED],
        held_out=totals[EnrolmentStatus.HELD_OUT],
        suppressed=reasons[EnrolmentStatus.SUPPRESSED],
        failed=reasons[EnrolmentStatus.FAILED],
        waiting=totals[EnrolmentStatus.WAITING],
    )


def campaign_report(*, campaign: Campaign) -> CampaignReport:
    """This function will report on a campaign as its rows and its members' orders stand now."""
    version = campaign.version
    days = version.attribution_days if version else 0
    arms = outcomes_by_arm(campaign=campaign, attribution_days=days)
    treated, control = arms[Arm.TREATED], arms[Arm.CONTROL]
    return CampaignReport(
        balance=balance(campaign=campaign),
        treated=treated,
        control=control,
        difference=_difference(treated, control),
        cost_minor=discounts_given(campaign=campaign),
        sample_ratio_p=sample_ratio_p(
            control=control.members, treated=treated.members, share=version.control_share if version else 0
        ),
        clicks=clicks(campaign=campaign),
    )


def clicks(*, campaign: Campaign) -> Clicks | None:
    """This function will count a campaign's messages with tracked links, by an index that holds no others."""
    tracked = Delivery.objects.filter(campaign_id=campaign.pk, tracked=True, state=DeliveryState.SENT)
    counts = tracked.aggregate(sent=Count("pk"), clicked=Count("pk", filter=Q(clicked_at__isnull=False)))
    return Clicks(**counts) if counts["sent"] else None


def _difference(treated: ArmOutcome, control: ArmOutcome) -> Difference | None:
    if not treated.members or not control.members:
        return None
    return compare(Share(treated.converted, treated.members), Share(control.converted, control.members))


def _lift(difference: Difference | None) -> dict[str, Any]:
    if difference is None:
        return {"absolute": None, "relative": None, "interval_95": None, "p_value": None, "test": None}
    return {
        "absolute": difference.absolute,
        "relative": difference.relative,
        "interval_95": [difference.low, difference.high],
        "p_value": difference.p_value,
        "test": difference.test,
    }


def _arm(outcome: ArmOutcome) -> dict[str, Any]:
    return {
        "members": outcome.members,
        "enrolments": outcome.enrolments,
        "conversions": outcome.converted,
        "conversion_rate": outcome.rate,
        "orders": outcome.orders,
        "revenue_minor": outcome.revenue_minor,
        "revenue_per_member_minor": outcome.revenue_per_member_minor,
    }
