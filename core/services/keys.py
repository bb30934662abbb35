"""Keys to the API: made, shown once, found again by their hash, revoked."""

from __future__ import annotations

import difflib
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from core.errors import FieldProblem, InvalidInput
from core.models import ApiKey, Scope

KEY_BYTES = 32
"""Random bytes of a key. Origin: 256 bits cannot be guessed, so a fast hash keeps them as safely as a slow one."""
SHOWN_CHARACTERS = 10
"""How much of a key people see later, to tell one from another."""
USE_IS_NOTED_EVERY = timedelta(minutes=1)
"""`last_used_at` is for people: writing it on every call would cost a write for each read."""
KEY_IN_USE = "SELECT * FROM core_apikey WHERE hashed = %s AND revoked_at IS NULL"
"""Written out: every call asks it first, and putting it together would take as long as asking."""
MOST_KEPT = 1000

_kept: dict[str, tuple[tuple[Any, ...], ApiKey]] = {}
"""The last keys that were seen, by hash, each with the row it was made of: as long as the row is the same, so is the key."""


def create_api_key(*, name: str, scopes: Sequence[str], now: datetime) -> tuple[ApiKey, str]:
    """This function will make a key with these scopes and return it with its text, which nothing can show again.

    Raises InvalidInput for an empty name and for scopes that are none or unknown.
    """
    problems = [*_name_problems(name), *_scope_problems(scopes)]
    if problems:
        raise InvalidInput(_("This API key cannot be made."), problems=problems)
    text = "rk_" + secrets.token_urlsafe(KEY_BYTES)
    api_key = ApiKey.objects.create(
        name=name,
        prefix=text[:SHOWN_CHARACTERS],
        hashed=_hashed(text),
        scopes=[scope for scope in Scope.values if scope in scopes],
        created_at=now,
    )
    return api_key, text


def authenticate(*, key: str, now: datetime) -> ApiKey | None:
    """This function will return the key whose text this is, unless nobody has it or it is revoked, and note its use."""
    api_key = _found(_hashed(key))
    if api_key is not None:
        _note_use(api_key, now)
    return api_key


def _found(hashed: str) -> ApiKey | None:
    with connection.cursor() as cursor:
        cursor.execute(KEY_IN_USE, [hashed])
        row = cursor.fetchone()
    if row is None:
        return None
    kept = _kept.get(hashed)
    if kept is None or kept[0] != row:
        api_key = ApiKey.objects.filter(hashed=hashed, revoked_at__isnull=True).first()
        if api_key is None:  # revoked or gone since we looked
            return None
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        kept = _kept[hashed] = (row, api_key)
    return kept[1]


def revoke_api_key(*, api_key_id: int, now: datetime) -> bool:
    """This function will end a key's life and say whether it was alive; what it made stays."""
    return ApiKey.objects.filter(pk=api_key_id, revoked_at__isnull=True).update(revoked_at=now) == 1


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _note_use(api_key: ApiKey, now: datetime) -> None:
    earlier = now - USE_IS_NOTED_EVERY
    if api_key.last_used_at is None or api_key.last_used_at <= earlier:
        not_noted_meanwhile = Q(last_used_at__isnull=True) | Q(last_used_at__lte=earlier)
        ApiKey.objects.filter(not_noted_meanwhile, pk=api_key.pk).update(last_used_at=now)


def _name_problems(name: str) -> list[FieldProblem]:
    longest = ApiKey._meta.get_field("name").max_length or 0
    if name.strip() and len(name) <= longest and "\0" not in name:
        return []
    return [FieldProblem("name", "invalid", _("A key's name has 1 to %(most)d characters.") % {"most": longest})]


def _scope_problems(scopes: Sequence[str]) -> list[FieldProblem]:
    if not scopes:
        known = ", ".join(Scope.values)
        return [
            FieldProblem("scopes", "required", _("A key needs a scope at least. Known are: %(known)s.") % {"known": known})
        ]
    return [
        FieldProblem(f"scopes[{position}]", "unknown_scope", _unknown_scope(scope))
        for position, scope in enumerate(scopes)
        if scope not in Scope.values
    ]


def _unknown_scope(scope: str) -> str:
    near = difflib.get_close_matches(scope, Scope.values, n=1)
    if near:
        return _("There is no scope “%(scope)s”. Did you mean “%(near)s”?") % {"scope": scope, "near": near[0]}
    known = ", ".join(Scope.values)
    return _("There is no scope “%(scope)s”. Known are: %(known)s.") % {"scope": scope, "known": known}
