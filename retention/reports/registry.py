"""All reports, in the order in which they are listed within their group. One that is added here has its page, its file and
its REST address."""

from __future__ import annotations

from retention.reports.base import Report
from retention.reports.buying import OrderValue, Penetration, Repurchase
from retention.reports.churn import Churn
from retention.reports.cohorts import Cohorts
from retention.reports.cycle import PurchaseCycle
from retention.reports.growth import MemberGrowth
from retention.reports.layers import Layers
from retention.reports.lifecycle import Lifecycle
from retention.reports.lost_profile import LostProfile
from retention.reports.morning import Morning
from retention.reports.retained import Retained
from retention.reports.return_visits import ReturnVisits
from retention.reports.rfm import Rfm
from retention.reports.survival import Survival

REPORTS: tuple[Report, ...] = (
    Morning(),
    Churn(),
    Lifecycle(),
    LostProfile(),
    Retained(),
    Cohorts(),
    Survival(),
    MemberGrowth(),
    Repurchase(),
    PurchaseCycle(),
    OrderValue(),
    Penetration(),
    ReturnVisits(),
    Rfm(),
    Layers(),
)
