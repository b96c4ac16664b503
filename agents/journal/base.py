"""Where journal entries are kept."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from agents.models import JournalEntry


class JournalStore(Protocol):
    """Keeps the entries of steps. `insert` and `update` are called inside the engine's transaction."""

    def load(self, step_id: UUID) -> dict[int, JournalEntry]:
        """Return the step's entries by position."""

    def insert(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries; their positions in their step are new."""

    def update(self, entries: Sequence[JournalEntry]) -> None:
        """Write how far entries have come; one that is not `started` has come there just now."""
