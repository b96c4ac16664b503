"""Claiming steps: one statement, by compare-and-set, with a lease and a fencing token."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from orchestration.types import StepKind
from shannon_project.foundation.database import prepared_cursor
from shannon_project.foundation.desk import Desk

CLAIMS_AT_ONCE: Final = 64

_RETURNING: Final = """
    RETURNING s.id, s.task_id, s.key, s.kind, s.title, s.input, s.depends_on, s.attempt, s.failures, s.position,
        (SELECT EXISTS (SELECT 1 FROM orchestration_task w, orchestration_task me WHERE me.id = %(task)s
            AND w.status = 'RUNNING' AND w.waits_since IS NOT NULL AND w.id <> me.id
            AND (w.tenant_id <> me.tenant_id OR w.priority <= me.priority))),
        (SELECT message_count FROM orchestration_task WHERE id = %(task)s), s.lease_owner,
        (SELECT g.generation FROM policy_registrygeneration g JOIN orchestration_task t ON t.tenant_id = g.tenant_id
            WHERE t.id = %(task)s)
"""
_CLAIM: Final = f"""
    WITH picked AS (
        SELECT s.id FROM orchestration_step s JOIN orchestration_task t ON t.id = s.task_id
        WHERE s.task_id = %(task)s AND s.status = 'ready' AND t.status = 'RUNNING'
          AND (s.not_before IS NULL OR s.not_before <= now())
          AND (SELECT count(DISTINCT r.lease_owner) FROM orchestration_step r
               WHERE r.task_id = %(task)s AND r.status = 'running') < t.concurrency_limit
        ORDER BY s.position
        LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE orchestration_step s
    SET status = 'running', attempt = attempt + 1, lease_owner = %(owner)s, rung_at = NULL,
        lease_until = now() + make_interval(secs => %(lease)s), started_at = COALESCE(started_at, now())
    FROM picked WHERE s.id = picked.id
    {_RETURNING}
"""  # noqa: S608 - made of constants
# What many drainers of a task are to begin with: as many of them as the task may still have at work.
_CLAIM_FIRSTS: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(firsts)s::uuid[], %(owners)s::text[]) AS a(id, owner)
    ), picked AS (
        SELECT s.id, asked.owner FROM orchestration_step s JOIN asked ON asked.id = s.id
        WHERE s.task_id = %(task)s AND s.status = 'ready' AND (s.not_before IS NULL OR s.not_before <= now())
        ORDER BY s.position
        LIMIT coalesce((
            SELECT greatest(t.concurrency_limit - (SELECT count(DISTINCT r.lease_owner) FROM orchestration_step r
                WHERE r.task_id = t.id AND r.status = 'running'), 0)
            FROM orchestration_task t WHERE t.id = %(task)s AND t.status = 'RUNNING'
        ), 0) FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE orchestration_step s
    SET status = 'running', attempt = attempt + 1, lease_owner = picked.owner, rung_at = NULL,
        lease_until = now() + make_interval(secs => %(lease)s), started_at = COALESCE(started_at, now())
    FROM picked WHERE s.id = picked.id
    {_RETURNING}
"""  # noqa: S608 - made of constants
# The statuses are those of the partial index, so that it is used.
_ANY_OPEN: Final = """
    SELECT EXISTS (SELECT 1 FROM orchestration_step
        WHERE task_id = %s AND status IN ('blocked', 'ready', 'running', 'waiting'))
"""
# By its id: the order of positions would read every ready step of a wide task for each drainer that begins.
_CLAIM_FIRST: Final = _CLAIM.replace("WHERE s.task_id", "WHERE s.id = %(first)s AND s.task_id")


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step that this worker holds; `attempt` proves it."""

    step_id: UUID
    task_id: UUID
    key: str
    kind: StepKind
    title: str
    input: dict[str, Any]
    depends_on: tuple[str, ...]
    attempt: int
    failures: int
    others_wait: bool = False
    """Another task waits for a worker that has at least as good a right to this one."""
    messages_known: int = 0
    """How many messages people had sent to the task."""
    registry_generation: int = 0
    """How far what the tenant registered had come, see `policy/services/registry.py`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a drainer wants to claim; see `steps_claim`."""

    first: UUID | None
    owner: str
    limit: int


def steps_claim_together(*, task_id: UUID, first: UUID | None, owner: str, limit: int) -> list[ClaimedStep]:
    """Do the same as `steps_claim`; drainers of this process that begin at the same time share a statement."""
    return _CLAIMS.bring(task_id, Wish(first, owner, limit))


def claims_of_drainers(task_id: UUID, wishes: Sequence[Wish]) -> list[list[ClaimedStep] | None]:
    """Claim for several drainers; one who does not get what it is to begin with asks again alone."""
    if len(wishes) == 1:
        wish = wishes[0]
        return [steps_claim(task_id=task_id, first=wish.first, owner=wish.owner, limit=wish.limit)]
    begin = [wish for wish in wishes if wish.first is not None]
    with prepared_cursor() as cursor:
        cursor.execute(
            _CLAIM_FIRSTS,
            {
                "task": task_id,
                "firsts": [wish.first for wish in begin],
                "owners": [wish.owner for wish in begin],
                "lease": settings.SHANNON_LEASE_SECONDS,
            },
        )
        rows = {(row[0], row[12]): row for row in cursor.fetchall()}
    got = [rows.get((wish.first, wish.owner)) if wish.first is not None else None for wish in wishes]
    return [None if row is None else [_claimed(row)] for row in got]


def steps_claim(*, task_id: UUID, first: UUID | None, owner: str, limit: int) -> list[ClaimedStep]:
    """Claim up to `limit` ready steps of a running task in their order; `first` alone, if it is still to be had.

    Claims nothing when the task has as many owners at work as its concurrency limit allows. Two drainers that claim at
    the same instant may pass that limit by one; the steps they run are correct all the same.
    """
    values: dict[str, Any] = {"task": task_id, "limit": limit, "owner": owner, "lease": settings.SHANNON_LEASE_SECONDS}
    with prepared_cursor() as cursor:
        rows = []
        if first is not None:
            cursor.execute(_CLAIM_FIRST, {**values, "first": first})
            rows = cursor.fetchall()
        if not rows:
            cursor.execute(_CLAIM, values)
            rows = sorted(cursor.fetchall(), key=lambda row: row[9])
    return [_claimed(row) for row in rows]


def steps_all_ended(task_id: UUID) -> bool:
    """Return whether no step of the task is ready, running, blocked or waiting. One query."""
    with prepared_cursor() as cursor:
        cursor.execute(_ANY_OPEN, [task_id])
        return not cursor.fetchone()[0]


def _claimed(row: tuple[Any, ...]) -> ClaimedStep:
    return ClaimedStep(
        step_id=row[0],
        task_id=row[1],
        key=row[2],
        kind=StepKind(row[3]),
        title=row[4],
        input=_json(row[5]),
        depends_on=tuple(_json(row[6])),
        attempt=row[7],
        failures=row[8],
        others_wait=row[10],
        messages_known=row[11],
        registry_generation=row[13] or 0,
    )


def _json(value: Any) -> Any:
    """Django registers no jsonb loader on raw cursors, so values come as text."""
    return json.loads(value) if isinstance(value, str | bytes) else value


_CLAIMS: Final[Desk[UUID, Wish, list[ClaimedStep]]] = Desk(claims_of_drainers, at_once=CLAIMS_AT_ONCE)
