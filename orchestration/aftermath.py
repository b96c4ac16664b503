"""What is done after a task has ended, off its way: its answer is remembered, its outcome is learned from.

A flag on the task says that it is due, set in the transaction of its end and taken off in the transaction of the work:
so neither is lost when a process dies, and neither counts twice.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from agents.services import MemoryNote, memories_of, memories_write
from orchestration.engine.dispatch import ring_aftermath
from orchestration.feedback import memories_follow
from orchestration.learning import Learned, Outcome, outcome_of, outcomes_add
from orchestration.models import Task
from orchestration.types import TaskStatus
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)

BATCH: Final = 100
_FOR_GOOD: Final = (ShannonError, DataError, IntegrityError, ArithmeticError, LookupError, TypeError, ValueError)
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
        said = still_due.filter(id__in=[task.id for task in tasks]).values_list("id", "feedback_score")
        ours: dict[UUID, float | None] = dict(said)  # as it is now that nobody can say anything else
        memories_write([memory for memory in memories if memory.task_id in ours])
        if judged := [task_id for task_id, score in ours.items() if score is not None]:
            memories_follow(judged)
        _done(ours, _learn(tasks, ours) if settings.SHANNON_ROUTER_LEARNS else {})
    return len(ours)


def _learn(tasks: Sequence[Task], scores: Mapping[UUID, float | None]) -> dict[UUID, Learned]:
    """Add what tasks teach, with what people say of them; returns what is to be kept with each. One statement."""
    outcomes: dict[UUID, Outcome] = {}
    for task in tasks:
        if task.id in scores:
            task.feedback_score = scores[task.id]
            if (outcome := outcome_of(task)) is not None:
                outcomes[task.id] = outcome
    outcomes_add(outcomes.values())
    return {task_id: outcome.learned for task_id, outcome in outcomes.items()}


def _done(task_ids: Collection[UUID], learned: Mapping[UUID, Learned]) -> None:
    """Take the flags off and keep what was learned. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_task t SET aftermath_due = false, learned = COALESCE(v.learned, t.learned)"
            " FROM unnest(%s::uuid[], %s::jsonb[]) AS v(id, learned) WHERE t.id = v.id",
            [
                list(task_ids),
                [json.dumps(learned[task_id].as_json()) if task_id in learned else None for task_id in task_ids],
            ],
        )


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
