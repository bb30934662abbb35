"""Whose facts must be counted again."""

from __future__ import annotations

from django.db import models


class DirtyMark(models.Model):
    """Appended in the transaction that changed a member's orders, profile or events; duplicates are free.

    Rows, not a timestamp: a write that commits late is found however late it commits. No foreign key and no index but the
    key's own, because every ingested row pays for them. A refresh deletes marks and then reads, in one transaction.
    """

    member_id = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.member_id)
