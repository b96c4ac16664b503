"""What is done after a task has ended, off its way: its answer is remembered, its outcome is learned from.

A flag on the task says that it is due, set in the transaction of its end and taken off in the transaction of the work:
so neither is lost when a process dies, and neither counts twice.
"""

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db import transaction

from agents.services import MemoryNote, answers_remember
from orchestration.engine.dispatch import ring_aftermath
from orchestration.learning import Outcome, outcomes_add
from orchestration.models import Task
from orchestration.strategies import OFFERED, outcome_score, route
from orchestration.types import TaskStatus

BATCH: Final = 100
KNOWN: Final = frozenset(OFFERED)
_OF_MEMORY: Final = ("tenant_id", "session_id", "status", "query", "result")
_OF_OUTCOMES: Final = ("strategy", "result_metadata", "error", "forked_from_id", "prompt_tokens", "completion_tokens")
_COLUMNS: Final = (*_OF_MEMORY, *_OF_OUTCOMES, "cost_usd", "created_at", "started_at", "completed_at")


def aftermath_ring() -> bool:
    """Ring for a worker if something is due; returns whether. One query by a partial index, which is nearly empty."""
    if not Task.objects.filter(aftermath_due=True).exists():
        return False
    return ring_aftermath()


def aftermath_work() -> int:
    """Remember and learn from what is due, one batch; returns how many tasks it was. Two workers share the work."""
    with transaction.atomic():
        due = Task.objects.select_for_update(skip_locked=True, no_key=True).filter(aftermath_due=True)
        tasks = list(due.only(*_COLUMNS).order_by("completed_at")[:BATCH])
        if not tasks:
            return 0
        answers_remember([_note(task) for task in tasks if task.status == TaskStatus.COMPLETED and task.result])
        if settings.SHANNON_ROUTER_LEARNS:
            outcomes_add(_outcomes(tasks))
        Task.objects.filter(id__in=[task.id for task in tasks]).update(aftermath_due=False)
    return len(tasks)


def _note(task: Task) -> MemoryNote:
    return MemoryNote(
        tenant_id=task.tenant_id,
        session_id=task.session_id,
        task_id=task.id,
        query=task.query,
        answer=task.result or "",
    )


def _outcomes(tasks: Sequence[Task]) -> list[Outcome]:
    """Return what can be learned from the tasks; a fork repeats parts that were paid before, so it says nothing."""
    outcomes = []
    for task in tasks:
        strategy = str(task.result_metadata.get("routed_to") or task.strategy)
        completed = task.status == TaskStatus.COMPLETED
        score = outcome_score(completed=completed, metadata=task.result_metadata, error=task.error)
        if score is None or strategy not in OFFERED or task.forked_from_id or task.completed_at is None:
            continue
        began_at = task.started_at or task.created_at
        outcomes.append(
            Outcome(
                tenant_id=task.tenant_id,
                cluster=route(task.query, KNOWN).cluster,
                strategy=strategy,
                score=score,
                tokens=task.prompt_tokens + task.completion_tokens,
                cost_usd=task.cost_usd,
                seconds=(task.completed_at - began_at).total_seconds(),
            )
        )
    return outcomes
