"""Writing events: numbered without gaps under the task's row lock, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb

from orchestration.events.wake import wake_publish
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.text import storable_text

MESSAGE_MAX_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event that has no number yet."""

    kind: str
    message: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    step_key: str = ""
    agent_id: str = ""


def events_append(*, task_id: UUID, drafts: Sequence[EventDraft], has_readers: bool = True) -> None:
    """Number and insert events of one task; see `events_append_all`."""
    events_append_all({task_id: drafts}, has_readers=has_readers)


def events_append_all(drafts_of: Mapping[UUID, Sequence[EventDraft]], *, has_readers: bool = True) -> None:
    """Number and insert events; readers are woken after the commit. One round trip, however many events and tasks.

    Must run in a transaction: the number is taken by updating the task's row, which stays locked until the commit, so
    that a reader never sees number n + 1 before n. Who writes events of several tasks holds their locks already.

    Args:
        drafts_of: Events in order, by task.
        has_readers: False for tasks that are inserted in this transaction: nobody knows of them before its commit, and
            who hears of them then finds the events stored.
    """
    drafts_of = {task_id: drafts for task_id, drafts in drafts_of.items() if drafts}
    if not drafts_of:
        return
    drafts = [(task_id, number, draft) for task_id, some in drafts_of.items() for number, draft in enumerate(some, 1)]
    cursor = prepared_cursor()
    cursor.execute(
        """
            WITH numbered AS (
                UPDATE orchestration_task t SET event_seq = event_seq + v.count, updated_at = now()
                FROM unnest(%s::uuid[], %s::int[]) AS v(id, count) WHERE t.id = v.id
                RETURNING t.id, t.event_seq, t.event_seq - v.count AS before
            ), told AS (
                INSERT INTO orchestration_event
                    (task_id, seq, kind, step_key, agent_id, message, payload, created_at)
                SELECT e.task_id, n.before + e.number, kind, step_key, agent_id, message, payload, clock_timestamp()
                FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
                    AS e(task_id, number, kind, step_key, agent_id, message, payload)
                JOIN numbered n ON n.id = e.task_id
            )
            SELECT id, event_seq FROM numbered
            """,
        [
            list(drafts_of),
            [len(some) for some in drafts_of.values()],
            [task_id for task_id, _, _ in drafts],
            [number for _, number, _ in drafts],
            [str(draft.kind) for _, _, draft in drafts],
            [draft.step_key for _, _, draft in drafts],
            [draft.agent_id for _, _, draft in drafts],
            [storable_text(draft.message)[:MESSAGE_MAX_CHARS] for _, _, draft in drafts],
            [Jsonb(_storable_json(draft.payload)) for _, _, draft in drafts],
        ],
    )
    transaction.on_commit(partial(_wake, cursor) if has_readers else cursor.close)


def _wake(cursor: CursorWrapper) -> None:
    """Wake the readers. The numbers are read only now: until the commit nobody needs to wait for them."""
    with cursor:
        wake_publish(dict(cursor.fetchall()))


def _storable_json(value: Any) -> Any:
    """Replace inside a JSON value what Postgres cannot store."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {storable_text(str(key)): _storable_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_json(inner) for inner in value]
    return value
