"""Which bytes a file is made of: decided by reading it through once, in pieces, so that no row surprises us later."""

from __future__ import annotations

import codecs
from pathlib import Path

PIECE = 1 << 20
SAMPLE = 8192

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CANDIDATES = ("utf-8", "gb18030")
"""Without a mark: what is valid UTF-8 is UTF-8; what a Chinese spreadsheet writes otherwise is GB18030 (GBK is a part)."""

OTHER_KINDS = (b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"%PDF", b"\x89PNG", b"\xd0\xcf\x11\xe0")
"""Spreadsheets and archives, Parquet, gzip, PDF, PNG, old spreadsheets: files that are no text, by how they begin."""

MOST_CONTROL_CHARACTERS = 0.01
SPOKEN = frozenset(b"\t\n\r\f\x1a")


def encoding_of(path: Path) -> str | None:
    """This function will return the encoding that the whole file can be read in, or None when it is not text."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    return next((name for name in _candidates(start) if _decodes(path, name)), None)


def _candidates(start: bytes) -> tuple[str, ...]:
    if start.startswith(OTHER_KINDS):
        return ()
    named = next((name for mark, name in MARKS if start.startswith(mark)), "") or _unmarked_utf16(start)
    if named:
        return (named,)
    return () if _is_binary(start) else CANDIDATES


def _unmarked_utf16(start: bytes) -> str:
    """Latin letters and digits in UTF-16 are every second byte a zero; nothing else looks like that."""
    half = max(len(start) // 2, 1)
    low, high = start[0::2].count(0) / half, start[1::2].count(0) / half
    if high > 0.4 and low < 0.05:
        return "utf-16-le"
    return "utf-16-be" if low > 0.4 and high < 0.05 else ""


def _is_binary(start: bytes) -> bool:
    strange = sum(byte < 32 and byte not in SPOKEN for byte in start)
    return strange > max(MOST_CONTROL_CHARACTERS * len(start), 1)


def _decodes(path: Path, name: str) -> bool:
    """A file that ends within a character is still in its encoding: its last row is refused for it, not the file."""
    decoder = codecs.getincrementaldecoder(name)()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=name.startswith("utf-16"))  # which cannot hand half a character on
    except UnicodeError:
        return False
    return True
