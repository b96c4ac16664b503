"""Reading a task's events for who follows it, by statements of fixed text: they run for each reader and wake-up."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from orchestration.models import Event, Task
from orchestration.types import TASK_TERMINAL
from shannon_project.foundation.database import prepared_cursor

PAGE_EVENTS: Final = 200
_SEQ_MAX: Final = 2**31 - 1  # of the column

_TASK_FIELDS: Final = ("id", "tenant_id", "status", "event_seq")
_EVENT_FIELDS: Final = ("seq", "kind", "step_key", "agent_id", "message", "payload", "created_at")
_COLUMNS: Final = "seq, kind, step_key, agent_id, message, payload::text, created_at"
_NEXT: Final = f"SELECT {_COLUMNS} FROM orchestration_event WHERE task_id = %s AND seq > %s ORDER BY seq LIMIT %s"  # noqa: S608 - names of our own columns
_OPENING: Final = f"""
    SELECT t.status, t.event_seq, e.*
    FROM orchestration_task t LEFT JOIN LATERAL (
        SELECT {_COLUMNS} FROM orchestration_event
        WHERE task_id = %(task)s AND seq > least(%(after)s::bigint, t.event_seq) ORDER BY seq LIMIT %(limit)s
    ) e ON true
    WHERE t.id = %(task)s AND t.tenant_id = %(tenant)s
    ORDER BY e.seq
"""  # noqa: S608 - see above


@dataclass(frozen=True, slots=True)
class Opening:
    """A task and its first events, as they were read together."""

    task: Task
    page: Sequence[Event] = ()

    @property
    def is_over(self) -> bool:
        """Whether the task had ended before the events were read."""
        return self.task.status in TASK_TERMINAL


def opening_read(*, tenant_id: UUID, task_id: UUID, after_seq: int) -> Opening | None:
    """Return a tenant's task and its first events after a number, as they are at one moment; None: there is no task.

    One query. Of the task only what a reader of its stream needs is there.

    Args:
        tenant_id: Whose task it must be.
        task_id: The task.
        after_seq: One that does not exist yet counts as the newest.
    """
    after_seq = min(after_seq, _SEQ_MAX)
    asked: dict[str, Any] = {"task": task_id, "tenant": tenant_id, "after": after_seq, "limit": PAGE_EVENTS}
    with prepared_cursor() as cursor:
        cursor.execute(_OPENING, asked)
        rows = cursor.fetchall()
    if not rows:
        return None
    status, event_seq, *_ = rows[0]
    task = Task.from_db(connection.alias, _TASK_FIELDS, (task_id, tenant_id, status, event_seq))
    return Opening(task, [_event(task_id, row[2:]) for row in rows if row[2] is not None])


def events_next(task_id: UUID, after_seq: int) -> list[Event]:
    """Return one page of a task's events, in order. One query; the caller has checked that the task is the reader's."""
    with prepared_cursor() as cursor:
        cursor.execute(_NEXT, [task_id, after_seq, PAGE_EVENTS])
        return [_event(task_id, row) for row in cursor.fetchall()]


def _event(task_id: UUID, row: Sequence[Any]) -> Event:
    seq, kind, step_key, agent_id, message, payload, created_at = row
    values = (task_id, seq, kind, step_key, agent_id, message, json.loads(payload), created_at)
    return Event.from_db(connection.alias, ("task_id", *_EVENT_FIELDS), values)
