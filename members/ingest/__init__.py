"""The one way in for members and orders: files, REST and the demonstration all end here."""

from members.ingest.load import ingest_members, ingest_orders
from members.ingest.result import IngestResult, RejectedRow

__all__ = ["IngestResult", "RejectedRow", "ingest_members", "ingest_orders"]
