"""The journal in Postgres."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from agents.models import JournalEntry
from agents.types import JournalStatus
from shannon_project.foundation.database import prepared_cursor

# Arrays, so that the text is the same for two entries and for those of a hundred steps. One entry, as of a step that is
# alone, has a text of its own: to put its values into arrays takes five times as long as to send them.
_INSERT: Final = """
    INSERT INTO agents_journalentry (step_id, task_id, position, attempt, kind, key, request_digest, status, request,
        response, error, decisions, prompt_tokens, completion_tokens, cost_usd, started_at, finished_at)
    SELECT step_id, task_id, position, attempt, kind, key, digest, status, request, response, error, decisions, prompt,
        completion, cost, statement_timestamp(), CASE WHEN status <> 'started' THEN statement_timestamp() END
    FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::int[], %s::int[], %s::numeric[])
        AS e(step_id, task_id, position, attempt, kind, key, digest, status, request, response, error, decisions,
            prompt, completion, cost)
"""
_INSERT_NEW: Final = f"{_INSERT} ON CONFLICT DO NOTHING"
_INSERT_ONE: Final = """
    INSERT INTO agents_journalentry (step_id, task_id, position, attempt, kind, key, request_digest, status, request,
        response, error, decisions, prompt_tokens, completion_tokens, cost_usd, started_at, finished_at)
    SELECT step_id, task_id, position, attempt, kind, key, digest, status, request, response, error, decisions, prompt,
        completion, cost, statement_timestamp(), CASE WHEN status <> 'started' THEN statement_timestamp() END
    FROM (VALUES (%s::uuid, %s::uuid, %s::int, %s::int, %s::text, %s::text, %s::text, %s::text, %s::jsonb, %s::jsonb,
        %s::jsonb, %s::jsonb, %s::int, %s::int, %s::numeric))
        AS e(step_id, task_id, position, attempt, kind, key, digest, status, request, response, error, decisions,
            prompt, completion, cost)
"""
_INSERT_NEW_ONE: Final = f"{_INSERT_ONE} ON CONFLICT DO NOTHING"
_UPDATE: Final = """
    UPDATE agents_journalentry j
    SET attempt = e.attempt, status = e.status, response = e.response, error = e.error, decisions = e.decisions,
        prompt_tokens = e.prompt, completion_tokens = e.completion, cost_usd = e.cost,
        finished_at = CASE WHEN e.status = 'started' THEN j.finished_at ELSE statement_timestamp() END
    FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::text[], %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::int[],
        %s::int[], %s::numeric[])
        AS e(step_id, position, attempt, status, response, error, decisions, prompt, completion, cost)
    WHERE j.step_id = e.step_id AND j.position = e.position
"""
_UPDATE_ONE: Final = """
    UPDATE agents_journalentry j
    SET attempt = e.attempt, status = e.status, response = e.response, error = e.error, decisions = e.decisions,
        prompt_tokens = e.prompt, completion_tokens = e.completion, cost_usd = e.cost,
        finished_at = CASE WHEN e.status = 'started' THEN j.finished_at ELSE statement_timestamp() END
    FROM (VALUES (%s::uuid, %s::int, %s::int, %s::text, %s::jsonb, %s::jsonb, %s::jsonb, %s::int, %s::int,
        %s::numeric))
        AS e(step_id, position, attempt, status, response, error, decisions, prompt, completion, cost)
    WHERE j.step_id = e.step_id AND j.position = e.position
"""


class PostgresJournalStore:
    """One row per entry; the transaction around a write is the engine's."""

    def load(self, step_id: UUID) -> dict[int, JournalEntry]:
        """Return the step's entries by position, in one query; what was asked is only needed as its digest."""
        return {entry.position: entry for entry in JournalEntry.objects.filter(step_id=step_id).defer("request")}

    def insert(self, entries: Sequence[JournalEntry]) -> None:
        """Insert the rows in one statement."""
        _execute(_INSERT_ONE if len(entries) == 1 else _INSERT, entries, _FIRST_COLUMNS)

    def insert_new(self, entries: Sequence[JournalEntry]) -> None:
        """The same, but those whose positions are taken stay as they are."""
        _execute(_INSERT_NEW_ONE if len(entries) == 1 else _INSERT_NEW, entries, _FIRST_COLUMNS)

    def update(self, entries: Sequence[JournalEntry]) -> None:
        """Write the columns that change after the start, in one statement."""
        _execute(_UPDATE_ONE if len(entries) == 1 else _UPDATE, entries, _LATER_COLUMNS)


_JSON: Final = frozenset({"request", "response", "error", "decisions"})
_FIRST_COLUMNS: Final = (
    "step_id",
    "task_id",
    "position",
    "attempt",
    "kind",
    "key",
    "request_digest",
    "status",
    "request",
    "response",
    "error",
    "decisions",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
)
_LATER_COLUMNS: Final = (
    "step_id",
    "position",
    "attempt",
    "status",
    "response",
    "error",
    "decisions",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
)


def _execute(statement: str, entries: Sequence[JournalEntry], columns: Sequence[str]) -> None:
    values: list[Any] = [[_value(entry, column) for entry in entries] for column in columns]
    with prepared_cursor() as cursor:
        cursor.execute(statement, [value for (value,) in values] if len(entries) == 1 else values)


def _value(entry: JournalEntry, column: str) -> Any:
    value = getattr(entry, column)
    if isinstance(value, JournalStatus):
        return value.value
    if column in _JSON and value is not None:
        return Jsonb(value)
    return value
