"""A drainer: claims ready steps of one task and executes them until nothing is ready or its time slice is over."""

import os
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, InterfaceError, InternalError, OperationalError, connection

from orchestration.engine.advance import MoveOn, steps_ring, task_advance
from orchestration.engine.claim import ClaimedStep, steps_all_ended, steps_claim_together
from orchestration.engine.dispatch import ring_advance
from orchestration.engine.execute import execute
from orchestration.engine.facts import TaskFacts, facts_shared
from orchestration.engine.kinds import KINDS
from orchestration.engine.lease import KEEPER, SLOW_STEP_SECONDS, Batch, Lease, leases_hand_back
from orchestration.engine.outcome import StepEnd, Written
from orchestration.engine.passing import PASSER
from orchestration.engine.slots import slot_return
from orchestration.engine.stopping import STOPPING
from orchestration.engine.together import DESK
from orchestration.engine.tracing import drain_span, step_traced
from orchestration.engine.turns import TURNS
from orchestration.events.write import EventDraft
from orchestration.metrics import STEP_SECONDS, STEPS_ENDED
from orchestration.models import Task
from orchestration.types import EventKind, StepOutcome, StepStatus
from policy.errors import BudgetExceeded
from policy.services import refusal_record, registry_told
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.failpoints import Seam, hit
from shannon_project.foundation.logs import log_context

log = structlog.get_logger(__name__)

SHORT_STEP_SECONDS: Final = 0.005  # shorter than this, and the next claim takes twice as many
FLUSH_SECONDS: Final = 0.02  # an outcome waits no longer than this for the others of its batch
WRITE_RETRY_SECONDS: Final = 0.5
WRITE_PATIENCE_SECONDS: Final = 30.0  # how long an outcome waits for a database that restarts


@dataclass(slots=True)
class Drain:
    """One drainer's run."""

    facts: TaskFacts
    owner: str
    claim_size: int = 1
    hurries: bool = False
    """Whether its steps proved short, so that others of this process left them to it."""
    done: int = 0
    has_ready: bool = True
    """Whether the task had steps to claim when this drainer wrote last."""
    has_open: bool | None = None
    """Whether it had steps that had not ended, or was moved on; None: that is to be looked at."""
    pending: list[StepEnd] = field(default_factory=list)
    pending_since_seconds: float = 0.0


