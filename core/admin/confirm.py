"""Asking before doing: a page that states what will happen, with counts, and a button that does it by POST."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.admin.audit import is_noted, note, remember
from core.admin.base import RekindleAdmin
from core.errors import DomainError


def confirmed(
    admin: RekindleAdmin,
    request: HttpRequest,
    *,
    obj: Model | None,
    title: str,
    sentences: Callable[[], Sequence[object]],
    verb: str,
    do: Callable[[], str],
    back: str,
    danger: bool = False,
    **context: Any,
) -> HttpResponse:
    """This function will ask on GET and do on POST, then go `back` with the sentence that `do` returned.

    `sentences` is a callable because counting what would happen costs queries that doing needs not.
    """
    if request.method == "POST":
        try:
            with transaction.atomic():
                if obj is not None:
                    remember(request, obj)
                said = do()
                if obj is not None and not is_noted(request, obj):
                    note(request, obj)
            messages.success(request, said)
        except DomainError as error:
            # A refusal with one problem often says the same twice: each sentence stands once.
            for said in dict.fromkeys([str(error), *(str(problem.message) for problem in error.problems)]):
                messages.error(request, said)
        return HttpResponseRedirect(back)
    return admin.page(
        request,
        "rekindle/confirm.html",
        title=title,
        obj=obj,
        sentences=sentences(),
        verb=verb,
        back=back,
        danger=danger,
        **context,
    )
