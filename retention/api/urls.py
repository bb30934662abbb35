"""Where segments, rules, models and what they say of a member live under /api/v1/."""

from django.urls import path

import core.api.converters  # noqa: F401 - registers the path parameters
from retention.api.explaining import RuleExplain
from retention.api.library import SegmentLibrary
from retention.api.members import SegmentMembers
from retention.api.models import ModelList
from retention.api.reasons import MemberChurnReason
from retention.api.risk import MemberChurn
from retention.api.rules import RulePreview, RuleSchema
from retention.api.segments import (
    SegmentDetail,
    SegmentHistory,
    SegmentList,
    SegmentOverlap,
    SegmentTransitions,
    SegmentVersions,
)

urlpatterns = [
    path("segments/", SegmentList.as_view()),
    path("segments/preview/", RulePreview.as_view()),
    path("segments/explain/", RuleExplain.as_view()),
    path("segments/library/", SegmentLibrary.as_view()),
    path("segments/<segment:slug>/", SegmentDetail.as_view()),
    path("segments/<segment:slug>/members/", SegmentMembers.as_view()),
    path("segments/<segment:slug>/transitions/", SegmentTransitions.as_view()),
    path("segments/<segment:slug>/history/", SegmentHistory.as_view()),
    path("segments/<segment:slug>/overlap/", SegmentOverlap.as_view()),
    path("segments/<segment:slug>/versions/", SegmentVersions.as_view()),
    path("members/<any:external_id>/churn-reason/", MemberChurnReason.as_view()),
    path("rules/schema/", RuleSchema.as_view()),
    path("models/", ModelList.as_view()),
    path("members/<any:external_id>/churn/", MemberChurn.as_view()),
]