def drain(task_id: UUID, *, first: UUID | None) -> int:
    """Execute ready steps of a task and return how many ended here.

    Args:
        task_id: The task.
        first: The step to try first, so that the job's arguments show which subtask it is.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
    try:
        run = Drain(facts_shared(task_id), owner)
    except Task.DoesNotExist:
        log.warning("drain_of_unknown_task", task_id=str(task_id))
        return 0
    with (
        log_context(task_id=task_id),
        drain_span(run.facts),
        TURNS.drainer(run.facts.principal.tenant_id, weight=run.facts.weight) as has_thread,
    ):
        if not has_thread:
            slot_return(task_id, first)
            return 0
        goes_on = _drain_on(run, first)
        if run.done and not goes_on and not STOPPING.is_begun:
            _advance_if_idle(run)
    PASSER.pass_on(task_id if goes_on else None)
    return run.done


def _drain_on(run: Drain, first: UUID | None) -> bool:
    """Work until nothing is ready, or others do it, or the time slice is over; then return True."""
    TURNS.give_way()
    task_id, begun_at_seconds = run.facts.task_id, time.monotonic()
    with TURNS.hurry() as may_hurry:
        while not _stops(run):
            run.hurries = run.hurries or run.claim_size > 1
            if run.claim_size > 1 and not may_hurry(task_id):
                return False  # drainers of this process see to the task's short steps already
            steps = steps_claim_together(task_id=task_id, first=first, owner=run.owner, limit=run.claim_size)
            first = None
            if not steps:
                return False
            registry_told(run.facts.principal.tenant_id, steps[0].registry_generation)
            hit(Seam.STEP_CLAIMED)
            run.has_ready = True
            _run_batch(run, KEEPER.hold(steps))
            if not run.has_ready:
                return False
            if time.monotonic() - begun_at_seconds > _slice_seconds(others_wait=steps[0].others_wait):
                return True
    return False


def _stops(run: Drain) -> bool:
    """Whether this worker takes no more steps; then others are told that there may be some."""
    if STOPPING.is_begun:
        ring_advance(run.facts.task_id, run.facts.principal.tenant_id)
    return STOPPING.is_begun


def _slice_seconds(*, others_wait: bool) -> float:
    return settings.SHANNON_DRAIN_CONTENDED_SLICE_SECONDS if others_wait else settings.SHANNON_DRAIN_SLICE_SECONDS


def _advance_if_idle(run: Drain) -> None:
    """Move the task on at once when it has nothing open: the chord's body, which would, is two messages away.

    Where something was open after the last write, whoever ends that does it.
    """
    task_id = run.facts.task_id
    try:
        if run.has_open is False or (run.has_open is None and steps_all_ended(task_id)):
            task_advance(task_id)
    except (OperationalError, InterfaceError) as error:
        log.warning("task_not_advanced", error=str(error))
        connection.close()


def _run_batch(run: Drain, batch: Batch) -> None:
    try:
        while (taken := _next_of(batch)) is not None:
            step, lease = taken
            if KINDS[step.kind].announces_start:
                _flush(run)  # what has ended must not wait for a step that may take minutes
            started = time.monotonic()
            end = step_traced(execute, step, lease, run.facts)
            batch.at_work = None
            seconds = time.monotonic() - started
            _pace_note(run, seconds)
            if end is not None:
                _keep(run, end, seconds)
            if run.pending and time.monotonic() - run.pending_since_seconds > FLUSH_SECONDS:
                _flush(run)
        _flush(run)
    finally:
        KEEPER.drop(batch)


def _next_of(batch: Batch) -> tuple[ClaimedStep, Lease] | None:
    """Return the next step to begin; a worker that is about to stop begins none and hands back the rest.

    Before each step others are let pass: here the rest is claimed, so whoever counts this drainer's slot finds it.
    """
    TURNS.give_way()
    if STOPPING.is_begun and (left := batch.surrender(at_once=True)):
        leases_hand_back(left)
    return batch.take_next()


def _pace_note(run: Drain, seconds: float) -> None:
    """Choose how many steps are claimed next; when steps that were short prove long, call back who left them to us."""
    if seconds < SHORT_STEP_SECONDS:
        run.claim_size = min(run.claim_size * 2, settings.SHANNON_CLAIM_BATCH_STEPS)
        return
    run.claim_size = 1
    if run.hurries and seconds >= SLOW_STEP_SECONDS:
        run.hurries = False
        ring_advance(run.facts.task_id, run.facts.principal.tenant_id)


def _keep(run: Drain, end: StepEnd, seconds: float) -> None:
    if not run.pending:
        run.pending_since_seconds = time.monotonic()
    run.pending.append(end)
    STEP_SECONDS.labels(kind=end.step.kind).observe(seconds)


def _flush(run: Drain) -> None:
    """Write what has ended."""
    if not run.pending:
        return
    ends, run.pending = run.pending, []
    try:
        written = _write(run, ends)
    except (BudgetExceeded, DataError, IntegrityError, TypeError, ValueError) as error:
        _flush_apart(run, ends, error)
        return
    _after_write(run, ends, written)


def _after_write(run: Drain, ends: list[StepEnd], written: Written) -> None:
    """Count what has ended and ring for what may go on."""
    run.done += written.recorded
    run.has_ready, run.has_open = written.has_ready, written.has_open
    for end in ends:
        STEPS_ENDED.labels(kind=end.step.kind, status=end.status).inc()
        if end.status is StepStatus.READY:
            ring_advance(run.facts.task_id, run.facts.principal.tenant_id, after_seconds=end.retry_after_seconds or 0.0)
    steps_ring(run.facts.task_id, run.facts.principal.tenant_id, written.first_steps)
    if written.newly_ready > 1:  # more than this drainer can take: others may help
        ring_advance(run.facts.task_id, run.facts.principal.tenant_id)


def _flush_apart(run: Drain, ends: list[StepEnd], error: Exception) -> None:
    """One of the steps cannot be paid for or stored: write them one by one; only the one at fault fails."""
    if len(ends) > 1:
        for end in ends:
            run.pending = [end]
            _flush(run)
        return
    if isinstance(error, BudgetExceeded):
        refusal_record(principal=run.facts.principal, error=error)
        refusal: ShannonError = error
    else:
        log.error("outcome_not_storable", step_key=ends[0].step.key, error=repr(error)[:500])
        refusal = ShannonError("What the step returned cannot be stored; the log has the rest.")
    failed = [_failed_instead(ends[0], refusal)]
    _after_write(run, failed, _write(run, failed))


def _failed_instead(end: StepEnd, error: ShannonError) -> StepEnd:
    """Return the end of a step that could not be paid for or stored: nothing of it counts but the refusal."""
    failed = StepStatus.FAILED
    payload = {"step_key": end.step.key, "kind": end.step.kind, "title": end.step.title, "status": str(failed)}
    event = EventDraft(
        EventKind.ERROR_OCCURRED,
        f"{end.step.title}: {error.message}",
        {**payload, "error": error.as_json()},
        end.step.key,
        next((draft.agent_id for draft in end.events), ""),
    )
    outcome = StepOutcome(error=error.as_json(), usage=end.outcome.usage)
    return replace(end, status=failed, outcome=outcome, charges=(), notes=(), events=(*end.events[:-1], event))


def _write(run: Drain, ends: list[StepEnd]) -> Written:
    """Write the outcomes; waits for a database that restarts as long as the leases can be kept."""
    patience_end = time.monotonic() + WRITE_PATIENCE_SECONDS
    while True:
        try:
            return DESK.write(run.facts.task_id, ends, move_on=None if STOPPING.is_begun else MoveOn(run.facts))
        except (OperationalError, InterfaceError, InternalError) as error:  # the last: we stood still in a transaction
            if time.monotonic() > patience_end:
                raise
            log.warning("outcome_write_retried", error=str(error))
            connection.close()
            threading.Event().wait(WRITE_RETRY_SECONDS)
