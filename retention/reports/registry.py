"""All reports, in the order in which they are listed within their group. One that is added here has its page, its file and
its REST address. An app above registers its own when Django loads it."""

from __future__ import annotations

from core.registry import DuplicateCode
from retention.reports.associations import BoughtTogetherAndNext
from retention.reports.base import Report
from retention.reports.benefits import BenefitsAndRetention
from retention.reports.buying import OrderValue, Penetration, Repurchase
from retention.reports.churn import Churn
from retention.reports.churn_reasons import ChurnReasons
from retention.reports.cohorts import Cohorts
from retention.reports.cycle import PurchaseCycle
from retention.reports.delivery_churn import DeliveryDelay
from retention.reports.discounts import DiscountsAndPoints
from retention.reports.funnel import ConversionFunnel
from retention.reports.growth import MemberGrowth
from retention.reports.keywords import KeywordsWithoutPurchase
from retention.reports.layers import Layers
from retention.reports.lifecycle import Lifecycle
from retention.reports.lost_profile import LostProfile
from retention.reports.morning import Morning
from retention.reports.paths import Paths
from retention.reports.payments import PaymentsAndChannels
from retention.reports.product_loss import ProductLoss
from retention.reports.purchase_times import PurchaseTimes
from retention.reports.refunds_churn import RefundsAndComplaints
from retention.reports.retained import Retained
from retention.reports.return_visits import ReturnVisits
from retention.reports.rfm import Rfm
from retention.reports.service_churn import ServiceSpeed
from retention.reports.sessions import BounceAndDwell
from retention.reports.survival import Survival
from retention.reports.visitor_loss import VisitorLoss

REPORTS: list[Report] = [
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
    ConversionFunnel(),
    VisitorLoss(),
    ProductLoss(),
    KeywordsWithoutPurchase(),
    BounceAndDwell(),
    Paths(),
    PurchaseTimes(),
    BoughtTogetherAndNext(),
    PaymentsAndChannels(),
    DiscountsAndPoints(),
    ChurnReasons(),
    RefundsAndComplaints(),
    ServiceSpeed(),
    DeliveryDelay(),
    BenefitsAndRetention(),
]


def register_report(report: Report) -> None:
    """This function will add a report of an app above; its page and its addresses are there without more."""
    if any(known.code == report.code for known in REPORTS):
        raise DuplicateCode(report.code)
    REPORTS.append(report)
