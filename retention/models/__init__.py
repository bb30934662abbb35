from retention.models.builds import BuildAnswer, BuildTouched, SegmentBuild
from retention.models.facts import MemberFacts
from retention.models.lists import ListUpload, UploadedId, UploadPiece
from retention.models.reasons import ChurnReason, Reason
from retention.models.reports import ReportAnswer, ReportTarget
from retention.models.runs import RefreshRun, RefreshState
from retention.models.scoring import LifecycleBands, MemberForecast, ModelKind, ModelPolicy, ScoringModel
from retention.models.scratch import DueMember
from retention.models.segments import (
    MemberMask,
    Membership,
    Segment,
    SegmentSize,
    SegmentVersion,
    StaticMember,
    Transition,
)
from retention.models.snapshots import DaySnapshot
from retention.models.upkeep import SampleProof, Upkeep
from retention.models.values import KnownValue

__all__ = [
    "BuildAnswer",
    "BuildTouched",
    "ChurnReason",
    "DaySnapshot",
    "DueMember",
    "KnownValue",
    "LifecycleBands",
    "ListUpload",
    "MemberFacts",
    "MemberForecast",
    "MemberMask",
    "Membership",
    "ModelKind",
    "ModelPolicy",
    "Reason",
    "RefreshRun",
    "RefreshState",
    "ReportAnswer",
    "ReportTarget",
    "SampleProof",
    "ScoringModel",
    "Segment",
    "SegmentBuild",
    "SegmentSize",
    "SegmentVersion",
    "StaticMember",
    "Transition",
    "Upkeep",
    "UploadPiece",
    "UploadedId",
]
