from campaigns.models.campaign import Campaign, CampaignStatus, CampaignVersion
from campaigns.models.coupon import Coupon, CouponState, CouponTemplate, MemberRedemptions, Redemption
from campaigns.models.delivery import Delivery, DeliveryState
from campaigns.models.enrolment import Arm, Enrolment, EnrolmentStatus, Reason, StepOutcome, StepResult

__all__ = [
    "Arm",
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
    "Reason",
    "Redemption",
    "StepOutcome",
    "StepResult",
]
