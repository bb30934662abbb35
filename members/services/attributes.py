"""Attributes of a shop's own: how many members carry them, reading them otherwise, forgetting them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.lookups import Exact, IsNull
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, FieldProblem, InvalidInput
from core.locks import EDITING, LockSpace, lock_for_transaction
from core.registry import Use, UsedBy, attribute_uses
from members.fields import ATTRIBUTE, READ_AS
from members.models import BUCKETS, AttributeDefinition, AttributeType, JsonGiven, Member
from members.models.attribute import LONGEST_NAME

LOOKED_AT = 5_000
"""Members whose attributes are looked at: a page costs the same however many there are."""
FEWEST_BUCKETS = 10
LONGEST_KEY = 100
"""Characters of a name under which values come in: what the ingest takes."""


class AttributeInUse(DomainError):
    """Rules read the attribute as it is; nothing was changed."""

    code = "in_use"

    def __init__(self, name: str, users: Sequence[tuple[UsedBy, Use]]) -> None:
        problems = [
            FieldProblem("", "in_use", _("%(kind)s “%(name)s” reads it.") % {"kind": kind.label, "name": use.name})
            for kind, use in users
        ]
        names = ", ".join(use.name for _kind, use in users)
        super().__init__(_("“%(attribute)s” is read by %(names)s.") % {"attribute": name, "names": names}, problems=problems)


@dataclass(frozen=True, slots=True)
class Carried:
    """How many members carry an attribute, and of how many its value fits each type. Estimated unless `exact`."""

    members: int
    fitting: dict[str, int]
    exact: bool

    def unfitting(self, type_: str) -> int:
        return self.members - self.fitting[type_]


def carried(names: Sequence[str]) -> dict[str, Carried]:
    """This function will count who carries these attributes: everybody in a small shop, else by a random sample."""
    members, times = _looked_at()
    wanted = {}
    for number, name in enumerate(names):
        value = F("attributes")
        wanted[f"given_{number}"] = Count("pk", filter=Q(Exact(JsonGiven(value, name), True)))
        for type_, (_kind, reader) in READ_AS.items():
            wanted[f"{type_}_{number}"] = Count("pk", filter=Q(IsNull(reader(value, name), False)))
    found = members.aggregate(**wanted) if wanted else {}
    return {
        name: Carried(
            round(found[f"given_{number}"] * times),
            {type_: round(found[f"{type_}_{number}"] * times) for type_ in READ_AS},
            exact=times == 1,
        )
        for number, name in enumerate(names)
    }


def uses_of_attribute(name: str) -> list[tuple[UsedBy, Use]]:
    """This function will list the rules that could not go on without the attribute, with the app's word for their kind."""
    return [(each, use) for each in attribute_uses for use in each.rows(f"{ATTRIBUTE}{name}") if use.holds]


def declare_attribute(*, name: str, label: str, type_: str, now: datetime) -> AttributeDefinition:
    """This function will declare an attribute before any member carries it, so that rules can name it.

    Raises InvalidInput for a name, label or type that is none, and for a name that is declared already.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_KEY or "\x00" in name:
        raise _refused("name", _("A name has 1 to %(limit)s characters.") % {"limit": LONGEST_KEY})
    _require_sound(label, type_)
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        if AttributeDefinition.objects.filter(name=name).exists():
            raise _refused("name", _("There is an attribute of this name."))
        return AttributeDefinition.objects.create(name=name, label=label.strip(), type=type_, inferred=False, created_at=now)


def change_attribute(*, attribute: AttributeDefinition, label: str, type_: str) -> AttributeDefinition:
    """This function will save another label or type, which says from then on how rules read it.

    Raises InvalidInput for a type or label that is none, AttributeInUse where rules read the attribute as what it was.
    """
    _require_sound(label, type_)
    with transaction.atomic():
        stored = _held(attribute)
        if stored.type != type_:
            _require_unused(stored)
            stored.type, stored.inferred = type_, False
        stored.label = label.strip()
        stored.save(update_fields=["label", "type", "inferred"])
    return stored


def delete_attribute(*, attribute: AttributeDefinition) -> None:
    """This function will forget an attribute that no rule reads. Members keep their values; the next value that comes in
    declares it anew."""
    with transaction.atomic():
        stored = _held(attribute)
        _require_unused(stored)
        stored.delete()


def _require_sound(label: str, type_: str) -> None:
    if type_ not in AttributeType.values:
        raise _refused("type", _("This must be one of %(choices)s.") % {"choices": ", ".join(AttributeType.values)})
    if len(label.strip()) > LONGEST_NAME:
        raise _refused("label", _("At most %(limit)s characters.") % {"limit": LONGEST_NAME})


def _held(attribute: AttributeDefinition) -> AttributeDefinition:
    """No rule is saved and no campaign started meanwhile: it would read what is being changed."""
    lock_for_transaction(LockSpace.REFRESH, EDITING)
    return AttributeDefinition.objects.select_for_update().get(pk=attribute.pk)


def _require_unused(attribute: AttributeDefinition) -> None:
    users = uses_of_attribute(attribute.name)
    if users:
        raise AttributeInUse(str(attribute), users)


def _looked_at() -> tuple[QuerySet[Member], float]:
    """Who is looked at, and how many members each of them stands for."""
    everybody = Member.objects.all()
    if everybody.order_by()[: LOOKED_AT + 1].count() <= LOOKED_AT:
        return everybody, 1
    drawn = max(1, everybody.filter(random_bucket__lt=FEWEST_BUCKETS).count())
    buckets = min(BUCKETS, max(FEWEST_BUCKETS, LOOKED_AT * FEWEST_BUCKETS // drawn))
    return everybody.filter(random_bucket__lt=buckets), BUCKETS / buckets


def _refused(path: str, message: object) -> InvalidInput:
    return InvalidInput(str(message), problems=[FieldProblem(path, "invalid", str(message))])
