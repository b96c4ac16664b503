"""Writing how steps ended: outcome, usage, journal notes, dependants and events in one transaction, under the fence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from agents.models import JournalEntry
from agents.services import memories_write, notes_write
from orchestration.engine.approvals import questions_withdraw
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.dependencies import BlockedStep, Release, releases
from orchestration.engine.slots import TakenSlots, nothing_taken
from orchestration.errors import DependencyFailed
from orchestration.events.write import EventDraft, events_append
from orchestration.types import (
    STEP_TERMINAL,
    TASK_TERMINAL,
    EventKind,
    OnDependencyFailure,
    StepOutcome,
    StepStatus,
    TaskStatus,
)
from policy.services import budgets_charge, budgets_release
from policy.types import Charge
from shannon_project.foundation.database import pipelined_transaction, prepared_cursor, rows_unread
from shannon_project.foundation.failpoints import Seam, hit

_BLOCKED: Final = (
    "SELECT id, key, ARRAY(SELECT jsonb_array_elements_text(depends_on)), open_dependencies, on_dependency_failure"
    " FROM orchestration_step WHERE task_id = %s AND status = 'blocked' ORDER BY position"
)


# The statuses are those of the partial indexes, so that they are used.
_LEFT: Final = """
    SELECT EXISTS (SELECT 1 FROM orchestration_step WHERE task_id = %s AND status = 'ready'
            AND (not_before IS NULL OR not_before <= now())),
        EXISTS (SELECT 1 FROM orchestration_step
            WHERE task_id = %s AND status IN ('blocked', 'ready', 'running', 'waiting'))
