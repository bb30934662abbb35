from campaigns.models.campaign import Campaign, CampaignStatus, CampaignVersion
from campaigns.models.coupon import (
    BenefitKind,
    Coupon,
    CouponState,
    CouponTemplate,
    MemberRedemptions,
    Origin,
    Redemption,
)
from campaigns.models.delivery import Delivery, DeliveryState
from campaigns.models.enrolment import Arm, Enrolment, EnrolmentStatus, Reason, StepOutcome, StepResult
from campaigns.models.monthly import MonthlyPolicy, MonthlyReport, MonthlyState
from campaigns.models.reward import Reward, RewardKind, RewardUse

__all__ = [
    "Arm",
    "BenefitKind",
    "Campaign",
    "CampaignStatus",
    "CampaignVersion",
    "Coupon",
    "CouponState",
    "CouponTemplate",
    "Delivery",
    "DeliveryState",
    "Enrolment",
    "EnrolmentStatus",
    "MemberRedemptions",
    "MonthlyPolicy",
    "MonthlyReport",
    "MonthlyState",
    "Origin",
    "Reason",
    "Redemption",
    "Reward",
    "RewardKind",
    "RewardUse",
    "StepOutcome",
    "StepResult",
]
