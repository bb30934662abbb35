"""Parquet, read by row groups. The library that reads it is optional: it is large, and most shops have no such file."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from members.ingest.connectors.tables import TableFile, TableRow, damage, unreadable
from members.ingest.connectors.xlsx import cell_text
from members.ingest.files import UnreadableFile

AT_ONCE = 2_000


class ParquetTable(TableFile):
    kind = "parquet"

    @staticmethod
    def recognises(start: bytes) -> bool:
        return start.startswith(b"PAR1")

    @property
    def description(self) -> str:
        return "Parquet"

    def prepare(self) -> None:
        with self._open() as file:
            schema = file.schema_arrow
            self.header = [name.strip() for name in schema.names]
            self.row_count = self.size = file.metadata.num_rows
            nested = [field.name for field in schema if _is_nested(field.type)]
        self.header_row = 0
        if nested:
            message = _("This column holds lists or structures; one value a cell is taken (lists of words for tags).")
            problems = [FieldProblem(name, "nested_column", message) for name in nested]
            raise UnreadableFile(_("The file's columns cannot be read."), problems=problems)

    def _rows(self) -> Iterator[TableRow]:
        number = 0
        with self._open() as file:
            try:
                for batch in file.iter_batches(batch_size=AT_ONCE):
                    for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                        number += 1
                        yield TableRow(number, [_text(value) for value in values])
                    self.position = number
            except (OSError, ValueError) as error:  # pyarrow's own errors are among them
                yield damage(number + 1, str(error).splitlines()[0][:200])

    def _open(self) -> Any:
        try:
            from pyarrow import parquet  # type: ignore[import-untyped]
        except ImportError as error:
            message = _("Reading Parquet needs the package pyarrow: pip install pyarrow. Or save the file as CSV.")
            raise unreadable("parquet_missing", message) from error
        try:
            return parquet.ParquetFile(self.path)
        except (OSError, ValueError) as error:
            message = _("This Parquet file is damaged or was not copied to its end. Export or copy it again.")
            raise unreadable("half_a_file", message) from error


def _is_nested(kind: Any) -> bool:
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return not (types.is_string(kind.value_type) or types.is_large_string(kind.value_type))
    return bool(types.is_nested(kind))


def _text(value: Any) -> str:
    """Whole numbers are exact here, unlike in a spreadsheet."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, list):
        return "|".join(str(word) for word in value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return cell_text(value)
