"""Who changed since: members in the order in which refreshes took in what came about them.

Each refresh notes one instant, later than all before it, in the transaction that takes the changes in. So what is read up to
one instant is whole, and who goes on from there misses nothing; who changes again meanwhile moves to the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.errors import FieldProblem, InvalidInput
from members.models import Member
from retention.models import MemberFacts
from retention.selectors.state import state

CHANGED_SINCE = "changed_since"


def members_changed(
    members: QuerySet[Member],
    since: datetime,
    *,
    after: tuple[datetime, int] | None = None,
    backwards: bool = False,
    most: int,
) -> list[Member]:
    """This function will return up to `most` of `members` who changed after `since`, by (change, id), the nearest first.

    They begin after the place `after`, a change and an id, or with `backwards` end before it. Raises InvalidInput for a
    `since` at which changes were not noted yet.
    """
    known_from = state().changes_from
    if known_from is not None and since < known_from:
        said = _("Changes are known from %(from)s on: fetch the whole list once, then ask for what changed after.")
        message = said % {"from": known_from.astimezone(shop_zone()).isoformat()}
        raise InvalidInput(message, problems=[FieldProblem(CHANGED_SINCE, "before_changes", message)])
    changed: QuerySet[Any, Any] = members.filter(facts__changed_at__gt=since).annotate(changed_at=F("facts__changed_at"))
    sign, past = ("-", "lt") if backwards else ("", "gt")
    order = (f"{sign}facts__changed_at", f"{sign}facts__member_id")
    if after is None:
        return list(changed.order_by(*order)[:most])
    at, pk = after
    # In two steps, each of which an index begins at its place: a refresh may have taken in everybody at once.
    same = changed.filter(facts__changed_at=at, **{f"facts__member_id__{past}": pk})
    found = list(same.order_by(*order)[:most])
    if len(found) < most:
        found += changed.filter(**{f"facts__changed_at__{past}": at}).order_by(*order)[: most - len(found)]
    return found


def changes_rows(
    member_ids: Collection[int], as_of: datetime | None = None, *, only: Collection[str] | None = None
) -> Mapping[int, str]:
    """This function will return when each member last changed, as text; who did not since changes are noted is left out."""
    noted = MemberFacts.objects.filter(pk__in=list(member_ids), changed_at__isnull=False)
    zone = shop_zone()
    return {pk: at.astimezone(zone).isoformat() for pk, at in noted.values_list("pk", "changed_at") if at is not None}
