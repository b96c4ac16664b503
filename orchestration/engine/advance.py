"""Advancing a task: ask its strategy, make the steps, find the ready ones, commit, then ring."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import IntEnum
from uuid import UUID

import structlog
from django.conf import settings

from orchestration.engine.dispatch import ring_steps
from orchestration.engine.facts import TaskFacts
from orchestration.engine.finish import task_fail, task_finish, task_stop
from orchestration.engine.slots import TakenSlots, nothing_taken, slots_take
from orchestration.engine.spawning import SpawnedRows, spawn_drafts
from orchestration.engine.task_rows import StepRows, lock_sent, step_rows, steps_sent, task_locked, view_of
from orchestration.engine.tracing import advance_span
from orchestration.engine.turns import TURNS
from orchestration.errors import StrategyBroke, StrategyStuck, TaskDeadlineExceeded
from orchestration.events.write import events_append
from orchestration.models import Task
from orchestration.strategies import Fail, Finish, Move, Spawn, Wait, next_move, strategy_for
from orchestration.types import (
    STEP_OPEN,
    TASK_TERMINAL,
    StepKind,
    TaskStatus,
    TaskView,
)
from shannon_project.foundation.database import pipelined_transaction, prepared_cursor
from shannon_project.foundation.errors import DEFECTS, ShannonError
from shannon_project.foundation.failpoints import Seam, hit
from shannon_project.foundation.logs import log_context

log = structlog.get_logger(__name__)


class Advanced(IntEnum):
    """What came of an advance; false when there was nothing to do."""

    NOTHING = 0
    MOVED = 1
    WAITS = 2
    """It made steps, none of which may have a thread now: its tenant has as many at work as it may have."""


def task_advance(task_id: UUID) -> Advanced:
    """Move a task on as far as it can go now. Idempotent.

    Runs in one transaction under the task's row lock, so two advances of one task never interleave. The doorbell is
    rung after the commit and may be lost: the recoverer rings again.
    """
    with log_context(task_id=task_id):
        with pipelined_transaction():
            task, now = task_locked(lock_sent(task_id)) or (None, None)
            if task is None or now is None or not _may_move(task):
                return Advanced.NOTHING
            was_queued = task.status == TaskStatus.QUEUED
            with advance_span(task):
                taken = _advance_locked(task, now, None)
            hit(Seam.ADVANCE_COMMIT, task.status)
        first_steps = taken()
        steps_ring(task_id, task.tenant_id, first_steps)
        has_begun = was_queued and task.status == TaskStatus.RUNNING
        return Advanced.WAITS if has_begun and not first_steps else Advanced.MOVED


class MoveOn:
    """Moves a task on in the transaction that ended its last open step: one commit less, and nobody need be told.

    Attributes:
        has_begun: Whether it was tried: what then went wrong may be the move's fault, not that of the steps' ends.
    """

    def __init__(self, facts: TaskFacts) -> None:
        """Make one for one transaction about a task, of which this is known."""
        self._facts = facts
        self.has_begun = False

    def __call__(self) -> TakenSlots:
        """Move on; the caller holds the task's lock. Returns what tells the steps to be rung for after the commit."""
        self.has_begun = True
        task_id = self._facts.task_id
        locking, looking = lock_sent(task_id), steps_sent(task_id, self._kinds())
        task, now = task_locked(locking) or (None, None)
        rows = step_rows(looking)
        if task is None or now is None or not _may_move(task):
            return nothing_taken
        with advance_span(task):
            taken = _advance_locked(task, now, rows)
        hit(Seam.ADVANCE_COMMIT, task.status)
        return taken

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


def _advance_locked(task: Task, now: datetime, rows: StepRows | None) -> TakenSlots:
    """Advance and return what tells with which steps drainers are to begin. `rows`: its steps, if they were read."""
    if task.status == TaskStatus.QUEUED and task.clock_stopped_at is not None:
        return nothing_taken  # a person is asked whether it may begin
    if task.clock_stopped_at is None and task.deadline_at <= now:
        task_stop(task, status=TaskStatus.TIMEOUT, error=TaskDeadlineExceeded(), by="system")
        return nothing_taken
    try:
        view, move, new = _ask(task, rows)
    except (ShannonError, *DEFECTS) as error:
        _broken(task, error, now)
        return nothing_taken
    return slots_take(task) if _carry_out(task, view, move, new) else nothing_taken


def _carry_out(task: Task, view: TaskView, move: Move, rows: SpawnedRows | None) -> bool:
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


def _ask(task: Task, rows: StepRows | None) -> tuple[TaskView, Move, SpawnedRows | None]:
    """Ask the strategy; return what it saw, its move, and the rows of the steps that it wants."""
    strategy = strategy_for(task.strategy, task.parameters)
    view = view_of(task, step_rows(steps_sent(task.id, strategy.reads_output_of)) if rows is None else rows)
    move = next_move(strategy, view)
    return view, move, SpawnedRows(task, view, move) if isinstance(move, Spawn) else None


def _broken(task: Task, error: Exception, now: datetime) -> None:
    """Leave a task whose strategy broke to the next doorbell, but not for ever.

    Another worker may have the code that this one lacks, as in the middle of a deploy.
    """
    log.exception("strategy_broke", strategy=task.strategy)
    if (now - task.updated_at).total_seconds() >= settings.SHANNON_STRATEGY_BROKEN_SECONDS:
        task_fail(task, StrategyBroke(details={"strategy": task.strategy, "error": type(error).__name__}).as_json())


def _spawn_tell(task: Task, move: Spawn) -> None:
    """Tell that the steps are made; with its first ones a task runs."""
    if task.status == TaskStatus.QUEUED:
        with prepared_cursor() as cursor:
            cursor.execute(
                "UPDATE orchestration_task SET status = 'RUNNING', started_at = statement_timestamp() WHERE id = %s",
                [task.id],
            )
        task.status = TaskStatus.RUNNING
    events_append(task_id=task.id, drafts=spawn_drafts(move))
