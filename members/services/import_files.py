"""Files of imports on disk: each import has a folder under a name that nobody can guess, readable by us alone."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput
from members.conf import imports_dir

MOST_BYTES = 1024**3
"""Of all files of one import together. A million orders with their lines are about half of it."""

MOST_FILES = 20
LONGEST_NAME = 100
PIECE = 256 * 1024
REJECTS = "refused"
PROFILES = "profiles"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class UploadRefused(InvalidInput):
    """Files that are not taken, whatever is in them."""


class NoRoom(DomainError):
    """The disk is full: a matter of the server, not of the file."""

    code = "no_room"
    retryable = True
    status = 507


class FilesGone(DomainError):
    """What an import reads is no longer there."""

    code = "files_gone"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrives: the name it had, its bytes piece by piece."""

    name: str
    pieces: Iterable[bytes]


def said_size(size: int) -> str:
    """This function will write a size as people say it: 1 GB, 250 MB."""
    for unit, word in ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB")):
        if size >= unit:
            return f"{size / unit:.3g} {word}"
    return f"{size} B"


def too_large(most: int) -> UploadRefused:
    message = _("These files are larger than %(most)s together. Export a shorter period, or split the file.")
    return UploadRefused(message % {"most": said_size(most)}, code="too_large")


def no_room() -> NoRoom:
    return NoRoom(_("There is no room left on the server's disk. Nothing was kept; tell whoever runs the server."))


@contextmanager
def room() -> Iterator[None]:
    """This function will say in words that the disk is full, wherever within it is found out."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise no_room() from error
        raise


class Folder:
    """The folder of one import."""

    def __init__(self, token: str) -> None:
        self.path = imports_dir() / token

    @classmethod
    def made(cls) -> tuple[str, Folder]:
        """This function will make a folder under a new name and return both."""
        token = secrets.token_urlsafe(24)
        folder = cls(token)
        folder.path.mkdir(parents=True, mode=0o700)
        return token, folder

    def file(self, position: int, name: str) -> Path:
        return self.path / str(position) / name

    def files(self, names: Iterable[str]) -> list[Path]:
        """This function will return the files' paths in their order, or raise FilesGone when one is not there."""
        paths = [self.file(position, name) for position, name in enumerate(names)]
        for path in paths:
            if not path.is_file():
                message = _("The file “%(name)s” is no longer on the server. Upload it again.")
                raise FilesGone(message % {"name": path.name})
        return paths

    def rejects(self, position: int) -> Path:
        return self.path / f"{REJECTS}.{position}"

    def rejected(self, position: int, size: int) -> Iterator[bytes]:
        """This function will read a file of refused rows: no more than counts. Behind it a batch may be writing that does
        not come to its end."""
        with self.rejects(position).open("rb") as file:
            while size > 0 and (piece := file.read(min(PIECE, size))):
                size -= len(piece)
                yield piece

    def profiles(self, position: int) -> Path:
        return self.path / f"{PROFILES}.{position}"

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Receiver:
    """Takes files in as they arrive, piece by piece, and refuses when they become too many bytes. All or nothing."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self.most_bytes = MOST_BYTES if most_bytes is None else most_bytes
        self.names: list[str] = []
        self.received = 0
        self._file: BinaryIO | None = None
        with room():
            self.token, self.folder = Folder.made()

    def begin(self, name: str) -> None:
        if len(self.names) >= MOST_FILES:
            raise UploadRefused(_("At most %(most)d files are taken at once.") % {"most": MOST_FILES}, code="too_many_files")
        self.finish()
        name = plain_name(name)
        path = self.folder.file(len(self.names), name)
        with room():
            path.parent.mkdir(mode=0o700)
            self._file = open(path, "wb", opener=_private)  # noqa: SIM115 - closed by finish or discard
        self.names.append(name)

    def take(self, piece: bytes) -> None:
        assert self._file is not None
        self.received += len(piece)
        if self.received > self.most_bytes:
            raise too_large(self.most_bytes)
        with room():
            self._file.write(piece)

    def finish(self) -> None:
        """This function will end the file that is being taken in; its last bytes may be those the disk has no room for."""
        if self._file is not None:
            file, self._file = self._file, None
            with room():
                file.close()

    def whole(self) -> Receiver:
        """This function will end what is being taken in and return it, or raise what is missing and leave nothing."""
        try:
            self.finish()
            self._demand_content()
        except BaseException:
            self.discard()
            raise
        return self

    def discard(self) -> None:
        if self._file is not None:
            with room_or_not():
                self._file.close()
            self._file = None
        self.folder.remove()

    def _demand_content(self) -> None:
        """This function will refuse when nothing arrived, or a file without a byte."""
        if not self.names:
            raise UploadRefused(_("Choose a file first."), code="no_file")
        for position, name in enumerate(self.names):
            if self.folder.file(position, name).stat().st_size == 0:
                raise UploadRefused(_("“%(name)s” is empty: it has not a single byte.") % {"name": name}, code="empty_file")


@contextmanager
def room_or_not() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def plain_name(name: str) -> str:
    """This function will make of what a browser says a name that is nothing but a name."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable()).strip().lstrip(".")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    room_left = LONGEST_NAME - len(ending.encode()[:20]) - 1
    stem = stem.encode()[: max(room_left, 1)].decode(errors="ignore")
    return f"{stem}{dot}{ending.encode()[:20].decode(errors='ignore')}" or "file"


def receive(parts: Iterable[Upload], *, most_bytes: int | None = None) -> Receiver:
    """This function will take whole files in, or raise and leave nothing."""
    receiver = Receiver(most_bytes)
    try:
        for part in parts:
            receiver.begin(part.name)
            for piece in part.pieces:
                receiver.take(piece)
    except BaseException:
        receiver.discard()
        raise
    return receiver.whole()


def forget_strays(*, known: set[str], older_than: float) -> int:
    """This function will remove folders that belong to no import, such as an upload that broke off left one."""
    root = imports_dir()
    if not root.is_dir():
        return 0
    strays = [path for path in root.iterdir() if path.name not in known and path.stat().st_mtime < older_than]
    for path in strays:
        shutil.rmtree(path, ignore_errors=True)
    return len(strays)
