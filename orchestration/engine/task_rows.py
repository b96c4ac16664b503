"""Reading a task and its steps where it is moved on: statements of fixed text, so that they are planned once."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from agents.services import value_unpack
from orchestration.models import Task
from orchestration.types import StepKind, StepStatus, StepView, TaskView
from shannon_project.foundation.database import prepared_cursor

# What the engine reads of a task that moves on; another column would be asked for by itself, when it is looked at.
_COLUMNS: Final = (
    "id",
    "tenant_id",
    "session_id",
    "query",
    "strategy",
    "parameters",
    "status",
    "concurrency_limit",
    "priority",
    "deadline_at",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "cost_is_complete",
    "model_used",
    "waits_since",
    "traceparent",
    "updated_at",
    "clock_stopped_at",
)
# The database's clock is the only one: workers' clocks may differ.
_LOCK: Final = f"SELECT now(), {', '.join(_COLUMNS)} FROM orchestration_task WHERE id = %s FOR NO KEY UPDATE"  # noqa: S608
_STEPS: Final = (
    "SELECT key, kind, status, title, ARRAY(SELECT jsonb_array_elements_text(depends_on)),"
    " CASE WHEN kind = ANY(%s) AND status = 'succeeded' THEN output END,"
    " CASE WHEN status IN ('failed', 'skipped', 'cancelled') THEN error END"
    " FROM orchestration_step WHERE task_id = %s ORDER BY position"
)

StepRows = Sequence[Sequence[Any]]


def lock_sent(task_id: UUID) -> CursorWrapper:
    """Send the statement that locks a task, to be read by `task_locked`."""
    cursor = prepared_cursor()
    cursor.execute(_LOCK, [task_id])
    return cursor


def task_locked(sent: CursorWrapper) -> tuple[Task, datetime] | None:
    """Return the task that was locked, and the time; None: there is none."""
    with sent:
        row = sent.fetchone()
    if row is None:
        return None
    values = [
        json_column(value) if name == "parameters" else value for name, value in zip(_COLUMNS, row[1:], strict=True)
    ]
    return Task.from_db("default", _COLUMNS, values), row[0]


def steps_sent(task_id: UUID, kinds: Collection[StepKind]) -> CursorWrapper:
    """Send the statement that reads a task's steps, with the outputs of these kinds; to be read by `step_rows`."""
    cursor = prepared_cursor()
    cursor.execute(_STEPS, [sorted(str(kind) for kind in kinds), task_id])
    return cursor


def step_rows(sent: CursorWrapper) -> StepRows:
    """Return the rows that `view_of` makes a view of."""
    with sent:
        rows: StepRows = sent.fetchall()
    return rows


def view_of(task: Task, rows: StepRows) -> TaskView:
    """Return what the strategy may know."""
    steps = {row[0]: _step_view(task, row) for row in rows}
    return TaskView(task_id=task.id, query=task.query, parameters=task.parameters, steps=steps)


def _step_view(task: Task, row: Sequence[Any]) -> StepView:
    output: Mapping[str, Any] | None = json_column(row[5])
    return StepView(
        key=row[0],
        kind=StepKind(row[1]),
        status=StepStatus(row[2]),
        title=row[3],
        depends_on=tuple(row[4]),
        output=None if output is None else value_unpack(task.tenant_id, output),
        error=json_column(row[6]),
    )


def json_column(value: Any) -> Any:
    """Return a `jsonb` value from a raw cursor, which gets it as text."""
    return json.loads(value) if isinstance(value, str | bytes) else value
