"""What an address changes, for the audit trail: which object, and how it is found before and after the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.auth import api_key_of
from core.services.audit import Actor, Seen, look_at, record_change

NOTHING = Seen(None)


@dataclass(frozen=True, slots=True)
class Subject:
    """The object of an address. `find` gets the address's parameters, after the call together with what was answered.

    With `counted` the call is about many at once: what the answer counts is noted, not each of them.
    """

    model: type[Model]
    find: Callable[[Mapping[str, Any]], int | None] | None = None
    counted: bool = False


def key_actor(request: Request) -> Actor:
    key = api_key_of(request)
    return Actor(key.name, api_key_id=key.pk)


def answer_audited(
    subject: Subject, request: Request, values: Mapping[str, Any], handle: Callable[[], Response]
) -> Response:
    """This function will answer a call and note in the same transaction what it changed of its subject."""
    with transaction.atomic():
        pk = _found(subject, values)
        before = look_at(subject.model, pk) if pk is not None else NOTHING
        response = handle()
        answered = response.data if isinstance(getattr(response, "data", None), Mapping) else {}
        after_pk = pk if pk is not None else _found(subject, {**answered, **values})
        after = look_at(subject.model, after_pk) if after_pk is not None else NOTHING
        counts = {name: count for name, count in answered.items() if type(count) is int} if subject.counted else {}
        actor, now = key_actor(request), timezone.now()
        record_change(actor=actor, model=subject.model, pk=after_pk, before=before, after=after, now=now, counts=counts)
    return response


def _found(subject: Subject, values: Mapping[str, Any]) -> int | None:
    return subject.find(values) if subject.find else None
