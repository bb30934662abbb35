from members.models.attribute import AttributeDefinition, AttributeType
from members.models.calendar import StoredCalendar
from members.models.consent import Channel, Consent, Purpose
from members.models.dirty import DirtyMark
from members.models.earning import (
    EARNING_EVENTS,
    EARNING_STATUSES,
    OCCASIONS,
    EarnedEvent,
    EarnedOrder,
    EarningCurrency,
    EarningDays,
    EarningMark,
    EarningRule,
    MarkedSource,
    Waiting,
)
from members.models.event import OWN_ID_PREFIX, OWN_KINDS, REPORTED_KINDS, BehaviourEvent, EventKind
from members.models.growth import GrowthEntry
from members.models.identifier import Identifier
from members.models.imported import Import, ImportJournal, ImportState, ImportTarget
from members.models.json_values import JsonBoolean, JsonDay, JsonGiven, JsonNumber, JsonText
from members.models.ledger import (
    EntryKind,
    ExpiryRule,
    LedgerEntry,
    LotMovement,
    LotState,
    PointsAccount,
    PointsLot,
    PointsPolicy,
    RefundPolicy,
)
from members.models.lookups import BeginsWith
from members.models.mapping import ColumnMapping, DateOrder, MappingTarget
from members.models.member import ADDRESS_COLUMNS, BUCKETS, Gender, Member, MemberTag, random_bucket
from members.models.merge import MergeRecord
from members.models.order import STATUS_RANK, Order, OrderLine, OrderStatus, Refund, RefundReason
from members.models.product import Category, Product
from members.models.quality import QualityFinding, QualityLook
from members.models.shop import Shop
from members.models.tier import (
    DowngradePolicy,
    DowngradeStep,
    MemberTier,
    ReviewRule,
    Tier,
    TierCause,
    TierChange,
    TierMeasure,
    TierScheme,
    TierWindow,
)

__all__ = [
    "ADDRESS_COLUMNS",
    "BUCKETS",
    "EARNING_EVENTS",
    "EARNING_STATUSES",
    "OCCASIONS",
    "OWN_ID_PREFIX",
    "OWN_KINDS",
    "REPORTED_KINDS",
    "STATUS_RANK",
    "AttributeDefinition",
    "AttributeType",
    "BeginsWith",
    "BehaviourEvent",
    "Category",
    "Channel",
    "ColumnMapping",
    "Consent",
    "DateOrder",
    "DirtyMark",
    "DowngradePolicy",
    "DowngradeStep",
    "EarnedEvent",
    "EarnedOrder",
    "EarningCurrency",
    "EarningDays",
    "EarningMark",
    "EarningRule",
    "EntryKind",
    "EventKind",
    "ExpiryRule",
    "Gender",
    "GrowthEntry",
    "Identifier",
    "Import",
    "ImportJournal",
    "ImportState",
    "ImportTarget",
    "JsonBoolean",
    "JsonDay",
    "JsonGiven",
    "JsonNumber",
    "JsonText",
    "LedgerEntry",
    "LotMovement",
    "LotState",
    "MappingTarget",
    "MarkedSource",
    "Member",
    "MemberTag",
    "MemberTier",
    "MergeRecord",
    "Order",
    "OrderLine",
    "OrderStatus",
    "PointsAccount",
    "PointsLot",
    "PointsPolicy",
    "Product",
    "Purpose",
    "QualityFinding",
    "QualityLook",
    "Refund",
    "RefundPolicy",
    "RefundReason",
    "ReviewRule",
    "Shop",
    "StoredCalendar",
    "Tier",
    "TierCause",
    "TierChange",
    "TierMeasure",
    "TierScheme",
    "TierWindow",
    "Waiting",
    "random_bucket",
]
