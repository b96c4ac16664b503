"""Advancing a task: ask its strategy, make the steps, find the ready ones, commit, then ring."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestration.engine.dispatch import ring_steps
from orchestration.engine.finish import task_fail, task_finish, task_stop
from orchestration.errors import StrategyStuck, TaskDeadlineExceeded
from orchestration.events.write import EventDraft, events_append
from orchestration.models import Step, Task
from orchestration.strategies import STRATEGIES, Fail, Finish, Spawn, Strategy, Wait
from orchestration.types import (
    STEP_OPEN,
    STEP_TERMINAL,
    TASK_TERMINAL,
    EventKind,
    OnDependencyFailure,
    StepKind,
    StepSpec,
    StepStatus,
    StepView,
    TaskStatus,
    TaskView,
)
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.logs import log_context

log = structlog.get_logger(__name__)

INSERT_BATCH_ROWS: Final = 1_000


def task_advance(task_id: UUID) -> bool:
    """Move a task on as far as it can go now. Idempotent; returns False when there was nothing to do.

    Runs in one transaction under the task's row lock, so two advances of one task never interleave. The doorbell is
    rung after the commit and may be lost: the recoverer rings again.
    """
    with log_context(task_id=task_id):
        with transaction.atomic():
            task = Task.objects.select_for_update(no_key=True).filter(id=task_id).first()
            if task is None or task.status in TASK_TERMINAL or task.status == TaskStatus.PAUSED:
                return False
            first_steps = _advance_locked(task)
        if first_steps:
            ring_steps(task_id, first_steps)
        return True


def _advance_locked(task: Task) -> list[UUID]:
    """Advance and return the steps with which drainers are to begin."""
    if task.deadline_at <= _database_now():
        task_stop(task, status=TaskStatus.TIMEOUT, error=TaskDeadlineExceeded(), by="system")
        return []
    strategy = STRATEGIES[task.strategy]
    view = task_view(task, strategy)
    move = strategy.next(view)
    match move:
        case Finish():
            task_finish(task, move)
            return []
        case Fail():
            task_fail(task, move.error)
            return []
        case Spawn():
            _spawn(task, view, move)
        case Wait():
            if not any(step.status in STEP_OPEN for step in view.steps.values()):
                task_fail(task, StrategyStuck(details={"strategy": task.strategy}).as_json())
                return []
    return _first_steps(task)


def _database_now() -> datetime:
    """The database's clock is the only one: workers' clocks may differ."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now


def task_view(task: Task, strategy: Strategy) -> TaskView:
    """Load what the strategy may know; outputs only of the kinds that it reads. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, kind, status, title, ARRAY(SELECT jsonb_array_elements_text(depends_on)),"
            " CASE WHEN kind = ANY(%s) AND status = 'succeeded' THEN output END,"
            " CASE WHEN status IN ('failed', 'skipped', 'cancelled') THEN error END"
            " FROM orchestration_step WHERE task_id = %s ORDER BY position",
            [[str(kind) for kind in strategy.reads_output_of], task.id],
        )
        rows = cursor.fetchall()
    steps = {row[0]: _step_view(row) for row in rows}
    return TaskView(task_id=task.id, query=task.query, parameters=task.parameters, steps=steps)


def _step_view(row: Sequence[Any]) -> StepView:
    return StepView(
        key=row[0],
        kind=StepKind(row[1]),
        status=StepStatus(row[2]),
        title=row[3],
        depends_on=tuple(row[4]),
        output=json_column(row[5]),
        error=json_column(row[6]),
    )


def _spawn(task: Task, view: TaskView, move: Spawn) -> None:
    """Insert the steps; one that depends on an ended step starts with that counted."""
    rows_of = _StepRows(task, view, move)
    rows = [rows_of.row(spec, position) for position, spec in enumerate(move.steps, start=len(view.steps))]
    Step.objects.bulk_create(rows, batch_size=INSERT_BATCH_ROWS)
    payload = {"steps": [_spawned(spec) for spec in move.steps[:50]], "count": len(move.steps)}
    drafts = [EventDraft(EventKind.DELEGATION, move.message or _spawn_message(move.steps), payload)]
    if task.status == TaskStatus.QUEUED:
        Task.objects.filter(id=task.id).update(status=TaskStatus.RUNNING, started_at=Now())
        task.status = TaskStatus.RUNNING
    events_append(task_id=task.id, drafts=drafts)


class _StepRows:
    """Makes the rows of one spawn; remembers what it made, since later steps may depend on earlier ones."""

    def __init__(self, task: Task, view: TaskView, move: Spawn) -> None:
        self._task = task
        self._statuses: dict[str, StepStatus] = {key: step.status for key, step in view.steps.items()}
        self._keys = {spec.key for spec in move.steps} | set(self._statuses)

    def row(self, spec: StepSpec, position: int) -> Step:
        """Return the row of one step, its state following from the steps that it depends on."""
        unknown = [key for key in spec.depends_on if key not in self._keys]
        if unknown:
            raise StrategyStuck(f"The strategy made {spec.key} depend on unknown steps: {', '.join(unknown)}")
        ended = [self._statuses[key] for key in spec.depends_on if self._statuses.get(key) in STEP_TERMINAL]
        open_count = len(spec.depends_on) - len(ended)
        if spec.on_dependency_failure is OnDependencyFailure.SKIP and set(ended) - {StepStatus.SUCCEEDED}:
            status = StepStatus.SKIPPED
        else:
            status = StepStatus.BLOCKED if open_count else StepStatus.READY
        self._statuses[spec.key] = status
        return Step(
            id=uuid7(),
            task_id=self._task.id,
            key=spec.key,
            position=position,
            kind=spec.kind,
            title=spec.title[:300],
            input=dict(spec.input),
            depends_on=list(spec.depends_on),
            open_dependencies=open_count,
            on_dependency_failure=spec.on_dependency_failure,
            status=status,
        )


def _spawned(spec: StepSpec) -> dict[str, Any]:
    return {"step_key": spec.key, "kind": spec.kind, "title": spec.title, "depends_on": list(spec.depends_on)[:50]}


def _spawn_message(steps: Sequence[StepSpec]) -> str:
    return steps[0].title if len(steps) == 1 else f"{len(steps)} steps"


def _first_steps(task: Task) -> list[UUID]:
    """Return one ready step for each drainer that may still be added, and note that the bell is being rung."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT lease_owner) FROM orchestration_step WHERE task_id = %s AND status = 'running'",
            [task.id],
        )
        free = max(task.concurrency_limit - int(cursor.fetchone()[0]), 0)
        cursor.execute(
            "SELECT id FROM orchestration_step WHERE task_id = %s AND status = 'ready'"
            " AND (not_before IS NULL OR not_before <= now()) ORDER BY position LIMIT %s",
            [task.id, free],
        )
        first_steps = [row[0] for row in cursor.fetchall()]
        cursor.execute("UPDATE orchestration_task SET doorbell_at = now() WHERE id = %s", [task.id])
    return first_steps


def json_column(value: Any) -> Any:
    """Return a `jsonb` value from a raw cursor, which gets it as text."""
    return json.loads(value) if isinstance(value, str | bytes) else value
