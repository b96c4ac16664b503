"""What steps of one task write at the same time is written in one transaction, under one lock of the task's row.

Whoever writes for a step holds that lock: while it is held nobody takes the step out of `running`, so what is written
commits under its lease. A thousand agents that begin and end their calls would otherwise wait for each other there.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from agents.context import Emit, StepWrite
from agents.errors import StepSuperseded, TaskCancelled, TaskPaused
from orchestration.events.write import EventDraft, events_append
from orchestration.types import TASK_TERMINAL, TaskStatus
from shannon_project.foundation.database import pipelined_transaction, prepared_cursor
from shannon_project.foundation.desk import Desk
from shannon_project.foundation.errors import ShannonError

WRITES_AT_ONCE: Final = 64  # in one transaction: a longer one would hold up the task's other writers

WriteKey = tuple[UUID, type[StepWrite]]


@dataclass(frozen=True, slots=True)
class StepPart:
    """What one step writes, and whose it is. `untold` are events that go with it, before its own."""

    step_id: UUID
    step_key: str
    attempt: int
    agent_id: str
    untold: Sequence[EventDraft]
    what: StepWrite

    def refusal(self, status: str, *, is_ours: bool) -> ShannonError | None:
        """Return why the step must not write, or None."""
        return refusal(status, is_ours=is_ours, begins=self.what.begins, step_key=self.step_key, attempt=self.attempt)

    def draft(self, kind: str, message: str, payload: Mapping[str, Any] | None) -> EventDraft:
        """Return an event of the step."""
        return EventDraft(kind, message, payload or {}, self.step_key, self.agent_id)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a transaction found out about a step; with an `error` it wrote nothing of it."""

    status: str
    messages_known: int
    asked_at_seconds: float
    error: ShannonError | None = None


def writes_commit(key: WriteKey, parts: Sequence[StepPart]) -> list[Proof | None]:
    """Write what steps of a task bring, each under its lease; see `Desk`."""
    task_id, _ = key
    asked_at_seconds = time.monotonic()
    with pipelined_transaction():
        status, messages_known, ours = leases_prove(task_id, [(part.step_id, part.attempt) for part in parts])
        refusals = {
            number: error
            for number, part in enumerate(parts)
            if (error := part.refusal(status, is_ours=part.step_id in ours))
        }
        going = [number for number in range(len(parts)) if number not in refusals]
        alone = _write([parts[number] for number in going], task_id, tells=status not in TASK_TERMINAL)
    left = {going[index] for index in alone}
    return [
        None if number in left else Proof(status, messages_known, asked_at_seconds, refusals.get(number))
        for number in range(len(parts))
    ]


def leases_prove(task_id: UUID, held: Sequence[tuple[UUID, int]]) -> tuple[str, int, set[UUID]]:
    """Lock a task and return its status, the number of messages sent to it, and which of these steps are still ours.

    Args:
        task_id: The task.
        held: Its steps, each with the attempt that is its fencing token.
    """
    with prepared_cursor() as locking, prepared_cursor() as looking:
        locking.execute(
            "SELECT status, message_count FROM orchestration_task WHERE id = %s FOR NO KEY UPDATE", [task_id]
        )
        looking.execute(  # by itself, so that it sees what was committed while the first one waited
            "SELECT s.id FROM orchestration_step s JOIN unnest(%s::uuid[], %s::int[]) AS held(id, attempt)"
            " ON s.id = held.id AND s.attempt = held.attempt WHERE s.task_id = %s AND s.status = 'running'",
            [[step_id for step_id, _ in held], [attempt for _, attempt in held], task_id],
        )
        row = locking.fetchone() or (TaskStatus.CANCELLED.value, 0)
        return str(row[0]), int(row[1]), {step_id for (step_id,) in looking.fetchall()}


def refusal(status: str, *, is_ours: bool, begins: bool, step_key: str, attempt: int) -> ShannonError | None:
    """Return why a step must not write, or None."""
    if not is_ours:
        return StepSuperseded(details={"step_key": step_key, "attempt": attempt})
    if begins and status == TaskStatus.PAUSED:
        return TaskPaused()
    if begins and status in TASK_TERMINAL:
        return TaskCancelled()
    return None


def _write(parts: Sequence[StepPart], task_id: UUID, *, tells: bool) -> Collection[int]:
    """Write the parts and their events; return the numbers of those that have to be written alone."""
    if not parts:
        return ()
    drafts: list[list[EventDraft]] = [list(part.untold) for part in parts]
    emits = [_emit(part, some) for part, some in zip(parts, drafts, strict=True)]
    alone = parts[0].what.write_with([part.what for part in parts[1:]], emits)
    if tells:
        told = [draft for number, some in enumerate(drafts) if number not in alone for draft in some]
        events_append(task_id=task_id, drafts=told)
    return alone


def _emit(part: StepPart, drafts: list[EventDraft]) -> Emit:
    def emit(kind: str, message: str = "", payload: Mapping[str, Any] | None = None) -> None:
        drafts.append(part.draft(kind, message, payload))

    return emit


WRITES: Final[Desk[WriteKey, StepPart, Proof]] = Desk(writes_commit, at_once=WRITES_AT_ONCE)
