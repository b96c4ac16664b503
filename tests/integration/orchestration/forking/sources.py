"""Tasks that are forked, and what their forks did."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agents.models import JournalEntry
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.forking import ForkEdits, ForkRequest, task_fork
from orchestration.models import Step, Task
from orchestration.services import task_submit
from orchestration.types import TaskRequest, TaskStatus
from policy.selectors import budget_states
from policy.types import BudgetRef, BudgetScope, Principal
from tests.integration.orchestration.playing import play

PARTS = "1. What is 17 * 3?\n2. What is 100 / 8?\n3. What is 2 + 5?"


def submitted(principal: Principal, query: str, mode: str) -> UUID:
    return task_submit(principal=principal, request=TaskRequest(query=query, mode=mode)).task.id


def ended(principal: Principal, query: str = PARTS, mode: str = "standard") -> Task:
    task = play(submitted(principal, query, mode))
    assert task.status == TaskStatus.COMPLETED, task.error
    return task


def fork(principal: Principal, source: Task, key: str, position: int | None = None, **edits: Any) -> Task:
    request = ForkRequest(from_step_key=key, from_position=position, edits=ForkEdits(**edits))
    return task_fork(principal=principal, task_id=source.id, request=request).task


def journal(task: Task, key: str) -> Sequence[JournalEntry]:
    step = Step.objects.get(task=task, key=key)
    return list(JournalEntry.objects.filter(step_id=step.id).order_by("position"))


def work(task_id: UUID, times: int = 3) -> None:
    """Let a worker do what can be done while nobody decides."""
    for _ in range(times):
        task_advance(task_id)
        drain(task_id, first=None)


def tool_position(task: Task, key: str) -> int:
    return next(entry.position for entry in journal(task, key) if entry.kind == "tool")


def spent_tokens(principal: Principal, scope: BudgetScope, scope_id: UUID) -> int:
    (state,) = budget_states(tenant_id=principal.tenant_id, refs=[BudgetRef(scope, scope_id)])
    assert state.reserved_tokens == 0
    return state.spent_tokens
