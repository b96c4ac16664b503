"""The journal in memory, for tests; it outlives a `Journal`, so a crash and a re-run can be played."""

import copy
from collections.abc import Sequence
from uuid import UUID

from agents.models import JournalEntry


class FakeJournalStore:
    """Keeps copies, as a database would, and counts what it is asked."""

    def __init__(self) -> None:
        """Start empty."""
        self.entries: dict[UUID, dict[int, JournalEntry]] = {}
        self.loads = 0
        self.writes = 0

    def load(self, step_id: UUID) -> dict[int, JournalEntry]:
        """Return copies of the step's entries."""
        self.loads += 1
        return {position: copy.copy(entry) for position, entry in self.entries.get(step_id, {}).items()}

    def insert(self, entries: Sequence[JournalEntry]) -> None:
        """Keep copies under their positions."""
        self.writes += 1
        for entry in entries:
            kept = self.entries.setdefault(entry.step_id, {})
            if entry.position in kept:
                message = f"position {entry.position} is taken"
                raise KeyError(message)
            kept[entry.position] = copy.copy(entry)

    def update(self, entries: Sequence[JournalEntry]) -> None:
        """Replace the copies."""
        self.writes += 1
        for entry in entries:
            self.entries[entry.step_id][entry.position] = copy.copy(entry)
