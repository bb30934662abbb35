"""The one way in for members, orders and events: files, REST and the demonstration all end here."""

from members.ingest.load import ingest_events, ingest_members, ingest_orders
from members.ingest.result import IngestResult, RejectedRow

__all__ = ["IngestResult", "RejectedRow", "ingest_events", "ingest_members", "ingest_orders"]