"""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """One execution's end, not yet written. `READY` means: try again after `retry_after_seconds`."""

    step: ClaimedStep
    status: StepStatus
    outcome: StepOutcome
    retry_after_seconds: float | None = None
    notes: tuple[JournalEntry, ...] = ()
    charges: tuple[Charge, ...] = ()
    events: tuple[EventDraft, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Written:
    """What a write changed: the steps that were still ours, and how many others became claimable.

    `has_ready`: whether the task has steps to claim after it. `has_open`: whether it has steps that have not ended, or
    was moved on because it had none; None: that is to be looked at. `first_steps`: for which is to be rung then. Of
    threads that wrote together only one is told that nothing is open, or for what to ring.
    """

    step_ids: frozenset[UUID]
    newly_ready: int
    is_task_open: bool
    has_ready: bool = True
    has_open: bool | None = None
    first_steps: tuple[UUID, ...] = ()

    @property
    def recorded(self) -> int:
        """How many steps were still ours."""
        return len(self.step_ids)


def outcomes_write(task_id: UUID, ends: Sequence[StepEnd], move_on: Callable[[], TakenSlots] | None = None) -> Written:
    """Write the ends of one task's steps. An end whose fencing token is stale changes nothing.

    Locks the task first: whoever takes a step out of `running` holds that lock, so journal writes of a step and the
    write of its outcome never interleave with a recovery.

    Args:
        task_id: The task.
        ends: How its steps ended.
        move_on: Called in the same transaction, as the last, when nothing of the task is open after it; returns what
            tells for which steps to ring.
    """
    taken: TakenSlots = nothing_taken
    with pipelined_transaction():
        status, ours, blocked, (has_ready, has_open) = _steps_end(task_id, ends)
        recorded = [end for end in ends if end.step.step_id in ours]
        notes_write([note for end in recorded for note in end.notes])
        with rows_unread():
            memories_write([memory for end in recorded for memory in end.outcome.memories])
        budgets_charge([charge for end in recorded for charge in end.charges])
        unsettled = [end.step.step_id for end in recorded if end.status is not StepStatus.SUCCEEDED]
        if unsettled:
            budgets_release(unsettled)
        failed = [end.step.step_id for end in recorded if end.status in (StepStatus.FAILED, StepStatus.CANCELLED)]
        if failed:
            questions_withdraw(task_id, failed)
        ended = {end.step.key: end.status for end in recorded if end.status in STEP_TERMINAL}
        changes = _blocked_release(blocked, ended)
        _usage_add(task_id, recorded)
        if status not in TASK_TERMINAL:
            events_append(
                task_id=task_id,
                drafts=[draft for end in recorded for draft in end.events]
                + [release_event(change) for change in changes if change.status is not StepStatus.BLOCKED],
            )
        skips = any(change.status is StepStatus.SKIPPED for change in changes)
        if move_on is not None and ours and not has_open and status == TaskStatus.RUNNING:
            taken, has_open = move_on(), True
        hit(Seam.OUTCOME_COMMIT)
    hit(Seam.OUTCOME_COMMITTED)
    newly_ready = sum(change.status is StepStatus.READY for change in changes)
    return Written(
        step_ids=frozenset(ours),
        newly_ready=newly_ready,
        is_task_open=status not in TASK_TERMINAL,
        has_ready=has_ready or newly_ready > 0,
        has_open=None if skips else has_open,
        first_steps=tuple(taken()),
    )


def _steps_end(task_id: UUID, ends: Sequence[StepEnd]) -> tuple[str, set[UUID], list[BlockedStep], tuple[bool, bool]]:
    """Lock the task and update the steps that are still ours; a step of an ended task is not tried again.

    Returns:
        The task's status, the ids of those steps, the steps that are blocked, and whether any is ready, and any open.
        One round trip.
    """
    usages = [end.outcome.usage for end in ends]
    with (
        prepared_cursor() as locking,
        prepared_cursor() as ending,
        prepared_cursor() as looking,
        prepared_cursor() as counting,
    ):
        locking.execute("SELECT status FROM orchestration_task WHERE id = %s FOR NO KEY UPDATE", [task_id])
        ending.execute(
            """
            UPDATE orchestration_step s
            SET status = v.status, output = v.output, error = v.error, lease_until = NULL, lease_owner = '',
                completed_at = CASE WHEN v.status = 'ready' THEN NULL ELSE clock_timestamp() END,
                not_before = now() + make_interval(secs => v.retry_after),
                failures = s.failures + CASE WHEN v.error IS NULL THEN 0 ELSE 1 END,
                prompt_tokens = v.prompt, completion_tokens = v.completion, cost_usd = v.cost,
                model_calls = v.models, tool_calls = v.tools
            FROM (
                SELECT e.id, e.attempt, e.output, e.error, e.retry_after, e.prompt, e.completion, e.cost, e.models,
                    e.tools, CASE WHEN e.status = 'ready' AND t.status = ANY(%s) THEN 'cancelled' ELSE e.status END
                    AS status
                FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::jsonb[], %s::jsonb[], %s::float8[],
                            %s::int[], %s::int[], %s::numeric[], %s::int[], %s::int[])
                  AS e(id, attempt, status, output, error, retry_after, prompt, completion, cost, models, tools)
                JOIN orchestration_task t ON t.id = %s
            ) v
            WHERE s.id = v.id AND s.attempt = v.attempt AND s.status = 'running'
            RETURNING s.id
            """,
            [
                sorted(TASK_TERMINAL),
                [end.step.step_id for end in ends],
                [end.step.attempt for end in ends],
                [str(end.status) for end in ends],
                [_jsonb(end.outcome.output) for end in ends],
                [_jsonb(end.outcome.error) for end in ends],
                [end.retry_after_seconds for end in ends],
                [usage.prompt_tokens for usage in usages],
                [usage.completion_tokens for usage in usages],
                [usage.cost_usd for usage in usages],
                [usage.model_calls for usage in usages],
                [usage.tool_calls for usage in usages],
                task_id,
            ],
        )
        looking.execute(_BLOCKED, [task_id])
        counting.execute(_LEFT, [task_id, task_id])
        status, ours = str(locking.fetchone()[0]), {row[0] for row in ending.fetchall()}
        return status, ours, _blocked(looking.fetchall()), counting.fetchone()


def _jsonb(value: Mapping[str, Any] | None) -> Jsonb | None:
    return None if value is None else Jsonb(dict(value))


def _usage_add(task_id: UUID, recorded: Sequence[StepEnd]) -> None:
    """Add what the ended steps cost to their task; a retry's cost is added once, when the step ends at last."""
    ended = [end for end in recorded if end.status in STEP_TERMINAL]
    usages = [end.outcome.usage for end in ended]
    if not any(usage.total_tokens or usage.model_calls or usage.tool_calls for usage in usages):
        return
    costs = [usage.cost_usd for usage in usages]
    named = next((end.outcome for end in reversed(ended) if end.outcome.model_used), None)
    with prepared_cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_task SET prompt_tokens = prompt_tokens + %s,"
            " completion_tokens = completion_tokens + %s,"
            " model_calls = model_calls + %s, tool_calls = tool_calls + %s, cost_usd = cost_usd + %s,"
            " cost_is_complete = cost_is_complete AND %s,"
            " model_used = COALESCE(NULLIF(%s, ''), model_used), provider = COALESCE(NULLIF(%s, ''), provider)"
            " WHERE id = %s",
            [
                sum(usage.prompt_tokens for usage in usages),
                sum(usage.completion_tokens for usage in usages),
                sum(usage.model_calls for usage in usages),
                sum(usage.tool_calls for usage in usages),
                sum(cost for cost in costs if cost is not None),
                all(cost is not None for cost in costs),
                named.model_used if named else "",
                named.provider if named else "",
                task_id,
            ],
        )


