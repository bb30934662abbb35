"""What is kept of one member as files: one JSON document of everything, or a zip with that and a table of each kind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from core.registry import Kept
from core.safe_csv import SafeCsv
from members.services.erasure import export_member


def export_document(*, member_id: int, external_id: str, now: datetime) -> dict[str, Any]:
    """This function will return everything kept of a member as one document: `kinds` maps each kind to its rows."""
    kept = export_member(member_id=member_id)
    return {"external_id": external_id, "exported_at": now.isoformat(), "kinds": _plain(kept)}


def zipped(document: Mapping[str, Any]) -> bytes:
    """This function will write a document as a zip: member.json, and a CSV for each kind of which there is something."""
    made_at = datetime.fromisoformat(document["exported_at"]).timetuple()[:6]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, text: str) -> None:
            archive.writestr(zipfile.ZipInfo(name, date_time=made_at), text, zipfile.ZIP_DEFLATED)

        put("member.json", json.dumps(document, ensure_ascii=False, indent=2))
        for kind, rows in document["kinds"].items():
            if rows:
                put(f"{kind}.csv", _table(rows))
    return buffer.getvalue()


def _plain(kept: Kept) -> dict[str, list[dict[str, Any]]]:
    """Instants and decimals as JSON has them."""
    plain: dict[str, list[dict[str, Any]]] = json.loads(json.dumps(kept, cls=DjangoJSONEncoder))
    return plain


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = SafeCsv(text, columns)
    for row in rows:
        writer.write(_cell(row.get(name)) for name in columns)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
