"""Importing a document: which of its operations become tools, and what became of all of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agents.tools.openapi.documents import Document, Unsupported, mapping
from agents.tools.openapi.operations import METHODS, Asked, OperationRecord, operation_record
from agents.tools.openapi.schemas import SchemaReader

_REPORTED_MAX: Final = 200
_RECORDS_MAX_CHARACTERS: Final = 8_000_000  # of all operations of an API together: each process keeps them at hand
_TRIED_FOR_EACH: Final = 8  # operations that are read for each that may be imported: some cannot be made a tool
_METHODS: Final = (*METHODS, "trace")


@dataclass(slots=True)
class Report:
    """What became of a document's operations, for whoever imported it."""

    operations: int = 0
    imported: int = 0
    filtered: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    simplified: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON; long lists are cut."""
        return {
            "operations": self.operations,
            "imported": self.imported,
            "filtered": self.filtered,
            "left_out": self.left_out[:_REPORTED_MAX],
            "simplified": self.simplified[:_REPORTED_MAX],
            "problems": self.problems[:_REPORTED_MAX],
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operations are wanted: with one of these tags, or of these names; without either, all of them.

    `server`: the address to call in place of those in the document. `base_url`: where the document came from.
    """

    api: str
    tags: Sequence[str] = ()
    operations: Sequence[str] = ()
    server: str = ""
    base_url: str = ""
    limit: int = 128

    def takes(self, name: str, tags: Sequence[str]) -> bool:
        """Tell whether an operation is wanted."""
        if not self.tags and not self.operations:
            return True
        return name in self.operations or any(tag in self.tags for tag in tags)


def operations_read(document: Document, wanted: Wanted) -> tuple[list[OperationRecord], Report]:
    """Return the records of the wanted operations, in the document's order, and what became of all."""
    importing = _Import(document, wanted, tries_left=wanted.limit * _TRIED_FOR_EACH)
    for asked in _operations(document, wanted):
        importing.report.operations += 1
        if wanted.takes(asked.name, asked.tags):
            importing.add(asked)
        else:
            importing.report.filtered += 1
    report = importing.report
    report.imported = len(importing.records)
    if webhooks := mapping(document.root.get("webhooks")):
        document.problems.add(f"webhooks are left out: {', '.join(webhooks)[:200]}")
    report.problems = sorted(document.problems)
    return list(importing.records.values()), report


@dataclass(slots=True)
class _Import:
    """An import so far, and how much more of the document may be read."""

    document: Document
    wanted: Wanted
    tries_left: int
    characters_left: int = _RECORDS_MAX_CHARACTERS
    records: dict[str, OperationRecord] = field(default_factory=dict)
    report: Report = field(default_factory=Report)

    def add(self, asked: Asked) -> None:
        """Add an operation, or report why it is left out."""
        reader = SchemaReader(self.document)
        try:
            record = self._record(asked, reader)
        except Unsupported as error:
            self.report.left_out.append({"operation": asked.name, "reason": str(error)})
            return
        self.records[record["tool"]] = record
        callbacks = mapping(asked.operation.get("callbacks"))
        unread = [f"its callbacks are left out: {', '.join(callbacks)[:200]}"] if callbacks else []
        self.document.problems.update(f"{asked.name}: {note}" for note in (*reader.notes, *unread))
        if reader.simplified:
            self.report.simplified.append(asked.name)

    def _record(self, asked: Asked, reader: SchemaReader) -> OperationRecord:
        if len(self.records) >= self.wanted.limit or self.tries_left <= 0:
            raise Unsupported(f"At most {self.wanted.limit} operations are imported.")
        self.tries_left -= 1
        record = operation_record(self.document, reader, asked)
        if record["tool"] in self.records:
            raise Unsupported("Another operation has this name.")
        size = len(json.dumps(record))
        if size > self.characters_left and "returns" in record:
            del record["returns"]  # rather an unknown answer than no operation
            size = len(json.dumps(record))
        if size > self.characters_left:
            raise Unsupported("With those before it, it is larger than all operations of an API may be together.")
        self.characters_left -= size
        return record


def _operations(document: Document, wanted: Wanted) -> Iterator[Asked]:
    for path, value in document.root["paths"].items():
        item: Mapping[str, Any] = document.resolved(value)
        for method in _METHODS:
            if isinstance(item.get(method), Mapping) and path.startswith("/"):
                yield Asked(wanted.api, wanted.server, wanted.base_url, path, method, item, item[method])
