"""Recovery: expired leases are taken back, lost doorbells are rung again. Any process may run it, at any time."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from orchestration.engine.approvals.closing import approvals_expire
from orchestration.engine.books import books_close
from orchestration.engine.dispatch import queued_messages, ring_advance
from orchestration.engine.lease import KEEPER
from orchestration.engine.outcome import dependants_release
from orchestration.engine.queues import MEASURING
from orchestration.engine.slots import waiting_serve
from orchestration.errors import WorkerLost
from orchestration.events.write import EventDraft, events_append
from orchestration.metrics import DOORBELLS_RUNG_AGAIN, STEPS_RECOVERED
from orchestration.types import TASK_TERMINAL, EventKind, StepStatus
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)

ADVISORY_LOCK: Final = 0x5348_414E  # "SHAN"
BUSY_QUEUE_MESSAGES: Final = 100  # with so many doorbells waiting, a late one is not a lost one


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one pass did."""

    steps: int = 0
    tasks_rung: int = 0
    approvals_expired: int = 0
    tasks_served: int = 0


def recover() -> Recovered:
    """Run one pass, unless another process is at it. Batches are bounded; what is left waits for the next pass.

    While Postgres was away no worker could keep its leases, so an expired one does not mean a dead worker: a process
    whose own heartbeat failed takes nothing back, and nobody does until the server has been up for a while.
    """
    if KEEPER.is_cut_off:
        return Recovered()
    with _alone() as is_ours:
        if not is_ours:
            return Recovered()
        recovered = Recovered(
            steps=_take_back_all(),
            approvals_expired=approvals_expire(),
            tasks_rung=_ring_lost(),
            tasks_served=waiting_serve(),
        )
        MEASURING.maybe()
        return recovered


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold a session-level advisory lock: the pass itself is many short transactions, one a task."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _expired() -> dict[UUID, list[UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_id, id FROM orchestration_step WHERE status = 'running' AND lease_until < now()"
            " AND pg_postmaster_start_time() <= now() - make_interval(secs => %s) ORDER BY lease_until LIMIT %s",
            [settings.SHANNON_RECOVER_SERVER_UPTIME_SECONDS, settings.SHANNON_RECOVER_BATCH],
        )
        found: dict[UUID, list[UUID]] = defaultdict(list)
        for task_id, step_id in cursor.fetchall():
            found[task_id].append(step_id)
    return found


def _take_back_all() -> int:
    steps = 0
    for task_id, step_ids in _expired().items():
        try:
            steps += _take_back(task_id, step_ids)
        except (DatabaseError, ShannonError):  # one task that cannot be mended must not hold back all others
            log.exception("task_not_recovered", task_id=str(task_id))
    return steps


def _take_back(task_id: UUID, step_ids: list[UUID]) -> int:
    """Make a task's expired steps claimable again; one that lost its worker too often fails."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT status FROM orchestration_task WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED", [task_id])
        row = cursor.fetchone()
        if row is None:
            return 0  # somebody works on the task just now: the next pass looks again, this one waits for nobody
        is_open = row[0] not in TASK_TERMINAL
        poison = WorkerLost(
            f"The step lost its worker {settings.SHANNON_STEP_MAX_ATTEMPTS} times.",
            details={"max_attempts": settings.SHANNON_STEP_MAX_ATTEMPTS},
        )
        cursor.execute(
            """
            UPDATE orchestration_step
            SET failures = failures + 1, lease_owner = '', lease_until = NULL,
                status = CASE WHEN NOT %(open)s THEN 'cancelled' WHEN failures + 1 >= %(max)s THEN 'failed'
                         ELSE 'ready' END,
                error = CASE WHEN %(open)s AND failures + 1 >= %(max)s THEN %(error)s::jsonb ELSE error END,
                completed_at = CASE WHEN NOT %(open)s OR failures + 1 >= %(max)s THEN now() END
            WHERE id = ANY(%(ids)s) AND status = 'running' AND lease_until < now()
            RETURNING id, key, status, attempt, title
            """,
            {
                "open": is_open,
                "max": settings.SHANNON_STEP_MAX_ATTEMPTS,
                "error": json.dumps(poison.as_json()),
                "ids": step_ids,
            },
        )
        rows = cursor.fetchall()
        ended = {row[1]: StepStatus(row[2]) for row in rows if row[2] != StepStatus.READY}
        for step_id, key, *_ in rows:
            if key in ended:
                books_close(step_id=step_id, task_id=task_id)
        dependants_release(task_id, ended)
        if is_open:
            events_append(task_id=task_id, drafts=[_event(*row[1:]) for row in rows])
    for row in rows:
        STEPS_RECOVERED.labels(outcome=row[2]).inc()
    if rows and is_open:
        log.info("steps_recovered", task_id=str(task_id), steps=[row[1] for row in rows])
        ring_advance(task_id)
    return len(rows)


def _event(key: str, status: str, attempt: int, title: str) -> EventDraft:
    payload = {"step_key": key, "status": status, "attempt": attempt}
    if status == StepStatus.READY:
        return EventDraft(EventKind.ERROR_RECOVERY, f"{title}: its worker was lost; it runs again", payload, key)
    return EventDraft(EventKind.ERROR_OCCURRED, f"{title}: its worker was lost too often", payload, key)


def _ring_lost() -> int:
    """Ring for tasks that have something to do and of which nobody was told lately."""
    waiting = queued_messages()
    if waiting is None or waiting > BUSY_QUEUE_MESSAGES:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE orchestration_task SET doorbell_at = now() WHERE id IN (
                SELECT t.id FROM orchestration_task t
                WHERE t.status IN ('QUEUED', 'RUNNING') AND t.doorbell_at < now() - make_interval(secs => %s)
                  AND (t.status = 'RUNNING' OR t.clock_stopped_at IS NULL)
                  AND ((t.deadline_at < now() AND t.clock_stopped_at IS NULL)
                       OR NOT EXISTS (SELECT 1 FROM orchestration_step s WHERE s.task_id = t.id
                                      AND s.status IN ('ready', 'running', 'blocked', 'waiting'))
                       OR (t.waits_since IS NULL
                           AND EXISTS (SELECT 1 FROM orchestration_step s WHERE s.task_id = t.id AND s.status = 'ready'
                                       AND (s.not_before IS NULL OR s.not_before <= now()))
                           AND (SELECT count(DISTINCT r.lease_owner) FROM orchestration_step r WHERE r.task_id = t.id
                                AND r.status = 'running') < t.concurrency_limit))
                ORDER BY t.doorbell_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
            RETURNING id
            """,
            [settings.SHANNON_DOORBELL_LOST_SECONDS, settings.SHANNON_RECOVER_BATCH],
        )
        task_ids = [row[0] for row in cursor.fetchall()]
    for task_id in task_ids:
        DOORBELLS_RUNG_AGAIN.inc()
        if not ring_advance(task_id):
            break
    return len(task_ids)
