"""Who an address means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from members.api.bulk import MOST_SHOWN
from members.models import Member
from members.selectors import member_ids_called, member_named


def found_member(external_id: str) -> Member:
    """This function will return the member whom an address names, or raise NotFound."""
    member = member_named(external_id)
    if member is None:
        raise unknown_member(external_id)
    return member


def unknown_member(external_id: str) -> NotFound:
    return NotFound(_("There is no member “%(id)s”.") % {"id": external_id[:MOST_SHOWN]})


def member_number(values: Mapping[str, Any]) -> int | None:
    """This function will find the member an address speaks of, for the audit trail."""
    return member_ids_called([values["external_id"]]).get(values["external_id"])
