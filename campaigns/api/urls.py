"""Where campaigns and coupons live under /api/v1/. Before the addresses of members: these are the longer ones."""

from django.urls import path

import core.api.converters  # noqa: F401 - registers the path parameters
from campaigns.api.campaigns import (
    CampaignActivate,
    CampaignDetail,
    CampaignEnrolments,
    CampaignFinish,
    CampaignList,
    CampaignPause,
    CampaignReportView,
    CampaignResume,
)
from campaigns.api.coupons import CouponDetail, CouponRedeem, CouponRollBack, CouponValidate
from campaigns.api.members import MemberCoupons, MemberMessages
from campaigns.api.rewards import RewardDetail, RewardList, RewardRedeem, RewardRollBack
from campaigns.api.templates import TemplateDetail, TemplateIssue, TemplateList
from campaigns.api.why import MemberWhy

urlpatterns = [
    path("campaigns/", CampaignList.as_view()),
    path("campaigns/<segment:slug>/", CampaignDetail.as_view()),
    path("campaigns/<segment:slug>/activate/", CampaignActivate.as_view()),
    path("campaigns/<segment:slug>/pause/", CampaignPause.as_view()),
    path("campaigns/<segment:slug>/resume/", CampaignResume.as_view()),
    path("campaigns/<segment:slug>/finish/", CampaignFinish.as_view()),
    path("campaigns/<segment:slug>/enrolments/", CampaignEnrolments.as_view()),
    path("campaigns/<segment:slug>/report/", CampaignReportView.as_view()),
    path("coupon-templates/", TemplateList.as_view()),
    path("coupon-templates/<segment:slug>/", TemplateDetail.as_view()),
    path("coupon-templates/<segment:slug>/issue/", TemplateIssue.as_view()),
    path("coupons/<segment:code>/", CouponDetail.as_view()),
    path("coupons/<segment:code>/validate/", CouponValidate.as_view()),
    path("coupons/<segment:code>/redeem/", CouponRedeem.as_view()),
    path("coupons/<segment:code>/roll-back/", CouponRollBack.as_view()),
    path("rewards/", RewardList.as_view()),
    path("rewards/<segment:slug>/", RewardDetail.as_view()),
    path("rewards/<segment:slug>/redeem/", RewardRedeem.as_view()),
    path("rewards/<segment:slug>/roll-back/", RewardRollBack.as_view()),
    path("members/<any:external_id>/coupons/", MemberCoupons.as_view()),
    path("members/<any:external_id>/messages/", MemberMessages.as_view()),
    path("members/<any:external_id>/why/", MemberWhy.as_view()),
]
