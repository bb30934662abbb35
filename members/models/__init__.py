from members.models.attribute import AttributeDefinition, AttributeType
from members.models.calendar import StoredCalendar
from members.models.consent import (
    Channel,
    Consent,
    ConsentRecord,
    ConsentRequest,
    ConsentSource,
    Purpose,
    RequestState,
    Said,
)
from members.models.dirty import DirtyMark
from members.models.event import OWN_KINDS, REPORTED_KINDS, BehaviourEvent, EventKind
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
from members.models.member import (
    ADDRESS_COLUMNS,
    BUCKETS,
    BirthCalendar,
    BirthdayPolicy,
    Gender,
    LeapDay,
    Member,
    MemberTag,
    random_bucket,
)
from members.models.merge import MergeRecord
from members.models.order import STATUS_RANK, Order, OrderLine, OrderStatus, Refund, RefundReason
from members.models.product import Category, Product
from members.models.quality import QualityFinding, QualityLook
from members.models.shop import Shop

__all__ = [
    "ADDRESS_COLUMNS",
    "BUCKETS",
    "OWN_KINDS",
    "REPORTED_KINDS",
    "STATUS_RANK",
    "AttributeDefinition",
    "AttributeType",
    "BeginsWith",
    "BehaviourEvent",
    "BirthCalendar",
    "BirthdayPolicy",
    "Category",
    "Channel",
    "ColumnMapping",
    "Consent",
    "ConsentRecord",
    "ConsentRequest",
    "ConsentSource",
    "DateOrder",
    "DirtyMark",
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
    "LeapDay",
    "LedgerEntry",
    "LotMovement",
    "LotState",
    "MappingTarget",
    "Member",
    "MemberTag",
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
    "RequestState",
    "Said",
    "Shop",
    "StoredCalendar",
    "random_bucket",
]
