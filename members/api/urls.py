"""Where members, orders and events live under /api/v1/."""

from django.urls import path

import core.api.converters  # noqa: F401 - registers the path parameters
from members.api.consents import ConsentReach, MemberConsentHistory, MemberConsents
from members.api.events import EventPost, EventsBulk
from members.api.growth import MemberGrowth, MemberGrowthEntries, MemberGrowthTasks
from members.api.imports import ImportDetail, ImportPost, ImportRejects, ImportStart, ImportUndo
from members.api.jobs import JobCancel, JobDetail, JobList
from members.api.members import MemberDetail, MemberList, MembersBulk
from members.api.orders import OrderDetail, OrderList, OrdersBulk
from members.api.points import (
    MemberPoints,
    MemberPointsAward,
    MemberPointsEntries,
    MemberPointsRedeem,
    MemberPointsReverse,
)
from members.api.quality import DataQuality
from members.api.tiers import MemberTierDetail, TierList
from members.api.timeline import MemberTimeline

urlpatterns = [
    path("members/", MemberList.as_view()),
    path("members/bulk/", MembersBulk.as_view()),
    path("members/<any:external_id>/points/", MemberPoints.as_view()),
    path("members/<any:external_id>/points/entries/", MemberPointsEntries.as_view()),
    path("members/<any:external_id>/points/award/", MemberPointsAward.as_view()),
    path("members/<any:external_id>/points/redeem/", MemberPointsRedeem.as_view()),
    path("members/<any:external_id>/points/reverse/", MemberPointsReverse.as_view()),
    path("members/<any:external_id>/growth/", MemberGrowth.as_view()),
    path("members/<any:external_id>/growth/tasks/", MemberGrowthTasks.as_view()),
    path("members/<any:external_id>/growth/entries/", MemberGrowthEntries.as_view()),
    path("members/<any:external_id>/tier/", MemberTierDetail.as_view()),
    path("members/<any:external_id>/consents/", MemberConsents.as_view()),
    path("members/<any:external_id>/consents/history/", MemberConsentHistory.as_view()),
    path("consents/reach/", ConsentReach.as_view()),
    path("members/<any:external_id>/timeline/", MemberTimeline.as_view()),
    path("members/<any:external_id>/", MemberDetail.as_view()),
    path("tiers/", TierList.as_view()),
    path("orders/", OrderList.as_view()),
    path("orders/bulk/", OrdersBulk.as_view()),
    path("orders/<segment:shop>/<any:external_id>/", OrderDetail.as_view()),
    path("events/", EventPost.as_view()),
    path("events/bulk/", EventsBulk.as_view()),
    path("imports/", ImportPost.as_view()),
    path("imports/<segment:import_id>/", ImportDetail.as_view()),
    path("imports/<segment:import_id>/rejects/", ImportRejects.as_view()),
    path("imports/<segment:import_id>/start/", ImportStart.as_view()),
    path("imports/<segment:import_id>/undo/", ImportUndo.as_view()),
    path("jobs/", JobList.as_view()),
    path("jobs/<segment:job_id>/", JobDetail.as_view()),
    path("jobs/<segment:job_id>/cancel/", JobCancel.as_view()),
    path("reports/data-quality/", DataQuality.as_view()),
]
