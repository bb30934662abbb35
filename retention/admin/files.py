"""Files that the screens give away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from core.admin.display import masked_email, masked_phone
from retention.services.exporting import csv_text

HIDDEN = {"phone": masked_phone, "email": masked_email}


def csv_file(header: Sequence[str], rows: Iterable[Sequence[Any]], *, name: str) -> StreamingHttpResponse:
    """This function will send a CSV of any length in pieces."""
    response = StreamingHttpResponse(csv_text(header, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.csv") or ""
    response.headers["Cache-Control"] = "no-store"
    return response


def hidden(column: str, value: str) -> str:
    """This function will show a contact as lists do: enough to recognise, too little to use."""
    return HIDDEN[column](value)
