"""Recovery: expired leases are taken back, lost doorbells are rung again. Any process may run it, at any time."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import connection

from orchestration.engine.approvals.closing import approvals_expire
from orchestration.engine.dispatch import CONTROL_QUEUE, STEPS_QUEUE, queued_messages, ring_advances, ring_line
from orchestration.engine.lease import KEEPER
from orchestration.engine.line import LINE, Turn
from orchestration.engine.queues import MEASURING
from orchestration.engine.slots import waiting_serve
from orchestration.engine.taking_back import steps_take_back
from orchestration.metrics import DOORBELLS_RUNG_AGAIN
from orchestration.models import Task

log = structlog.get_logger(__name__)

ADVISORY_LOCK: Final = 0x5348_414E  # "SHAN"
BUSY_QUEUE_MESSAGES: Final = 100  # with so many drainers waiting, a late one is not a lost one
NOBODY: Final = UUID(int=0)  # of a message that tells of no task but that some are in line
_END_STOPPED_HOLDER: Final = """
    SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = 0 AND l.objid = %s
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND a.state LIKE 'idle%%' AND a.state_change < now() - make_interval(secs => %s)
"""

# Postgres ends by itself what is idle in a transaction. In a pipeline a session is not idle before the client asks for
# the answers: one whose process was stopped in between would keep its locks for as long as it stands.
_END_STOPPED_WRITERS: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
      AND state = 'active' AND wait_event = 'ClientRead' AND query NOT ILIKE 'copy%%'
      AND state_change < now() - make_interval(secs => %s)
"""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one pass did."""

    steps: int = 0
    tasks_rung: int = 0
    approvals_expired: int = 0
    tasks_served: int = 0


def recover() -> Recovered:
    """Run one pass, unless another process is at it.

    Steps are taken back in batches, until none is left or `SHANNON_RECOVER_PASS_SECONDS` are over.

    While Postgres was away no worker could keep its leases, so an expired one does not mean a dead worker: a process
    whose own heartbeat failed takes nothing back, and nobody does until the server has been up for a while.
    """
    if KEEPER.is_cut_off:
        return Recovered()
    with _alone() as is_ours:
        if not is_ours:
            return Recovered()
        _stopped_writers_end()
        recovered = Recovered(
            steps=steps_take_back(),
            approvals_expired=approvals_expire(),
            tasks_rung=_ring_lost(),
            tasks_served=waiting_serve(),
        )
        _line_tell()
        MEASURING.maybe()
        return recovered


def _stopped_writers_end() -> None:
    """End sessions that stand still in the middle of a pipelined transaction; what they had written is undone."""
    with connection.cursor() as cursor:
        cursor.execute(_END_STOPPED_WRITERS, [settings.SHANNON_DATABASE_TRANSACTION_IDLE_SECONDS])
        if ended := cursor.fetchall():
            log.warning("writers_stood_still", sessions=len(ended))


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold a session-level advisory lock: the pass itself is many short transactions, one a task.

    A process that stands still in the middle of a pass would keep the lock for as long as it stands, and nobody would
    recover anything. So whoever finds the lock taken ends the session that has it, if that has asked nothing for longer
    than a lease lasts; a pass asks all the time.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        is_ours = bool(cursor.fetchone()[0])
        if not is_ours:
            cursor.execute(_END_STOPPED_HOLDER, [ADVISORY_LOCK, settings.SHANNON_LEASE_SECONDS])
            if cursor.fetchall():
                log.warning("recoverer_stood_still", seconds=settings.SHANNON_LEASE_SECONDS)
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _ring_lost() -> int:
    """Ring for tasks that have something to do and of which nobody was told lately."""
    waiting = queued_messages([STEPS_QUEUE])
    if waiting is None or waiting > BUSY_QUEUE_MESSAGES:
        return 0  # drainers wait there for a thread, and one that is late is not lost
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
            RETURNING id, tenant_id, priority
            """,
            [settings.SHANNON_DOORBELL_LOST_SECONDS, settings.SHANNON_RECOVER_BATCH],
        )
        turns = [Turn(*row) for row in cursor.fetchall()]
    DOORBELLS_RUNG_AGAIN.inc(len(turns))
    ring_advances(turns)
    return len(turns)


def tasks_ring(task_ids: Collection[UUID]) -> None:
    """Ring for tasks of whatever tenants; one query."""
    tasks = Task.objects.filter(id__in=task_ids).values_list("id", "tenant_id", "priority")
    ring_advances([Turn(*row) for row in tasks])


def _line_tell() -> bool:
    """Tell a worker of those who are in line when no message does: the one that told of them was lost."""
    try:
        if LINE.is_empty() or queued_messages([CONTROL_QUEUE]):
            return False
    except redis.RedisError as error:
        log.warning("line_not_reached", error=str(error))
        return False
    return ring_line(NOBODY)
