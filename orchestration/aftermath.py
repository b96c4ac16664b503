"""What is done after a task has ended, off its way: its answer is remembered, its outcome is learned from.

A flag on the task says that it is due, set in the transaction of its end and taken off in the transaction of the work:
so neither is lost when a process dies, and neither counts twice.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from agents.services import MemoryNote, memories_of, memories_write
from orchestration.engine.dispatch import ring_aftermath
from orchestration.learning import Outcome, outcomes_add
from orchestration.models import Task
from orchestration.strategies import OFFERED, outcome_score, route
from orchestration.types import TaskStatus
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)

BATCH: Final = 100
_FOR_GOOD: Final = (ShannonError, DataError, IntegrityError, ArithmeticError, LookupError, TypeError, ValueError)
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
    """Remember and learn from what is due, one batch; returns how many tasks it was.

    A task whose answer cannot be remembered is left out and told in the log: it must not hold up all the others.
    """
    due = Task.objects.filter(aftermath_due=True).only(*_COLUMNS)
    tasks = list(due.order_by("completed_at")[:BATCH])
    if not tasks:
        return 0
    try:
        return _work(tasks)
    except _FOR_GOOD as error:
        log.warning("aftermath_apart", tasks=len(tasks), reason=repr(error)[:200])
    return sum(_work_alone(task) for task in tasks)


def _work(tasks: Sequence[Task]) -> int:
    """Do the work of tasks; one that another worker does just now is left to it. No row is locked while it embeds."""
    memories = memories_of([_note(task) for task in tasks if task.status == TaskStatus.COMPLETED and task.result])
    with transaction.atomic():
        still_due = Task.objects.select_for_update(skip_locked=True, no_key=True).filter(aftermath_due=True)
        ours = set(still_due.filter(id__in=[task.id for task in tasks]).values_list("id", flat=True))
        memories_write([memory for memory in memories if memory.task_id in ours])
        if settings.SHANNON_ROUTER_LEARNS:
            outcomes_add(_outcomes([task for task in tasks if task.id in ours]))
        Task.objects.filter(id__in=ours).update(aftermath_due=False)
    return len(ours)


def _work_alone(task: Task) -> int:
    try:
        return _work([task])
    except _FOR_GOOD:
        log.exception("aftermath_given_up", task_id=str(task.id))
        return Task.objects.filter(id=task.id, aftermath_due=True).update(aftermath_due=False)


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
