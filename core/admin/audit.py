"""Writing the audit trail from screens: objects are read when a form is sent, and told of when it has been done."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from core.services.audit import Actor, Seen, look_at, record_change

NOTHING = Seen(None)


def user_actor(request: HttpRequest) -> Actor:
    return Actor(request.user.get_username(), user_id=request.user.pk)


def remember(request: HttpRequest, obj: Model) -> None:
    """This function will keep how an object stands before a form changes it; on a page that is only read, nothing."""
    if request.method == "POST":
        _looked(request).setdefault(_key(obj), look_at(type(obj), obj.pk))


def note(request: HttpRequest, obj: Model, *, said: object = "", added: bool = False, removed: bool = False) -> None:
    """This function will append what became of an object since it was remembered, once a request."""
    before = NOTHING if added else _looked(request).get(_key(obj))
    after = NOTHING if removed else look_at(type(obj), obj.pk)
    record_change(
        actor=user_actor(request),
        model=type(obj),
        pk=obj.pk,
        before=before if before is not None else look_at(type(obj), obj.pk),
        after=after,
        now=timezone.now(),
        said=said if isinstance(said, str) else "",
        did=True,
    )
    _noted(request).add(_key(obj))


def is_noted(request: HttpRequest, obj: Model) -> bool:
    return _key(obj) in _noted(request)


def history_url(obj: Model) -> str:
    """This function will return the trail of one object."""
    return f"{reverse('admin:core_auditrecord_changelist')}?kind={obj._meta.label_lower}&object={obj.pk}"


def _key(obj: Model) -> tuple[str, Any]:
    return obj._meta.label_lower, obj.pk


def _looked(request: HttpRequest) -> dict[tuple[str, Any], Seen]:
    looked: dict[tuple[str, Any], Seen] = vars(request).setdefault("audit_looked", {})
    return looked


def _noted(request: HttpRequest) -> set[tuple[str, Any]]:
    noted: set[tuple[str, Any]] = vars(request).setdefault("audit_noted", set())
    return noted
