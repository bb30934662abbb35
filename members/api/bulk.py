"""Many items in one call: the good ones are taken, each bad one is named with its reasons."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from core.api.schema import FieldProblemOut
from core.errors import FieldProblem, InvalidInput

MOST_ITEMS = 1000


class RejectedOut(serializers.Serializer[Any]):
    """An item that was not taken, by its place in the list (from 0)."""

    index = serializers.IntegerField()
    errors = FieldProblemOut(many=True)  # type: ignore[assignment]


class BulkOut(serializers.Serializer[Any]):
    """Every item is either accepted or rejected; an item that was already so counts as accepted."""

    accepted = serializers.IntegerField()
    rejected = RejectedOut(many=True)


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


def _refused(path: str, code: str, message: Any) -> InvalidInput:
    return InvalidInput(_("The input is not valid."), problems=[FieldProblem(path, code, message)])
