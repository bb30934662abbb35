"""Idempotency-Key on unsafe calls: the answer is stored in the transaction of what was done, and repeated word for word."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.auth import api_key_of
from core.errors import FieldProblem, InvalidInput
from core.models import IdempotencyRecord
from core.services.answers import store_answer, stored_answer

HEADER = "Idempotency-Key"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LONGEST_KEY = 200


def idempotency_key(request: Request) -> str | None:
    """This function will return the key of an unsafe call, if it carries one; InvalidInput for one we could not keep."""
    key = request.headers.get(HEADER)
    if key is None or request.method not in UNSAFE:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        message = _("An Idempotency-Key has 1 to %(most)d printable ASCII characters.") % {"most": LONGEST_KEY}
        raise InvalidInput(_("The input is not valid."), problems=[FieldProblem(HEADER, "invalid", message)])
    return key


def answer_once(
    request: Request,
    key: str,
    *,
    body: bytes,
    handle: Callable[[], Response],
    refuse: Callable[[Exception], Response],
    render: Callable[[Response], Response],
) -> Response | HttpResponse:
    """This function will answer a call that carries a key, doing its work at most once. `body` tells its body from others.

    1. Hold the key; a stored answer ends the matter.
    2. Do the work. A refusal undoes what the handler wrote and is an answer like any other.
    3. Store the answer and commit it with the work. An answer that asks to be tried again, or a fault of ours, is not
       stored: everything is undone and the key stays free.
    """
    api_key, request_hash = api_key_of(request), _hash_of(request, body)
    with transaction.atomic():
        stored = stored_answer(api_key=api_key, key=key, request_hash=request_hash)
        if stored is not None:
            return _again(stored)
        try:
            with transaction.atomic():
                response = handle()
        except Exception as error:
            response = refuse(error)
        response = render(response)
        if response.status_code >= 500 or "Retry-After" in response:
            transaction.set_rollback(True)
            return response
        store_answer(
            api_key=api_key,
            key=key,
            request_hash=request_hash,
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            body=response.content.decode(),
            now=timezone.now(),
        )
        return response


def _hash_of(request: Request, body: bytes) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    digest.update(body)
    return digest.hexdigest()


def _again(stored: IdempotencyRecord) -> HttpResponse:
    return HttpResponse(
        stored.body,
        status=stored.status,
        content_type=stored.content_type or None,
        headers={"Idempotency-Replayed": "true"},
    )
