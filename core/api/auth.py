"""Who calls and what they may: a bearer key, and a scope for each method of each address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.models import ApiKey
from core.services.keys import authenticate

REALM = 'Bearer realm="rekindle"'


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`, or 401. There is no anonymous caller: a missing header is refused here already."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            raise NotAuthenticated(_("Send your API key as “Authorization: Bearer <key>”."))
        if scheme.lower() != "bearer" or not key.strip():
            raise AuthenticationFailed(_("The Authorization header must read “Bearer <key>”."), "malformed_authorization")
        api_key = authenticate(key=key.strip(), now=timezone.now())
        if api_key is None:
            raise AuthenticationFailed(_("This API key is unknown or revoked."), "invalid_key")
        return None, api_key

    def authenticate_header(self, request: Request) -> str:
        return REALM


class MissingScope(PermissionDenied):
    default_code = "missing_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(_("This needs a key with the scope “%(scope)s”.") % {"scope": scope})
        self.auth_header = f'{REALM}, error="insufficient_scope", scope="{scope}"'


class HasScope(BasePermission):
    """The view's `scopes` say which scope a method needs; a method that stands there with none is open to every key.

    A method the view does not have passes, for the answer to be 405. One it has without a word in `scopes` is a mistake of
    ours and stays shut.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method not in view.allowed_methods:
            return True
        scopes: dict[str, str | None] = getattr(view, "scopes", {})
        if method not in scopes:
            return False
        needed = scopes[method]
        if needed is not None and needed not in api_key_of(request).scopes:
            raise MissingScope(needed)
        return True


class NoPermissionNeeded(BasePermission):
    """For the addresses that are public, or that answer every key alike."""

    message: ClassVar[str] = ""

    def has_permission(self, request: Request, view: Any) -> bool:
        return True


def api_key_of(request: Request) -> ApiKey:
    """This function will return the key that the request was let in with."""
    if not isinstance(request.auth, ApiKey):
        raise NotAuthenticated
    return request.auth
