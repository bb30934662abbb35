"""What the audit trail tells of a member beside the profile."""

from __future__ import annotations

from typing import Any

from members.models import Consent, Identifier, MemberTag


def member_parts(member_id: int) -> dict[str, Any]:
    """This function will read what belongs to a member: words on consent by channel and purpose, tags, names elsewhere."""
    said = Consent.objects.filter(member_id=member_id).order_by("channel", "purpose")
    tags = MemberTag.objects.filter(member_id=member_id).order_by("tag")
    names = Identifier.objects.filter(member_id=member_id).order_by("source", "kind", "value")
    return {
        "tags": list(tags.values_list("tag", flat=True)),
        "identifiers": [list(name) for name in names.values_list("source", "kind", "value")],
        **{f"consents.{each.channel}.{each.purpose}": each.granted for each in said},
    }
