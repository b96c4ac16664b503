"""Reads the overview of the workspace that a prompt carries (written by `agents.sessions.workspace_overview`)."""

import re
from dataclasses import dataclass, field
from typing import Final

FILE_NAME: Final = re.compile(
    r"(?<![\w/.@])(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.(?!com\b|org\b|net\b)[A-Za-z][A-Za-z0-9]{0,5}\b(?!@)"
)
_FILE_LINE: Final = re.compile(r"^[-*] (?P<path>.+?) \([\d,]+ bytes\)\s*$")
_COLUMNS: Final = re.compile(r"\bcolumns: (?P<names>.+)$")
_ROWS: Final = re.compile(r"^\s*(?P<count>[\d,]+) rows\b")
_VALUES: Final = re.compile(r"^\s+values of (?P<column>.+?): (?P<values>.+)$")


@dataclass(slots=True)
class WorkspaceFile:
    """A file as the overview shows it. `distinct` holds the values of text columns that have few."""

    path: str
    columns: tuple[str, ...] = ()
    row_count: int | None = None
    distinct: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_table(self) -> bool:
        """Whether it holds rows and columns."""
        return bool(self.columns) or self.path.lower().endswith((".csv", ".tsv"))


def workspace_files(overview: str) -> tuple[WorkspaceFile, ...]:
    """Return the files that an overview lists, in its order."""
    files: list[WorkspaceFile] = []
    for line in overview.splitlines():
        heading = _FILE_LINE.match(line)
        if heading:
            files.append(WorkspaceFile(path=heading["path"]))
        elif files:
            _read_facts(files[-1], line)
    return tuple(files)


def _read_facts(file: WorkspaceFile, line: str) -> None:
    values = _VALUES.match(line)
    if values:
        file.distinct[values["column"]] = tuple(value.strip() for value in values["values"].split(","))
        return
    rows, columns = _ROWS.match(line), _COLUMNS.search(line)
    if rows:
        file.row_count = int(rows["count"].replace(",", ""))
    if columns:
        file.columns = tuple(name.strip() for name in columns["names"].split(",") if name.strip())
