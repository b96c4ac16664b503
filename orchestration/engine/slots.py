"""Giving worker threads to tasks: read what is held, decide (`fairness.py`), note what was given."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.backends.utils import CursorWrapper

from orchestration.engine.dispatch import ring_steps
from orchestration.engine.fairness import TenantLoad, next_tenant, shared_slots, slots_free_for
from orchestration.engine.kinds import KINDS
from orchestration.engine.turns import SHORT_STEP_DRAINERS, TURNS
from orchestration.models import Task
from orchestration.types import TaskStatus
from shannon_project.foundation.database import prepared_cursor, sent
from shannon_project.foundation.desk import Desk
from shannon_project.foundation.locks import advisory_lock_take

ASKING_AT_ONCE: Final = 1_000
LOCK_CLASS: Final = 0x534C_4F54  # "SLOT"
SERVE_AT_ONCE: Final = 16  # tasks that one call of `waiting_serve` gives slots to

_COMPUTING: Final = [str(kind) for kind, executor in KINDS.items() if executor.only_computes]
_WAITING: Final = "waits_since IS NOT NULL AND status = 'RUNNING'"

_LOADS: Final = f"""
    WITH slot AS (
        SELECT t.tenant_id, s.lease_owner AS name, s.task_id = %(task)s AS is_own,
            s.kind = ANY(%(computing)s) AS computes
        FROM orchestration_step s JOIN orchestration_task t ON t.id = s.task_id
        WHERE s.status = 'running' GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT t.tenant_id, s.id::text, s.task_id = %(task)s, s.kind = ANY(%(computing)s)
        FROM orchestration_step s JOIN orchestration_task t ON t.id = s.task_id
        WHERE s.status = 'ready' AND s.rung_at > now() - make_interval(secs => %(lost)s)
    ), held AS (
        SELECT tenant_id, count(*) AS slots, count(*) FILTER (WHERE is_own) AS own,
            count(*) FILTER (WHERE computes) AS computing FROM slot GROUP BY 1
    )
    SELECT n.id, n.weight, n.max_running_steps, COALESCE(h.slots, 0), COALESCE(h.own, 0), w.priority, w.waits_since,
        (SELECT sum(p.threads) FROM orchestration_workerpresence p
         WHERE p.seen_at > now() - make_interval(secs => %(gone)s)),
        (SELECT count(*) FROM orchestration_workerpresence p
         WHERE p.seen_at > now() - make_interval(secs => %(gone)s)),
        CASE WHEN n.id = %(tenant)s THEN COALESCE(h.computing, 0) ELSE 0 END
    FROM policy_tenant n LEFT JOIN held h ON h.tenant_id = n.id
    LEFT JOIN LATERAL (
        SELECT t.priority, t.waits_since FROM orchestration_task t
        WHERE t.tenant_id = n.id AND t.id IS DISTINCT FROM %(task)s AND {_WAITING}
        ORDER BY t.priority, t.waits_since LIMIT 1
    ) w ON true
    WHERE h.slots > 0 OR w.waits_since IS NOT NULL OR n.id = %(tenant)s
"""  # noqa: S608 - a constant of ours

_GIVE: Final = """
    WITH next AS (
        SELECT id, kind, position FROM orchestration_step
        WHERE task_id = %(task)s AND status = 'ready' AND (not_before IS NULL OR not_before <= now())
          AND (rung_at IS NULL OR rung_at <= now() - make_interval(secs => %(lost)s))
        ORDER BY position LIMIT %(slots)s
    ), picked AS (
        SELECT id FROM (
            SELECT id, kind = ANY(%(computing)s) AS computes,
                row_number() OVER (PARTITION BY kind = ANY(%(computing)s) ORDER BY position) AS place FROM next
        ) numbered WHERE NOT computes OR place <= %(computers)s
    ), rung AS (
        UPDATE orchestration_step s SET rung_at = now() FROM picked WHERE s.id = picked.id AND s.status = 'ready'
        RETURNING s.id, s.position
    ), told AS (
        UPDATE orchestration_task SET doorbell_at = now(), waits_since = CASE WHEN %(is_idle)s
            AND NOT EXISTS (SELECT 1 FROM picked) AND EXISTS (
            SELECT 1 FROM orchestration_step s WHERE s.task_id = %(task)s AND s.status = 'ready'
            AND (s.not_before IS NULL OR s.not_before <= now())) THEN COALESCE(waits_since, now()) END
        WHERE id = %(task)s
    )
    SELECT id FROM rung ORDER BY position
