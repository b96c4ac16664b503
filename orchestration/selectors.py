"""Reads of orchestration. Whatever leaves is filtered by the principal's tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, DecimalField, F, Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from orchestration.errors import TaskNotFound
from orchestration.events.reading import Opening, opening_read
from orchestration.models import Approval, Event, IdempotencyRecord, Step, Task
from orchestration.types import ApprovalStatus, TaskStatus
from policy.types import Principal

HIDDEN_MODES = ("tool", "fanout")  # direct calls and benchmarks: recorded, reachable by id, not part of the list


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What a session's tasks add up to."""

    task_count: int = 0
    successful_tasks: int = 0
    failed_tasks: int = 0
    total_tokens: int = 0
    total_cost_usd: Decimal = Decimal(0)
    last_activity_at: datetime | None = None
    latest_query: str = ""
    latest_status: str = ""
    first_mode: str = ""


def task_for(*, principal: Principal, task_id: UUID) -> Task:
    """Return a task of the principal's tenant, with its session.

    Raises:
        TaskNotFound: There is none.
    """
    task = Task.objects.select_related("session").filter(id=task_id, tenant_id=principal.tenant_id).first()
    if task is None:
        raise TaskNotFound(details={"task_id": str(task_id)})
    return task


def task_opening(*, principal: Principal, task_id: UUID, after_seq: int) -> Opening:
    """Return a task of the principal's tenant and its first events after a number. One query.

    Raises:
        TaskNotFound: There is none.
    """
    opening = opening_read(tenant_id=principal.tenant_id, task_id=task_id, after_seq=after_seq)
    if opening is None:
        raise TaskNotFound(details={"task_id": str(task_id)})
    return opening


def has_later_task(task: Task) -> bool:
    """Tell whether something was asked in a task's session after it."""
    return Task.objects.filter(session_id=task.session_id, id__gt=task.id).exists()


def is_key_known(*, principal: Principal, idempotency_key: str) -> bool:
    """Tell whether a task was submitted under this key."""
    known = IdempotencyRecord.objects.filter(tenant_id=principal.tenant_id, endpoint="tasks", key=idempotency_key)
    return known.exists()


def tasks_page(
    *,
    principal: Principal,
    limit: int,
    offset: int,
    status: str | None = None,
    session_id: UUID | None = None,
) -> tuple[list[Task], int]:
    """Return one page of the tenant's tasks, newest first, and how many there are; two queries."""
    rows = _listed(principal)
    if status:
        rows = rows.filter(status=status)
    if session_id:
        rows = rows.filter(session_id=session_id)
    return list(rows.select_related("session").order_by("-created_at", "-id")[offset : offset + limit]), rows.count()


def _listed(principal: Principal) -> "QuerySet[Task]":
    return Task.objects.filter(tenant_id=principal.tenant_id).exclude(mode__in=HIDDEN_MODES)


def approvals_page(
    *, principal: Principal, status: str, workflow_id: UUID | None, limit: int, offset: int
) -> tuple[list[Approval], int]:
    """Return one page of the tenant's questions to people, newest first, and how many there are; two queries."""
    rows = Approval.objects.filter(tenant_id=principal.tenant_id, status=status)
    if workflow_id is not None:
        rows = rows.filter(task_id=workflow_id)
    return list(rows.select_related("step").order_by("-created_at", "-id")[offset : offset + limit]), rows.count()


def approvals_pending(*, task_id: UUID) -> list[Approval]:
    """Return what a task waits for, oldest first. The caller has checked whose task it is."""
    rows = Approval.objects.filter(task_id=task_id, status=ApprovalStatus.PENDING)
    return list(rows.select_related("step").order_by("created_at", "id"))


def events_after(*, task_id: UUID, seq: int, limit: int) -> list[Event]:
    """Return a task's events after a number, in order. The caller has checked whose task it is."""
    return list(Event.objects.filter(task_id=task_id, seq__gt=seq).order_by("seq")[:limit])


def steps_of(*, task_id: UUID) -> list[Step]:
    """Return a task's steps in the order in which they were made."""
    return list(Step.objects.filter(task_id=task_id).order_by("position"))


def step_counts(*, task_id: UUID) -> dict[str, int]:
    """Return how many steps the task has in each status; one query."""
    rows = Step.objects.filter(task_id=task_id).values_list("status").annotate(count=Count("id"))
    return dict(rows)


def forks_of(*, task_id: UUID) -> list[UUID]:
    """Return the ids of the tasks that were forked from this one, oldest first; at most 100."""
    return list(Task.objects.filter(forked_from_id=task_id).order_by("id").values_list("id", flat=True)[:100])


def session_stats(*, session_ids: Sequence[UUID]) -> dict[UUID, SessionStats]:
    """Return the sums of several sessions at once; three queries, however many sessions."""
    rows = Task.objects.filter(session_id__in=session_ids).exclude(mode__in=HIDDEN_MODES)
    sums = rows.values("session_id").annotate(
        tasks=Count("id"),
        good=Count("id", filter=Q(status=TaskStatus.COMPLETED)),
        bad=Count("id", filter=Q(status__in=[TaskStatus.FAILED, TaskStatus.TIMEOUT])),
        tokens=Sum(F("prompt_tokens") + F("completion_tokens")),
        cost=Coalesce(Sum("cost_usd"), Decimal(0), output_field=DecimalField()),
        last=Max("updated_at"),
    )
    latest = {row.session_id: row for row in rows.order_by("session_id", "-created_at").distinct("session_id")}
    first = {row.session_id: row for row in rows.order_by("session_id", "created_at").distinct("session_id")}
    return {
        row["session_id"]: SessionStats(
            task_count=row["tasks"],
            successful_tasks=row["good"],
            failed_tasks=row["bad"],
            total_tokens=row["tokens"] or 0,
            total_cost_usd=row["cost"],
            last_activity_at=row["last"],
            latest_query=latest[row["session_id"]].query,
            latest_status=latest[row["session_id"]].status,
            first_mode=first[row["session_id"]].mode,
        )
        for row in sums
    }


def session_tasks(*, session_id: UUID, limit: int, offset: int = 0) -> tuple[list[Task], int]:
    """Return a session's tasks, oldest first, and how many there are. The caller has checked whose session it is."""
    rows = Task.objects.filter(session_id=session_id).exclude(mode__in=HIDDEN_MODES)
    return list(rows.order_by("created_at", "id")[offset : offset + limit]), rows.count()


def events_of_tasks(*, task_ids: Sequence[UUID], limit_per_task: int) -> dict[UUID, list[Event]]:
    """Return the first events of several tasks in one query, in order."""
    found: dict[UUID, list[Event]] = {task_id: [] for task_id in task_ids}
    for event in Event.objects.filter(task_id__in=task_ids, seq__lte=limit_per_task).order_by("task_id", "seq"):
        found[event.task_id].append(event)
    return found
