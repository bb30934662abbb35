"""Tables that live for one refresh, seen by its own transaction alone: see services/scratch.py."""

from __future__ import annotations

from django.db import models


class DueMember(models.Model):
    """Whose facts and segments this refresh works out again."""

    member_id = models.BigIntegerField(primary_key=True)
    changed = models.BooleanField(db_default=True)
    """Something came in about them; else time alone passed, which what is told of a whole life does not notice."""

    class Meta:
        managed = False
        db_table = "due_member"

    def __str__(self) -> str:
        return str(self.member_id)
