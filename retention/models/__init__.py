from retention.models.facts import MemberFacts
from retention.models.lists import ListUpload, UploadedId, UploadPiece
from retention.models.runs import RefreshRun, RefreshState
from retention.models.scoring import LifecycleBands, ModelKind, ScoringModel
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

__all__ = [
    "DueMember",
    "LifecycleBands",
    "ListUpload",
    "MemberFacts",
    "MemberMask",
    "Membership",
    "ModelKind",
    "RefreshRun",
    "RefreshState",
    "ScoringModel",
    "Segment",
    "SegmentSize",
    "SegmentVersion",
    "StaticMember",
    "Transition",
    "UploadPiece",
    "UploadedId",
]
