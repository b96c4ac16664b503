"""Advancing a task: ask its strategy, make the steps, find the ready ones, commit, then ring."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from agents.services import storable_json, value_pack
from orchestration.engine.dispatch import ring_steps
from orchestration.engine.facts import TaskFacts
from orchestration.engine.finish import task_fail, task_finish, task_stop, told_drafts
from orchestration.engine.slots import slots_take
from orchestration.engine.task_rows import StepRows, lock_sent, step_rows, steps_sent, task_locked, view_of
from orchestration.engine.tracing import advance_span
from orchestration.engine.turns import TURNS
from orchestration.errors import DependencyFailed, StrategyBroke, StrategyStuck, TaskDeadlineExceeded
from orchestration.events.write import EventDraft, events_append
from orchestration.models import Task
from orchestration.strategies import Fail, Finish, Move, Spawn, Wait, next_move, strategy_for
from orchestration.types import (
    STEP_OPEN,
    STEP_TERMINAL,
    TASK_TERMINAL,
    EventKind,
    OnDependencyFailure,
    StepKind,
    StepSpec,
    StepStatus,
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
            task, now = task_locked(lock_sent(task_id)) or (None, None)
            if task is None or now is None or not _may_move(task):
                return False
            with advance_span(task):
                first_steps = _advance_locked(task, now, None)
            hit(Seam.ADVANCE_COMMIT)
        steps_ring(task_id, task.tenant_id, first_steps)
        return True


class MoveOn:
    """Moves a task on in the transaction that ended its last open step: one commit less, and nobody need be told.

    Attributes:
        has_begun: Whether it was tried: what then went wrong may be the move's fault, not that of the steps' ends.
    """

    def __init__(self, facts: TaskFacts) -> None:
        """Make one for one transaction about a task, of which this is known."""
        self._facts = facts
        self.has_begun = False

    def __call__(self) -> list[UUID]:
        """Move on; the caller holds the task's lock. Returns the steps to be rung for after the commit."""
        self.has_begun = True
        task_id = self._facts.task_id
        locking, looking = lock_sent(task_id), steps_sent(task_id, self._kinds())
        task, now = task_locked(locking) or (None, None)
        rows = step_rows(looking)
        if task is None or now is None or not _may_move(task):
            return []
        with advance_span(task):
            first_steps = _advance_locked(task, now, rows)
        hit(Seam.ADVANCE_COMMIT)
        return first_steps

    def _kinds(self) -> Collection[StepKind]:
        """Return of which steps the strategy reads outputs; one that breaks is dealt with when it is asked."""
        try:
            return strategy_for(self._facts.strategy, self._facts.parameters).reads_output_of
        except (ShannonError, *DEFECTS):
            return ()


def steps_ring(task_id: UUID, tenant_id: UUID, first_steps: Sequence[UUID]) -> None:
    """Ring for steps that a move gave drainers; after its commit."""
    if first_steps:
        hit(Seam.ADVANCE_DISPATCH)
        TURNS.give_way()  # many messages are as long as the transaction was
        ring_steps(task_id, tenant_id, first_steps)
        hit(Seam.ADVANCE_DISPATCHED)


def _may_move(task: Task) -> bool:
    return task.status not in TASK_TERMINAL and task.status != TaskStatus.PAUSED


def _advance_locked(task: Task, now: datetime, rows: StepRows | None) -> list[UUID]:
    """Advance and return the steps with which drainers are to begin. `rows`: its steps, if they were read."""
    if task.status == TaskStatus.QUEUED and task.clock_stopped_at is not None:
        return []  # a person is asked whether it may begin
    if task.clock_stopped_at is None and task.deadline_at <= now:
        task_stop(task, status=TaskStatus.TIMEOUT, error=TaskDeadlineExceeded(), by="system")
        return []
    try:
        view, move, new = _ask(task, rows)
    except (ShannonError, *DEFECTS) as error:
        _broken(task, error, now)
        return []
    return slots_take(task) if _carry_out(task, view, move, new) else []


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


def _ask(task: Task, rows: StepRows | None) -> tuple[TaskView, Move, "_StepRows | None"]:
    """Ask the strategy; return what it saw, its move, and the rows of the steps that it wants."""
    strategy = strategy_for(task.strategy, task.parameters)
    view = view_of(task, step_rows(steps_sent(task.id, strategy.reads_output_of)) if rows is None else rows)
    move = next_move(strategy, view)
    return view, move, _StepRows(task, view, move) if isinstance(move, Spawn) else None


def _broken(task: Task, error: Exception, now: datetime) -> None:
    """Leave a task whose strategy broke to the next doorbell, but not for ever.

    Another worker may have the code that this one lacks, as in the middle of a deploy.
    """
    log.exception("strategy_broke", strategy=task.strategy)
    if (now - task.updated_at).total_seconds() >= settings.SHANNON_STRATEGY_BROKEN_SECONDS:
        task_fail(task, StrategyBroke(details={"strategy": task.strategy, "error": type(error).__name__}).as_json())


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
