"""Items in: one, which is taken or refused, or many, of which each bad one is named with its reasons."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from core.api.schema import FieldProblemOut
from core.errors import FieldProblem, InvalidInput
from members.ingest import IngestResult

MOST_ITEMS = 1000
MOST_SHOWN = 60
"""Characters of a name that a refusal repeats."""


class RejectedOut(serializers.Serializer[Any]):
    """An item that was not taken, by its place in the list (from 0)."""

    index = serializers.IntegerField()
    errors = FieldProblemOut(many=True)  # type: ignore[assignment]


class BulkOut(serializers.Serializer[Any]):
    """Every item is either accepted or rejected; an item that was already so counts as accepted."""

    accepted = serializers.IntegerField()
    rejected = RejectedOut(many=True)
    warnings = RejectedOut(
        many=True,
        required=False,
        help_text=_("what was left out of accepted items: consents of members who unsubscribed (`suppressed`)"),
    )


def items_of(request: Request) -> list[object]:
    """This function will return the items of a bulk body; what each holds is for the ingest to judge."""
    body = request.data
    if not isinstance(body, dict):
        raise _refused("", "wrong_type", _("The body is an object: {“items”: […]}."))
    unknown = [FieldProblem(str(key), "unknown_key", _("Only “items” stands here.")) for key in body if key != "items"]
    if unknown:
        raise InvalidInput(_("The input is not valid."), problems=unknown)
    items = body.get("items")
    if not isinstance(items, list):
        raise _refused("items", "required", _("“items” is a list."))
    if len(items) > MOST_ITEMS:
        raise _refused("items", "too_many_items", _("A call takes at most %(most)d items.") % {"most": MOST_ITEMS})
    return items


def item_of(request: Request) -> dict[str, Any]:
    """This function will return the body as one item; InvalidInput for what is no object."""
    if not isinstance(request.data, dict):
        raise _refused("", "wrong_type", _("Send an object."))
    return request.data


def taken_in(result: IngestResult) -> bool:
    """This function will say whether the one item of a call made something new; one that was refused is the call's 422."""
    if result.rejected:
        raise InvalidInput(_("The input is not valid."), problems=result.rejected[0].errors)
    return result.created == 1


def addressed(request: Request, **names: str) -> dict[str, Any]:
    """This function will return the item under the names that its address gives, which it may repeat but not contradict.

    A name with a slash must stand in the body too: a mistyped address below a thing would else make a new one.
    """
    item = item_of(request)
    for path, name in names.items():
        given = item.get(path, None if "/" in name else name)
        if not isinstance(given, str) or given.strip() != name:
            message = _("This must be the one of the address, “%(name)s”.") % {"name": name[:MOST_SHOWN]}
            raise _refused(path, "not_the_addressed", message)
    return {**item, **names}


def _refused(path: str, code: str, message: Any) -> InvalidInput:
    return InvalidInput(_("The input is not valid."), problems=[FieldProblem(path, code, message)])
