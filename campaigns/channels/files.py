"""Messages as files, one for each key: what stands for a provider when none is configured."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from campaigns.channels.base import Receipt


def put_once(folder: Path, name: str, content: bytes) -> Receipt:
    """This function will leave `content` under `name`, whole or not at all; a name that is taken stays as it is.

    A hard link fails where the name exists, so the same message handed over twice, even at once, is one file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.{uuid4().hex}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    with suppress(FileExistsError):
        os.link(draft, folder / name)
    draft.unlink()
    return Receipt(provider_id=name)
