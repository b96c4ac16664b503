"""The journal in Postgres."""

from collections.abc import Sequence
from uuid import UUID

from agents.models import JournalEntry


class PostgresJournalStore:
    """One row per entry; the transaction around a write is the engine's."""

    def load(self, step_id: UUID) -> dict[int, JournalEntry]:
        """Return the step's entries by position, in one query; what was asked is only needed as its digest."""
        return {entry.position: entry for entry in JournalEntry.objects.filter(step_id=step_id).defer("request")}

    def insert(self, entries: Sequence[JournalEntry]) -> None:
        """Insert the rows in one query."""
        JournalEntry.objects.bulk_create(entries)

    def update(self, entry: JournalEntry) -> None:
        """Write the columns that change after the start, found by step and position."""
        JournalEntry.objects.filter(step_id=entry.step_id, position=entry.position).update(
            attempt=entry.attempt,
            status=entry.status,
            response=entry.response,
            error=entry.error,
            prompt_tokens=entry.prompt_tokens,
            completion_tokens=entry.completion_tokens,
            cost_usd=entry.cost_usd,
            finished_at=entry.finished_at,
            decisions=entry.decisions,
        )
