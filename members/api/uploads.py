"""The body of a large upload: kept on disk piece by piece as it comes, whole or not at all, and told from others."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any, cast

from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from core.api.problems import BodyTooLarge, Unparsable
from core.errors import FieldProblem, InvalidInput
from members.services.import_files import MOST_BYTES, Upload, room, said_size

MULTIPART = "multipart/form-data"
ANY = "application/octet-stream"
ENDINGS = {
    "text/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.apache.parquet": "parquet",
}
OTHER_NAMES = {
    "application/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/x-jsonlines": "jsonl",
    "application/jsonlines": "jsonl",
    "application/x-parquet": "parquet",
    "application/parquet": "parquet",
    "xlsx": "xlsx",
    "parquet": "parquet",
}
ENVELOPE_BYTES = 1024 * 1024
"""What a form may be longer than the files in it: the fields beside them, the lines between."""
PIECE = 256 * 1024
FILENAME = re.compile(r'filename="?([^";]+)"?')
FILE_FIELD = "file"


@dataclass(slots=True)
class Received:
    """What came in: files on disk under their names, and the fields of the form beside them."""

    files: list[tuple[str, IO[bytes]]] = field(default_factory=list)
    fields: Mapping[str, str] = field(default_factory=dict)
    _until_end: ExitStack = field(default_factory=ExitStack)

    def parts(self) -> Iterator[Upload]:
        for name, file in self.files:
            file.seek(0)
            yield Upload(name, iter(lambda file=file: file.read(PIECE), b""))  # type: ignore[misc]

    def digest(self) -> bytes:
        """The same for the same files and fields, however the form was put together."""
        told = hashlib.sha256(repr(sorted(self.fields.items())).encode())
        for part in self.parts():
            told.update(f"\0{part.name}\0".encode())
            for piece in part.pieces:
                told.update(piece)
        return told.digest()

    def close(self) -> None:
        self._until_end.close()


def demand_size(request: Request) -> None:
    """This function will refuse a body that says itself that it is too large, before a byte of it is read."""
    if _length(request) > MOST_BYTES + ENVELOPE_BYTES:
        message = _("The body is larger than %(most)s. Export a shorter period, or split the file.")
        raise BodyTooLarge(message % {"most": said_size(MOST_BYTES)})


def receive_body(request: Request) -> Received:
    """This function will keep the body on disk, whatever its size in flat memory; the caller closes what it gets."""
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    ending = ENDINGS.get(kind) or OTHER_NAMES.get(kind, "")
    if kind != MULTIPART and not ending and kind != ANY:
        raise UnsupportedMediaType(kind or "none")
    received = Received()
    try:
        with room():
            whole = received._until_end.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by close()
            _keep(request, whole)
            if kind == MULTIPART:
                _take_apart(request, whole, received)
            else:
                received.files.append((_name(request, ending), whole))
    except BaseException:
        received.close()
        raise
    return received


def _keep(request: Request, file: IO[bytes]) -> None:
    """A connection that broke off leaves a body shorter than it said: half a file must not be taken for a whole one."""
    said, kept = _length(request), 0
    stream = request.stream
    while stream is not None and (piece := stream.read(PIECE)):
        kept += len(piece)
        file.write(piece)
    if kept < said:
        raise Unparsable(_("The body broke off: %(kept)d of %(said)d bytes came.") % {"kept": kept, "said": said})
    file.seek(0)


def _take_apart(request: Request, whole: IO[bytes], received: Received) -> None:
    handler = TemporaryFileUploadHandler(request._request)
    try:
        fields, files = MultiPartParser(request.META, cast(Any, whole), [handler], "utf-8").parse()
    except MultiPartParserError as error:
        raise Unparsable(_("The form cannot be read: %(reason)s.") % {"reason": str(error).rstrip(".")}) from error
    for each in [each for name in files for each in files.getlist(name)]:
        received._until_end.callback(each.close)
    received.fields = {name: str(value) for name, value in fields.items()}
    unknown = [name for name in files if name != FILE_FIELD]
    if unknown or not files:
        message = _("Send the file in the field “file”.")
        raise InvalidInput(_("The input is not valid."), problems=[FieldProblem(FILE_FIELD, "required", message)])
    received.files = [(each.name, each.file) for each in files.getlist(FILE_FIELD)]


def _name(request: Request, ending: str) -> str:
    """As the caller calls it, else after its kind: the ending says how a file is read."""
    given = FILENAME.search(request.headers.get("Content-Disposition", ""))
    if given:
        return given[1]
    return f"upload.{ending}" if ending else "upload"


def _length(request: Request) -> int:
    said: Any = request.META.get("CONTENT_LENGTH")
    return int(said) if str(said or "").isdigit() else 0
