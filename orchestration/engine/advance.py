"""Advancing a task: ask its strategy, make the steps, find the ready ones, commit, then ring."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models.functions import Now

from agents.services import storable_json, value_pack, value_unpack
from orchestration.engine.dispatch import ring_steps
from orchestration.engine.finish import task_fail, task_finish, task_stop, told_drafts
from orchestration.engine.slots import slots_take
from orchestration.engine.tracing import advance_span
from orchestration.engine.turns import TURNS
from orchestration.errors import DependencyFailed, StrategyBroke, StrategyStuck, TaskDeadlineExceeded
from orchestration.events.write import EventDraft, events_append
from orchestration.models import Task
from orchestration.strategies import Fail, Finish, Move, Spawn, Strategy, Wait, next_move, strategy_for
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
from shannon_project.foundation.database import pipelined_transaction, prepared_cursor
from shannon_project.foundation.errors import DEFECTS, ShannonError
from shannon_project.foundation.failpoints import Seam, hit
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.logs import log_context

log = structlog.get_logger(__name__)


def task_advance(task_id: UUID) -> bool:
    """Move a task on as far as it can go now. Idempotent; returns False when there was nothing to do.

    Runs in one transaction under the task's row lock, so two advances of one task never interleave. The doorbell is
    rung after the commit and may be lost: the recoverer rings again.
    """
    with log_context(task_id=task_id):
        with pipelined_transaction():
            # the database's clock is the only one: workers' clocks may differ
            found = Task.objects.select_for_update(no_key=True).annotate(read_at=Now())
            task = found.filter(id=task_id).first()
            if task is None or task.status in TASK_TERMINAL or task.status == TaskStatus.PAUSED:
                return False
            with advance_span(task):
                first_steps = _advance_locked(task, task.read_at)
            hit(Seam.ADVANCE_COMMIT)
        if first_steps:
            hit(Seam.ADVANCE_DISPATCH)
            TURNS.give_way()  # many messages are as long as the transaction was
            ring_steps(task_id, task.tenant_id, first_steps)
            hit(Seam.ADVANCE_DISPATCHED)
        return True


def _advance_locked(task: Task, now: datetime) -> list[UUID]:
    """Advance and return the steps with which drainers are to begin."""
    if task.status == TaskStatus.QUEUED and task.clock_stopped_at is not None:
        return []  # a person is asked whether it may begin
    if task.clock_stopped_at is None and task.deadline_at <= now:
        task_stop(task, status=TaskStatus.TIMEOUT, error=TaskDeadlineExceeded(), by="system")
        return []
    try:
        view, move, rows = _ask(task)
    except (ShannonError, *DEFECTS) as error:
        _broken(task, error, now)
        return []
    return slots_take(task) if _carry_out(task, view, move, rows) else []


def _carry_out(task: Task, view: TaskView, move: Move, rows: "_StepRows | None") -> bool:
    """Do what the strategy wants; return whether the task goes on."""
    match move:
        case Finish():
            task_finish(task, move)
            return False
        case Fail():
            task_fail(task, move.error)
            return False
        case Spawn() if rows is not None:
            rows.insert()
            _spawn_tell(task, move)
        case Wait() if not any(step.status in STEP_OPEN for step in view.steps.values()):
            task_fail(task, StrategyStuck(details={"strategy": task.strategy}).as_json())
            return False
    return True


def _ask(task: Task) -> tuple[TaskView, Move, "_StepRows | None"]:
    """Ask the strategy; return what it saw, its move, and the rows of the steps that it wants."""
    strategy = strategy_for(task.strategy, task.parameters)
    view = task_view(task, strategy)
    move = next_move(strategy, view)
    return view, move, _StepRows(task, view, move) if isinstance(move, Spawn) else None


def _broken(task: Task, error: Exception, now: datetime) -> None:
    """Leave a task whose strategy broke to the next doorbell, but not for ever.

    Another worker may have the code that this one lacks, as in the middle of a deploy.
    """
    log.exception("strategy_broke", strategy=task.strategy)
    if (now - task.updated_at).total_seconds() >= settings.SHANNON_STRATEGY_BROKEN_SECONDS:
        task_fail(task, StrategyBroke(details={"strategy": task.strategy, "error": type(error).__name__}).as_json())


def task_view(task: Task, strategy: Strategy) -> TaskView:
    """Load what the strategy may know; outputs only of the kinds that it reads. One query."""
    with prepared_cursor() as cursor:
        cursor.execute(
            "SELECT key, kind, status, title, ARRAY(SELECT jsonb_array_elements_text(depends_on)),"
            " CASE WHEN kind = ANY(%s) AND status = 'succeeded' THEN output END,"
            " CASE WHEN status IN ('failed', 'skipped', 'cancelled') THEN error END"
            " FROM orchestration_step WHERE task_id = %s ORDER BY position",
            [[str(kind) for kind in strategy.reads_output_of], task.id],
        )
        rows = cursor.fetchall()
    steps = {row[0]: _step_view(task, row) for row in rows}
    return TaskView(task_id=task.id, query=task.query, parameters=task.parameters, steps=steps)


def _step_view(task: Task, row: Sequence[Any]) -> StepView:
    output = json_column(row[5])
    return StepView(
        key=row[0],
        kind=StepKind(row[1]),
        status=StepStatus(row[2]),
        title=row[3],
        depends_on=tuple(row[4]),
        output=None if output is None else value_unpack(task.tenant_id, output),
        error=json_column(row[6]),
    )


def _spawn_tell(task: Task, move: Spawn) -> None:
    """Tell that the steps are made; with its first ones a task runs."""
    payload = {"steps": [_spawned(spec) for spec in move.steps[:50]], "count": len(move.steps)}
    drafts = told_drafts(move.told)
    drafts.append(EventDraft(EventKind.DELEGATION, move.message or _spawn_message(move.steps), payload))
    if task.status == TaskStatus.QUEUED:
        with prepared_cursor() as cursor:
            cursor.execute(
                "UPDATE orchestration_task SET status = 'RUNNING', started_at = statement_timestamp() WHERE id = %s",
                [task.id],
            )
        task.status = TaskStatus.RUNNING
    events_append(task_id=task.id, drafts=drafts)


class _StepRows:
    """Makes the rows of one spawn; remembers what it made, since later steps may depend on earlier ones.

    A step that depends on one that has ended starts with that counted.
    """

    def __init__(self, task: Task, view: TaskView, move: Spawn) -> None:
        if known := [spec.key for spec in move.steps if spec.key in view.steps]:
            raise StrategyStuck(f"The strategy made steps that there are: {', '.join(known)}")
        self._task = task
        self._statuses: dict[str, StepStatus] = {key: step.status for key, step in view.steps.items()}
        self._keys = {spec.key for spec in move.steps} | set(self._statuses)
        self._first_position = len(view.steps)
        self._made = [self._state(spec) for spec in move.steps]
        self._specs = move.steps

    def _state(self, spec: StepSpec) -> tuple[StepStatus, int, str | None]:
        """Return a step's first status, its open dependencies and, if it is skipped at once, its error as JSON text."""
        unknown = [key for key in spec.depends_on if key not in self._keys]
        if unknown:
            raise StrategyStuck(f"The strategy made {spec.key} depend on unknown steps: {', '.join(unknown)}")
        ended = [key for key in spec.depends_on if self._statuses.get(key) in STEP_TERMINAL]
        failed = [key for key in ended if self._statuses[key] is not StepStatus.SUCCEEDED]
        open_count = len(spec.depends_on) - len(ended)
        if failed and spec.on_dependency_failure is OnDependencyFailure.SKIP:
            self._statuses[spec.key] = StepStatus.SKIPPED
            return StepStatus.SKIPPED, open_count, json.dumps(DependencyFailed.of(failed[0]).as_json())
        self._statuses[spec.key] = StepStatus.BLOCKED if open_count else StepStatus.READY
        return self._statuses[spec.key], open_count, None

    def _input(self, spec: StepSpec) -> str:
        """Return the step's input as JSON text; of a large one the large parts are stored apart."""
        text = json.dumps(dict(spec.input))
        if len(text) <= settings.SHANNON_INLINE_MAX_BYTES:
            return text
        return json.dumps(value_pack(self._task.tenant_id, storable_json(spec.input)[0]))

    def insert(self) -> None:
        """Insert all rows in one statement of fixed length: arrays, because wide fan-outs come through here."""
        with prepared_cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orchestration_step (id, task_id, position, key, kind, title, input, depends_on,
                    open_dependencies, on_dependency_failure, status, attempt, failures, lease_owner, prompt_tokens,
                    completion_tokens, model_calls, tool_calls, cost_usd, created_at, error)
                SELECT id, %s, position, key, kind, title, input, depends_on, open, on_failure, status,
                    0, 0, '', 0, 0, 0, 0, 0, now(), error
                FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[],
                    %s::int[], %s::text[], %s::text[], %s::jsonb[])
                    AS s(id, position, key, kind, title, input, depends_on, open, on_failure, status, error)
                """,
                [
                    self._task.id,
                    [uuid7() for _ in self._specs],
                    list(range(self._first_position, self._first_position + len(self._specs))),
                    [spec.key for spec in self._specs],
                    [str(spec.kind) for spec in self._specs],
                    [spec.title[:300] for spec in self._specs],
                    [self._input(spec) for spec in self._specs],
                    [json.dumps(spec.depends_on) for spec in self._specs],
                    [open_count for _, open_count, _ in self._made],
                    [str(spec.on_dependency_failure) for spec in self._specs],
                    [str(status) for status, _, _ in self._made],
                    [error for _, _, error in self._made],
                ],
            )


def _spawned(spec: StepSpec) -> dict[str, Any]:
    return {"step_key": spec.key, "kind": spec.kind, "title": spec.title, "depends_on": list(spec.depends_on)[:50]}


def _spawn_message(steps: Sequence[StepSpec]) -> str:
    return steps[0].title if len(steps) == 1 else f"{len(steps)} steps"


def json_column(value: Any) -> Any:
    """Return a `jsonb` value from a raw cursor, which gets it as text."""
    return json.loads(value) if isinstance(value, str | bytes) else value
