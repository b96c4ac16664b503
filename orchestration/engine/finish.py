"""How a task ends: the only place that sets a terminal status. The caller holds the task's row lock."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.backends.utils import CursorWrapper

from agents.services import message_append
from agents.types import MessageRole
from orchestration.engine.approvals import approvals_withdraw
from orchestration.engine.books import books_close
from orchestration.events.write import EventDraft, events_append
from orchestration.metrics import TASK_SECONDS, TASKS_ENDED
from orchestration.models import Task
from orchestration.strategies import STRATEGIES, Finish, Told
from orchestration.types import EventKind, TaskStatus
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.errors import ShannonError

RESULT_SHOWN_CHARS = 16_000  # what an event carries; the whole result is on the task


def task_finish(task: Task, move: Finish) -> None:
    """End a task with its answer; the session hears it."""
    due = _leaves_something(task, answered_in=move.from_step)
    _end(task, TaskStatus.COMPLETED, result=move.result, result_metadata=dict(move.metadata), aftermath_due=due)
    message_append(session_id=task.session_id, task_id=task.id, role=MessageRole.ASSISTANT, content=move.result)
    shown = move.result[:RESULT_SHOWN_CHARS]
    payload = {"response": shown, "is_final": True, "truncated": len(move.result) > len(shown)}
    events_append(
        task_id=task.id,
        drafts=[
            *told_drafts(move.told),
            EventDraft(EventKind.LLM_OUTPUT, shown, payload, agent_id="final_output"),
            EventDraft(EventKind.WORKFLOW_COMPLETED, "The task is done", _totals(task)),
            EventDraft(EventKind.STREAM_END, "Stream end"),
        ],
    )


def told_drafts(told: Iterable[Told]) -> list[EventDraft]:
    """Return what a strategy tells with its move as events."""
    return [EventDraft(item.kind, item.message, item.payload, agent_id=item.agent_id) for item in told]


def task_fail(task: Task, error: Mapping[str, Any]) -> None:
    """End a task with an error; open steps are cancelled."""
    _cancel_open_steps(task)
    reason, due = str(error.get("message", ""))[:500], settings.SHANNON_ROUTER_LEARNS
    _end(task, TaskStatus.FAILED, error=dict(error), status_reason=reason, aftermath_due=due)
    events_append(
        task_id=task.id,
        drafts=[
            EventDraft(EventKind.ERROR_OCCURRED, str(error.get("message", "")), {"error": dict(error)}),
            EventDraft(EventKind.WORKFLOW_FAILED, str(error.get("message", "")), {"error": dict(error)}),
            EventDraft(EventKind.STREAM_END, "Stream end"),
        ],
    )


def task_stop(task: Task, *, status: TaskStatus, error: ShannonError, by: str) -> None:
    """End a task before its time: cancelled by somebody, or out of time.

    Steps that wait are cancelled at once; a running one stops at its next boundary, and what it has paid is counted.
    """
    _cancel_open_steps(task)
    _end(
        task,
        status,
        error=error.as_json(),
        status_reason=error.message[:500],
        status_changed_by=by[:128],
        aftermath_due=settings.SHANNON_ROUTER_LEARNS,
    )
    payload = {"reason": error.message, "by": by}
    if status is TaskStatus.CANCELLED:
        drafts = [
            EventDraft(EventKind.WORKFLOW_CANCELLING, error.message, payload),
            EventDraft(EventKind.WORKFLOW_CANCELLED, error.message, payload),
        ]
    else:
        drafts = [EventDraft(EventKind.WORKFLOW_FAILED, error.message, {"error": error.as_json()})]
    events_append(task_id=task.id, drafts=[*drafts, EventDraft(EventKind.STREAM_END, "Stream end")])


def _end(
    task: Task,
    status: TaskStatus,
    *,
    result: str | None = None,
    result_metadata: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    status_reason: str | None = None,
    status_changed_by: str | None = None,
    aftermath_due: bool = False,
) -> None:
    """Set the status; what is not given stays as it is."""
    if task.clock_stopped_at is not None:  # only then can there be a question
        approvals_withdraw(task.id)
    cursor = prepared_cursor()
    cursor.execute(
        "UPDATE orchestration_task SET status = %s, completed_at = now(), updated_at = now(),"
        " result = COALESCE(%s, result), result_metadata = COALESCE(%s::jsonb, result_metadata),"
        " error = COALESCE(%s::jsonb, error), status_reason = COALESCE(%s, status_reason),"
        " status_changed_by = COALESCE(%s, status_changed_by), aftermath_due = %s"
        " WHERE id = %s RETURNING extract(epoch FROM now() - created_at)",
        [
            str(status),
            result,
            None if result_metadata is None else json.dumps(dict(result_metadata)),
            None if error is None else json.dumps(dict(error)),
            status_reason,
            status_changed_by,
            aftermath_due,
            task.id,
        ],
    )
    task.status = status
    transaction.on_commit(lambda: _counted(task.strategy, status, cursor))


def _counted(strategy: str, status: TaskStatus, cursor: CursorWrapper) -> None:
    """Count a task that has ended. How long it took is read only now: until the commit nobody needs to wait for it."""
    with cursor:
        seconds = float(cursor.fetchone()[0])
    TASKS_ENDED.labels(strategy=strategy, status=status).inc()
    TASK_SECONDS.labels(strategy=strategy).observe(seconds)


def _leaves_something(task: Task, *, answered_in: str) -> bool:
    """Return whether the answer is still to be remembered, or the outcome to be learned from (`aftermath.py`)."""
    strategy = STRATEGIES[task.strategy]
    is_work = bool(strategy.use_when) or task.strategy == "auto"
    is_remembered = strategy.remembers and bool(answered_in)
    return is_work and (settings.SHANNON_ROUTER_LEARNS or not is_remembered)


def _cancel_open_steps(task: Task) -> None:
    """Cancel what is not at work; what such steps used in earlier attempts is counted, what they hold given back."""
    with prepared_cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_step SET status = 'cancelled', completed_at = now()"
            " WHERE task_id = %s AND status IN ('ready', 'blocked', 'waiting') RETURNING id, attempt",
            [task.id],
        )
        begun = {row[0]: task.id for row in cursor.fetchall() if row[1] > 0}
    books_close(begun)


def _totals(task: Task) -> dict[str, Any]:
    return {
        "prompt_tokens": task.prompt_tokens,
        "completion_tokens": task.completion_tokens,
        "total_tokens": task.prompt_tokens + task.completion_tokens,
        "cost_usd": str(task.cost_usd) if task.cost_is_complete else None,
        "model_used": task.model_used,
    }
