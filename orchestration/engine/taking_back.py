"""Taking back steps whose lease has expired: in sets, whoever they belong to, however many there are."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from orchestration.engine.books import books_close
from orchestration.engine.dispatch import ring_advances
from orchestration.engine.line import Turn
from orchestration.engine.outcome import dependants_release, release_event
from orchestration.engine.retries import max_attempts
from orchestration.errors import CallAbandoned, WorkerLost
from orchestration.events.write import EventDraft, events_append_all
from orchestration.metrics import STEPS_RECOVERED
from orchestration.types import EventKind, StepKind, StepStatus
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _TakenBack:
    """A step as it is now.

    `is_told`: its task is open, so its readers hear of it. `is_hung`: its worker lives, but is in a call without end.
    """

    step_id: UUID
    task_id: UUID
    key: str
    status: str
    attempt: int
    title: str
    is_told: bool
    is_hung: bool


def steps_take_back() -> int:
    """Make expired steps claimable again; one that lost its worker too often fails. Returns how many there were.

    Works through all of them in batches of `SHANNON_RECOVER_BATCH`, for at most `SHANNON_RECOVER_PASS_SECONDS`. A batch
    is one transaction of at most 11 statements; 2 more for each task in which a step failed for good, and one for each
    such step that still held money.
    """
    ends_at_seconds = time.monotonic() + settings.SHANNON_RECOVER_PASS_SECONDS
    total = 0
    while True:
        found = _expired()
        taken = _take_back_apart(found)
        total += taken
        # fewer than were found: somebody works on the others just now, and the next pass looks again
        if taken < settings.SHANNON_RECOVER_BATCH or time.monotonic() > ends_at_seconds:
            return total


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


def _take_back_apart(found: Mapping[UUID, Sequence[UUID]]) -> int:
    """Take back all at once, or task by task where that fails: one that cannot be mended must not hold back others."""
    if not found:
        return 0
    try:
        return _take_back(found)
    except (DatabaseError, ShannonError):
        if len(found) == 1:
            log.exception("task_not_recovered", task_id=str(next(iter(found))))
            return 0
    return sum(_take_back_apart({task_id: step_ids}) for task_id, step_ids in found.items())


def _take_back(found: Mapping[UUID, Sequence[UUID]]) -> int:
    with transaction.atomic():
        locked = _lock(found.keys())
        steps = _update([step_id for turn in locked for step_id in found[turn.task_id]])
        ended = [step for step in steps if step.status != StepStatus.READY]
        books_close({step.step_id: step.task_id for step in ended})
        drafts: dict[UUID, list[EventDraft]] = defaultdict(list)
        for step in steps:
            if step.is_told:
                drafts[step.task_id].append(_event(step))
        for task_id, ends in _by_task(ended).items():
            changes = dependants_release(task_id, {step.key: StepStatus(step.status) for step in ends})
            if ends[0].is_told:
                drafts[task_id] += [release_event(each) for each in changes if each.status is not StepStatus.BLOCKED]
        events_append_all(drafts)
    for step in steps:
        STEPS_RECOVERED.labels(outcome=step.status).inc()
    if drafts:
        log.info("steps_recovered", tasks=len(drafts), steps=[step.key for step in steps][:20], count=len(steps))
        ring_advances([turn for turn in locked if turn.task_id in drafts])
    return len(steps)


def _lock(task_ids: Collection[UUID]) -> list[Turn]:
    """Lock the tasks that nobody works on just now; this waits for nobody."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, tenant_id, priority FROM orchestration_task WHERE id = ANY(%s) ORDER BY id"
            " FOR NO KEY UPDATE SKIP LOCKED",
            [list(task_ids)],
        )
        return [Turn(*row) for row in cursor.fetchall()]


def _update(step_ids: Sequence[UUID]) -> list[_TakenBack]:
    kinds = {str(kind): max_attempts(kind) for kind in StepKind}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH lost AS (
                SELECT s.id, t.status IN ('QUEUED', 'RUNNING', 'PAUSED') AS is_open,
                       s.failures + 1 >= k.most AS is_poison, k.most,
                       coalesce(s.error->>'code' = 'CALL_ABANDONED'
                                AND s.error->'details'->>'attempt' = s.attempt::text, false) AS is_hung
                FROM orchestration_step s JOIN orchestration_task t ON t.id = s.task_id
                JOIN unnest(%s::text[], %s::int[]) AS k(kind, most) ON k.kind = s.kind
                WHERE s.id = ANY(%s) AND s.status = 'running' AND s.lease_until < now()
            )
            UPDATE orchestration_step s
            SET failures = failures + 1, lease_owner = '', lease_until = NULL, ready_at = now(),
                status = CASE WHEN NOT is_open THEN 'cancelled' WHEN is_poison THEN 'failed' ELSE 'ready' END,
                error = CASE WHEN is_open AND is_poison AND NOT is_hung
                             THEN jsonb_set(jsonb_set(%s::jsonb, '{details,max_attempts}', to_jsonb(most)),
                                            '{message}', to_jsonb(format(%s, most)))
                             ELSE error END,
                completed_at = CASE WHEN NOT is_open OR is_poison THEN now() END
            FROM lost WHERE s.id = lost.id
            RETURNING s.id, s.task_id, s.key, s.status, s.attempt, s.title, is_open, is_hung
            """,
            [
                list(kinds),
                list(kinds.values()),
                list(step_ids),
                json.dumps(WorkerLost().as_json()),
                "The step lost its worker %s times.",
            ],
        )
        return [_TakenBack(*row) for row in cursor.fetchall()]


def _by_task(steps: Sequence[_TakenBack]) -> dict[UUID, list[_TakenBack]]:
    found: dict[UUID, list[_TakenBack]] = defaultdict(list)
    for step in steps:
        found[step.task_id].append(step)
    return found


def _event(step: _TakenBack) -> EventDraft:
    reason = "its call hung" if step.is_hung else "its worker was lost"
    code = CallAbandoned.code if step.is_hung else WorkerLost.code
    payload = {"step_key": step.key, "status": step.status, "attempt": step.attempt, "code": code}
    if step.status == StepStatus.READY:
        return EventDraft(EventKind.ERROR_RECOVERY, f"{step.title}: {reason}; it runs again", payload, step.key)
    return EventDraft(EventKind.ERROR_OCCURRED, f"{step.title}: {reason} too often", payload, step.key)
