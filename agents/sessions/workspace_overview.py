"""What a model is told of the files in a session's workspace."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.conf import settings

from agents.journal.bounds import bounded_text
from sandbox.errors import WorkspaceFileMissing, WorkspacePathInvalid
from sandbox.services import workspace_open
from shannon_project.foundation.database import connection_release

_MAX_FILES: Final = 40
_MAX_TABLE_BYTES: Final = 4 * 1024 * 1024  # a larger table is only named: reading it would cost too much
_MAX_TABLES_BYTES: Final = 8 * 1024 * 1024  # of all tables together: every step of a plan may ask
_MAX_LINE_CHARACTERS: Final = 64 * 1024
_MAX_COLUMNS: Final = 40
_MAX_DISTINCT: Final = 20
_MAX_VALUE_CHARACTERS: Final = 60


def workspace_overview(*, tenant_id: UUID, session_id: UUID) -> str:
    """Return a few lines about each file; empty when there is none.

    A file's line holds its path and size. Lines below a CSV file's give its number of rows, its columns, and the
    values of each text column that has at most 20 different ones. Bounded to
    `SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS`. Tables larger than 4 MiB, and those after the first 8 MiB of tables,
    are only named. No connection of the database is held while files are read.
    """
    connection_release()
    workspace = workspace_open(tenant_id=tenant_id, session_id=session_id)
    entries = workspace.files()
    lines: list[str] = []
    left_bytes = _MAX_TABLES_BYTES
    for entry in entries[:_MAX_FILES]:
        lines.append(f"- {entry.path} ({entry.size_bytes:,} bytes)")
        if entry.name.lower().endswith(".csv") and 0 < entry.size_bytes <= min(_MAX_TABLE_BYTES, left_bytes):
            left_bytes -= entry.size_bytes
            with suppress(WorkspaceFileMissing, WorkspacePathInvalid):  # deleted or replaced meanwhile
                lines += _table_lines(workspace.read(entry.path))
    if len(entries) > _MAX_FILES:
        lines.append(f"- and {len(entries) - _MAX_FILES} more files")
    return bounded_text("\n".join(lines), settings.SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS)


def workspace_has_files(*, tenant_id: UUID, session_id: UUID) -> bool:
    """Return whether a session has files. No connection of the database is held meanwhile."""
    connection_release()
    return bool(workspace_open(tenant_id=tenant_id, session_id=session_id).files())


@dataclass(slots=True)
class _Column:
    """A column while it is read. `values` None: too many different ones, or too long, to be listed."""

    name: str
    is_text: bool = False
    values: set[str] | None = field(default_factory=set)

    def add(self, value: str) -> None:
        """Take note of one cell."""
        if not value:
            return
        self.is_text = self.is_text or not _is_number(value)
        if self.values is None or value in self.values:
            return
        self.values.add(value)
        if len(self.values) > _MAX_DISTINCT or len(value) > _MAX_VALUE_CHARACTERS:
            self.values = None


def _table_lines(data: bytes) -> list[str]:
    """Return the lines about a CSV file; none when it cannot be read as one."""
    try:
        rows = csv.reader(_text_lines(data))
        header = next(rows, [])
        columns = [_Column(_one_line(name)) for name in header[:_MAX_COLUMNS]]  # a cell costs a byte, a column far more
        count = 0
        for row in rows:
            count += bool(row)
            for column, value in zip(columns, row, strict=False):
                column.add(value.strip())
    except csv.Error:
        return []
    names = ", ".join(column.name for column in columns)
    more = f", and {len(header) - _MAX_COLUMNS:,} more" if len(header) > _MAX_COLUMNS else ""
    lines = [f"  {count} rows; columns: {names}{more}"]
    lines += [
        f"  values of {column.name}: {', '.join(map(_one_line, sorted(column.values)))}"
        for column in columns
        if column.is_text and column.values
    ]
    return lines


def _text_lines(data: bytes) -> Iterator[str]:
    """Yield the lines of a table.

    Raises:
        csv.Error: One is so long that its cells would cost too much: 4 MiB of commas are 50 MB of list.
    """
    for line in io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline=""):
        if len(line) > _MAX_LINE_CHARACTERS:
            raise csv.Error("too long a line")
        yield line


def _is_number(value: str) -> bool:
    try:
        float(value.replace(",", ""))
    except ValueError:
        return False
    return True


def _one_line(text: str) -> str:
    return bounded_text(" ".join(text.split()), _MAX_VALUE_CHARACTERS)