"""

_RETURN: Final = """
    WITH back AS (
        UPDATE orchestration_step SET rung_at = NULL
        WHERE id = ANY(%(firsts)s::uuid[]) AND task_id = %(task)s AND status = 'ready'
    )
    UPDATE orchestration_task t SET waits_since = COALESCE(waits_since, now())
    WHERE t.id = %(task)s AND t.status = 'RUNNING'
      AND EXISTS (SELECT 1 FROM orchestration_step s WHERE s.task_id = t.id AND s.status = 'ready'
                  AND (s.not_before IS NULL OR s.not_before <= now()))
      AND NOT EXISTS (SELECT 1 FROM orchestration_step s WHERE s.task_id = t.id AND s.status = 'running')
      AND NOT EXISTS (SELECT 1 FROM orchestration_step s WHERE s.task_id = t.id AND s.status = 'ready'
                      AND s.id <> ALL(%(firsts)s::uuid[]) AND s.rung_at > now() - make_interval(secs => %(lost)s))
"""


@dataclass(frozen=True, slots=True)
class Loads:
    """What every tenant holds, what one task holds, and how many slots are given out."""

    by_tenant: dict[UUID, TenantLoad]
    own: int
    shared: int
    computing: int
    """Of the slots of the tenant that asks: those of steps that only compute."""
    processes: int
    """Of workers; at least 1."""


TakenSlots = Callable[[], list[UUID]]
"""Tells with which step the drainer of each slot is to begin. Asked after the commit: until then nobody needs it."""


def nothing_taken() -> list[UUID]:
    """Tell of a task that took no slots."""
    return []


def slots_take(task: Task) -> TakenSlots:
    """Give a task the slots that it may have now.

    The caller holds the task's row lock and rings after its commit. A task that gets none although it has steps ready
    and nobody works on it is noted as waiting; whoever frees a slot serves it.
    """
    # Two tasks of a tenant do not take the same slot. Held until the commit, which follows at once.
    advisory_lock_take(LOCK_CLASS, str(task.tenant_id))
    with prepared_cursor() as cursor:
        loads = _loads(cursor, tenant_id=task.tenant_id, task_id=task.id)
        mine = loads.by_tenant[task.tenant_id]
    slots = max(task.concurrency_limit - loads.own, 0)
    if slots and _must_wait(task, mine):
        slots = 0
    elif slots:
        slots = min(slots, slots_free_for(task.tenant_id, loads.by_tenant, loads.shared))
    given = sent(
        _GIVE,
        {
            "task": task.id,
            "slots": slots,
            "is_idle": loads.own == 0,
            "lost": settings.SHANNON_DOORBELL_LOST_SECONDS,
            "computing": _COMPUTING,
            # more would wait for the interpreter: what only computes needs few drainers however much it is
            "computers": max(SHORT_STEP_DRAINERS * loads.processes - loads.computing, 0),
        },
    )
    return partial(_first_steps, given)


def _first_steps(given: CursorWrapper) -> list[UUID]:
    with given:
        return [row[0] for row in given.fetchall()]


def _must_wait(task: Task, mine: TenantLoad) -> bool:
    """Whether another task of the tenant waits that goes before this one."""
    first = mine.first_waiting
    if first is None:
        return False
    return first[0] < task.priority or (
        first[0] == task.priority and (task.waits_since is None or first[1] < task.waits_since)
    )


def task_serve(task_id: UUID) -> int:
    """Give a task slots and ring for them, without asking its strategy. Returns how many it got."""
    with transaction.atomic():
        task = Task.objects.select_for_update(no_key=True).filter(id=task_id, status=TaskStatus.RUNNING).first()
        first_steps = slots_take(task)() if task is not None else []
    if task is not None and first_steps:
        ring_steps(task_id, task.tenant_id, first_steps)
    return len(first_steps)


def slot_return(task_id: UUID, first: UUID | None) -> None:
    """Give back the slot of a drainer that found no thread; the task waits again, unless others work on it.

    Of a crew many may find none: those of this process that come at the same time share a transaction.
    """
    _RETURNS.bring(task_id, first)


def _slots_return(task_id: UUID, returned: Sequence[UUID | None]) -> list[bool]:
    firsts = [first for first in returned if first is not None]
    with transaction.atomic(), prepared_cursor() as cursor:
        cursor.execute("SELECT 1 FROM orchestration_task WHERE id = %s FOR NO KEY UPDATE", [task_id])
        cursor.execute(_RETURN, {"task": task_id, "firsts": firsts, "lost": settings.SHANNON_DOORBELL_LOST_SECONDS})
    return [True] * len(returned)


def waiting_serve() -> int:
    """Give free slots to tasks that wait, fairest first, as long as there are both. Returns how many tasks got some.

    One query when nobody waits.
    """
    served = 0
    passed_over: set[UUID] = set()  # tenants whose next task may have none of the slots that there are
    for _ in range(SERVE_AT_ONCE):
        found = _next_task(passed_over) if _somebody_waits() else None
        if found is None:
            break
        task_id, tenant_id = found
        with TURNS.drainer(tenant_id, takes_thread=False):
            TURNS.give_way()
            is_served = task_serve(task_id) > 0
        served += is_served
        if not is_served:
            passed_over.add(tenant_id)
    return served


def _next_task(passed_over: Collection[UUID]) -> tuple[UUID, UUID] | None:
    """Return the waiting task whose turn it is, and its tenant; None when none may have a slot."""
    with prepared_cursor() as cursor:
        loads = _loads(cursor, tenant_id=None, task_id=None)
        tenant_id = next_tenant(loads.by_tenant, loads.shared, passed_over=passed_over)
        if tenant_id is None:
            return None
        cursor.execute(
            f"SELECT id FROM orchestration_task WHERE tenant_id = %s AND {_WAITING}"  # noqa: S608 - see above
            " ORDER BY priority, waits_since LIMIT 1",
            [tenant_id],
        )
        row = cursor.fetchone()
        return (row[0], tenant_id) if row else None


def _somebody_waits() -> bool:
    """Return whether a task waits now; threads that ask at the same time share a query that begins after they did."""
    return _WAITERS.bring("", None)


def _waiters_look() -> bool:
    with prepared_cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM orchestration_task WHERE {_WAITING})")  # noqa: S608 - see above
        return bool(cursor.fetchone()[0])


def _loads(cursor: Any, *, tenant_id: UUID | None, task_id: UUID | None) -> Loads:
    cursor.execute(
        _LOADS,
        {
            "task": task_id,
            "tenant": tenant_id,
            "computing": _COMPUTING,
            "lost": settings.SHANNON_DOORBELL_LOST_SECONDS,
            "gone": settings.SHANNON_PRESENCE_SECONDS * 3,
        },
    )
    rows = cursor.fetchall()
    by_tenant = {
        row[0]: TenantLoad(
            tenant_id=row[0],
            weight=max(row[1], 1),
            limit=row[2],
            held=row[3],
            first_waiting=None if row[6] is None else (row[5], row[6]),
        )
        for row in rows
    }
    threads = int(rows[0][7] or 0) if rows else 0
    # no worker has told of itself yet: as many as one of ours would have
    shared = shared_slots(threads or settings.CELERY_WORKER_CONCURRENCY, settings.SHANNON_RESERVED_SHARE)
    processes = max(int(rows[0][8]), 1) if rows else 1
    return Loads(by_tenant, sum(row[4] for row in rows), shared, sum(row[9] for row in rows), processes)


_WAITERS: Final[Desk[str, None, bool]] = Desk(lambda _, asking: [_waiters_look()] * len(asking), at_once=ASKING_AT_ONCE)
_RETURNS: Final[Desk[UUID, UUID | None, bool]] = Desk(_slots_return, at_once=ASKING_AT_ONCE)