def dependants_release(task_id: UUID, ended: Mapping[str, StepStatus]) -> list[Release]:
    """Update the blocked steps that waited for the ended ones. The caller holds the task's lock."""
    if not ended:
        return []
    with prepared_cursor() as cursor:
        cursor.execute(_BLOCKED, [task_id])
        return _blocked_release(_blocked(cursor.fetchall()), ended)


def _blocked(rows: Sequence[Sequence[Any]]) -> list[BlockedStep]:
    return [BlockedStep(row[0], row[1], tuple(row[2]), row[3], OnDependencyFailure(row[4])) for row in rows]


def _blocked_release(blocked: Sequence[BlockedStep], ended: Mapping[str, StepStatus]) -> list[Release]:
    changes = releases(blocked, ended) if blocked and ended else []
    if changes:
        with prepared_cursor() as cursor:
            cursor.execute(
                "UPDATE orchestration_step s SET status = v.status, open_dependencies = v.open, error = v.error,"
                " completed_at = CASE WHEN v.status = 'skipped' THEN now() END,"
                " ready_at = CASE WHEN v.status = 'ready' THEN now() END"
                " FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::jsonb[]) AS v(id, status, open, error)"
                " WHERE s.id = v.id AND s.status = 'blocked'",
                [
                    [change.step_id for change in changes],
                    [str(change.status) for change in changes],
                    [change.open_dependencies for change in changes],
                    [_skip_error(change) for change in changes],
                ],
            )
    return changes


def _skip_error(change: Release) -> Jsonb | None:
    skipped = change.status is StepStatus.SKIPPED
    return Jsonb(DependencyFailed.of(change.failed_dependency).as_json()) if skipped else None


def release_event(change: Release) -> EventDraft:
    """Return what is told of a step that may start, or is skipped."""
    payload = {"step_key": change.key, "status": str(change.status), "open_dependencies": change.open_dependencies}
    if change.status is StepStatus.SKIPPED:
        message = f"{change.key} is skipped: {change.failed_dependency} did not succeed"
        return EventDraft(EventKind.STATUS_UPDATE, message, payload, change.key)
    return EventDraft(EventKind.DEPENDENCY_SATISFIED, f"{change.key} may start", payload, change.key)
