"""The first step: files from the browser straight into their folder, counted while they come."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest
from django.utils.translation import gettext

from core.errors import DomainError
from members.ingest.uploads import Recognised, named, open_sources, recognise, remembered, shape_of
from members.models import Import
from members.services.import_files import MOST_BYTES, Receiver, said_size, too_large
from members.services.imports import register_import


class ImportUploadHandler(FileUploadHandler):
    """Takes files in piece by piece. Past the limit, or without room, the rest is read and forgotten, so that the browser
    hears why; nothing of it stays."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.receiver: Receiver | None = None
        self.error: DomainError | None = None

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None) -> None:
        if content_length > 2 * MOST_BYTES:
            self.error = too_large(MOST_BYTES)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._demand_no_error()
        try:
            self.receiver = self.receiver or Receiver()
            self.receiver.begin(str(self.file_name or ""))
        except DomainError as error:
            self._give_up(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.receiver is not None
        try:
            self.receiver.take(raw_data)
        except DomainError as error:
            self._give_up(error)

    def file_complete(self, file_size: int) -> None:
        assert self.receiver is not None
        try:
            self.receiver.finish()
        except DomainError as error:
            self._give_up(error)

    def upload_interrupted(self) -> None:
        self.discard()

    def discard(self) -> None:
        if self.receiver is not None:
            self.receiver.discard()
            self.receiver = None

    def taken(self) -> Receiver:
        """This function will return what came in whole, or raise why nothing did."""
        self._demand_nothing_wrong()
        return (self.receiver or Receiver()).whole()

    def _give_up(self, error: DomainError) -> None:
        self.error = error
        self.discard()
        raise StopUpload(connection_reset=False)

    def _demand_no_error(self) -> None:
        if self.error is not None:
            raise StopUpload(connection_reset=True)

    def _demand_nothing_wrong(self) -> None:
        if self.error is not None:
            raise self.error


def draft_of(receiver: Receiver, *, now: Any, by: str) -> tuple[Import | None, list[str]]:
    """This function will make a draft of what came in, or say of each file why it cannot be read, keeping nothing."""
    found = recognise(receiver.folder.files(receiver.names))
    if not found.found and not found.unknown:
        sentences = [_said(path, error) for path, error in found.unread]
        receiver.discard()
        return None, sentences
    target, said = found.target, ""
    reading: dict[str, Any] = {}
    if not found.unread:
        reading, said = {"format": "auto", "shop": ""}, found.sentence
    elif not found.found:
        target, reading, said = _as_before(receiver, found)
    shape = shape_of(found.unknown[0]) if found.unknown and not found.found else ""
    draft = register_import(received=receiver, target=target, now=now, by=by, said=said, shape=shape, reading=reading)
    return draft, []


def _as_before(receiver: Receiver, found: Recognised) -> tuple[str, dict[str, Any], str]:
    """Files whose columns somebody has mapped before are read so again; otherwise somebody has to say what they are."""
    known = remembered(found.unknown[0])
    if known is None:
        return found.target, {}, ""
    target, reading = known
    try:
        sources = open_sources(receiver.folder.files(receiver.names), target=target, reading=reading)
    except DomainError:
        return target, {}, ""
    return target, reading, "; ".join(str(each.sentence) for each in sources)


def _said(path: Any, error: Any) -> str:
    details = [f"{problem.path}: {problem.message}" for problem in error.problems if problem.path]
    return " ".join([str(named(path, error)), *details[:3]])


def limit_sentence() -> str:
    return gettext("Up to %(most)s together: Excel (.xlsx), CSV, JSON lines or Parquet, in any usual encoding.") % {
        "most": said_size(MOST_BYTES)
    }
