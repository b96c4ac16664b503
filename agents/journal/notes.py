"""Writing notes: effects that were instant and free, kept with the outcome of the step that had them."""

from collections.abc import Sequence

from agents.models import JournalEntry


def notes_write(notes: Sequence[JournalEntry]) -> None:
    """Insert the notes of any number of steps in one statement, in the caller's transaction."""
    if notes:
        JournalEntry.objects.bulk_create(notes)
