"""Reads that sum up: what a session's tasks came to, and how far a task's steps are. Asked in sets, never per row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Max, Q, Sum

from agents.models import Session
from agents.selectors import session_for, sessions_page
from orchestration.models import Event, Step, Task
from orchestration.types import STEP_TERMINAL, TASK_TERMINAL, TaskStatus
from policy.selectors import budget_states
from policy.types import BudgetRef, BudgetScope, Principal


@dataclass(frozen=True, slots=True)
class StepCounts:
    """How many steps of a task are in which status."""

    by_status: Mapping[str, int]

    @property
    def total(self) -> int:
        """All steps that are known so far."""
        return sum(self.by_status.values())

    @property
    def ended(self) -> int:
        """Steps that will not change any more."""
        return sum(count for status, count in self.by_status.items() if status in STEP_TERMINAL)


@dataclass(frozen=True, slots=True)
class SessionOverview:
    """A session and the sums of its tasks. `token_budget` is None when the session has no limit in tokens."""

    session: Session
    task_count: int
    open_tasks: int
    successful_tasks: int
    failed_tasks: int
    tokens_used: int
    cost_usd: Decimal
    last_activity_at: datetime
    token_budget: int | None
    latest_task_query: str | None
    latest_task_status: str | None
    first_task_mode: str | None

    @property
    def is_active(self) -> bool:
        """Whether a task of the session is still open."""
        return self.open_tasks > 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A task as one turn of its session, with its first events."""

    number: int
    task: Task
    events: Sequence[Event]


def step_counts(*, task_id: UUID) -> StepCounts:
    """Return the task's steps, counted by status. One query."""
    rows = Step.objects.filter(task_id=task_id).values_list("status").annotate(count=Count("id")).order_by("status")
    return StepCounts(by_status=dict(rows))


def session_overview(*, principal: Principal, session_id: str) -> SessionOverview:
    """Return one session with its sums.

    Raises:
        SessionNotFound: There is no such session of the tenant.
    """
    session = session_for(principal=principal, session_id=session_id)
    return _overviews(principal, [session])[0]


def session_overviews(*, principal: Principal, limit: int, offset: int) -> tuple[list[SessionOverview], int]:
    """Return sessions of the tenant with their sums, newest first, and how many sessions there are in all."""
    sessions, total = sessions_page(principal=principal, limit=limit, offset=offset)
    return _overviews(principal, sessions), total


def session_history(*, session_id: UUID, limit: int, offset: int) -> tuple[list[Task], int]:
    """Return the session's tasks, oldest first, and how many there are in all.

    Args:
        session_id: A session that the reader may see.
        limit: At most so many, counted from the newest.
        offset: Leave out so many of the newest.
    """
    tasks = Task.objects.filter(session_id=session_id)
    newest = tasks.order_by("-created_at", "-id")[offset : offset + limit]
    return list(reversed(newest)), tasks.count()


def session_turns(*, session_id: UUID, limit: int, offset: int) -> tuple[list[Turn], int]:
    """Return the session's tasks from its beginning, each with its first events, and how many there are in all."""
    tasks = Task.objects.filter(session_id=session_id)
    page = list(tasks.order_by("created_at", "id")[offset : offset + limit])
    events: dict[UUID, list[Event]] = {task.id: [] for task in page}
    bound = settings.SHANNON_EVENTS_PAGE_MAX
    for event in Event.objects.filter(task_id__in=list(events), seq__lte=bound).order_by("task_id", "seq"):
        events[event.task_id].append(event)
    turns = [Turn(number=offset + n, task=task, events=events[task.id]) for n, task in enumerate(page, start=1)]
    return turns, tasks.count()


def _overviews(principal: Principal, sessions: Sequence[Session]) -> list[SessionOverview]:
    """Add the sums to some sessions, in four queries."""
    ids = [session.id for session in sessions]
    sums = _task_sums(ids)
    ends = _first_and_latest(ids)
    refs = [BudgetRef(BudgetScope.SESSION, session_id) for session_id in ids]
    budgets = {state.scope_id: state for state in budget_states(tenant_id=principal.tenant_id, refs=refs)}
    return [
        _overview(session, sums.get(session.id, {}), *ends.get(session.id, (None, None)), budgets.get(session.id))
        for session in sessions
    ]


def _overview(
    session: Session, sums: Mapping[str, Any], first: Task | None, latest: Task | None, budget: Any
) -> SessionOverview:
    return SessionOverview(
        session=session,
        task_count=sums.get("task_count", 0),
        open_tasks=sums.get("open_tasks", 0),
        successful_tasks=sums.get("successful_tasks", 0),
        failed_tasks=sums.get("failed_tasks", 0),
        tokens_used=sums.get("tokens_used", 0),
        cost_usd=sums.get("cost", Decimal(0)),
        last_activity_at=sums.get("last_activity_at", session.updated_at),
        token_budget=budget.limit_tokens if budget else None,
        latest_task_query=latest.query if latest else None,
        latest_task_status=latest.status if latest else None,
        first_task_mode=(first.mode or first.strategy) if first else None,
    )


def _task_sums(session_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    ended_badly = TASK_TERMINAL - {TaskStatus.COMPLETED}
    rows = (
        Task.objects.filter(session_id__in=session_ids)
        .values("session_id")
        .annotate(
            task_count=Count("id"),
            open_tasks=Count("id", filter=~Q(status__in=TASK_TERMINAL)),
            successful_tasks=Count("id", filter=Q(status=TaskStatus.COMPLETED)),
            failed_tasks=Count("id", filter=Q(status__in=ended_badly)),
            tokens_used=Sum(F("prompt_tokens") + F("completion_tokens")),
            cost=Sum("cost_usd"),
            last_activity_at=Max("updated_at"),
        )
        .order_by()
    )
    return {row["session_id"]: dict(row) for row in rows}


def _first_and_latest(session_ids: Sequence[UUID]) -> dict[UUID, tuple[Task, Task]]:
    tasks = Task.objects.filter(session_id__in=session_ids).distinct("session_id")
    tasks = tasks.only("session_id", "query", "status", "mode", "strategy")
    first = {task.session_id: task for task in tasks.order_by("session_id", "created_at", "id")}
    latest = {task.session_id: task for task in tasks.order_by("session_id", "-created_at", "-id")}
    return {session_id: (first[session_id], latest[session_id]) for session_id in first}
