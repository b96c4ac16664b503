"""Writing events: numbered without gaps under the task's row lock, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from orchestration.events.wake import wake_publish

MESSAGE_MAX_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event that has no number yet."""

    kind: str
    message: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    step_key: str = ""
    agent_id: str = ""


def events_append(*, task_id: UUID, drafts: Sequence[EventDraft]) -> None:
    """Number and insert events; readers are woken after the commit. Two round trips, however many events.

    Must run in a transaction: the number is taken by updating the task's row, which stays locked until the commit, so
    that a reader never sees number n + 1 before n.
    """
    if not drafts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_task SET event_seq = event_seq + %s, updated_at = now() WHERE id = %s"
            " RETURNING event_seq",
            [len(drafts), task_id],
        )
        last_seq: int = cursor.fetchone()[0]
        first_seq = last_seq - len(drafts) + 1
        cursor.execute(
            "INSERT INTO orchestration_event (task_id, seq, kind, step_key, agent_id, message, payload, created_at)"
            " SELECT %s, seq, kind, step_key, agent_id, message, payload, clock_timestamp() FROM unnest("
            " %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])"
            " AS e(seq, kind, step_key, agent_id, message, payload)",
            [
                task_id,
                list(range(first_seq, last_seq + 1)),
                [str(draft.kind) for draft in drafts],
                [draft.step_key for draft in drafts],
                [draft.agent_id for draft in drafts],
                [_storable(draft.message)[:MESSAGE_MAX_CHARS] for draft in drafts],
                [Jsonb(_storable_json(draft.payload)) for draft in drafts],
            ],
        )
    transaction.on_commit(lambda: wake_publish(task_id=task_id, seq=last_seq))


def _storable(text: str) -> str:
    """Replace the one character that Postgres cannot store in text."""
    return text.replace("\x00", "\ufffd")


def _storable_json(value: Any) -> Any:
    """Do the same inside a JSON value."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_json(inner) for inner in value]
    return value
