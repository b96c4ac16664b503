"""Inserting a task: one transaction makes the row, its budgets and its first events, then the doorbell is rung."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from agents.models import Session
from agents.services import conversation_add, message_append, session_open
from agents.types import ApprovalAsk, MessageRole
from orchestration.budget_options import TaskBudget
from orchestration.engine.approvals import approval_put
from orchestration.engine.dispatch import ring_advance
from orchestration.events.write import EventDraft, events_append
from orchestration.idempotency import key_claim, request_digest
from orchestration.metrics import TASKS_SUBMITTED
from orchestration.models import IdempotencyRecord, Task
from orchestration.queueing import queue_admit
from orchestration.types import PRIORITY_RANK, EventKind, Priority, TaskStatus
from policy.services import budget_tighten, budgets_open
from policy.types import BudgetLimits, BudgetRef, BudgetScope, Principal
from shannon_project.foundation.database import pipelined_transaction, rows_unread
from shannon_project.foundation.failpoints import Seam, hit
from shannon_project.foundation.tracing import SpanKind, span, traceparent


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """A task and whether this call made it (False: the answer to an earlier call with the same key)."""

    task: Task
    created: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """What makes a task beside a request of its own, and the limits that this sets. None: the platform's."""

    schedule_id: UUID
    max_budget_usd: Decimal | None = None
    timeout_seconds: int | None = None
    begin: Callable[[], None] = lambda: None
    """See `NewTask.begin`; what it raises prevents the task."""
    complete: Callable[[Task], None] = lambda _task: None
    """See `NewTask.complete`."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """All that is decided about a task before it is inserted."""

    query: str
    mode: str
    strategy: str
    context: Mapping[str, Any]
    parameters: Mapping[str, Any]
    concurrency_limit: int
    budget: TaskBudget
    route: Mapping[str, Any]
    priority: int = PRIORITY_RANK[Priority.NORMAL]
    trigger: Trigger | None = None
    ask: ApprovalAsk | None = None
    """What a person is asked before the task begins."""
    told: Sequence[EventDraft] = ()
    """Events that follow the first one."""
    begin: Callable[[], None] = lambda: None
    """Takes the locks that come before a session's, as the first in the transaction that inserts the task."""
    complete: Callable[[Task], None] = lambda _task: None
    """Does in the same transaction what else belongs to the new task."""
    conversation: tuple[tuple[str, str], ...] = ()
    system: str = ""


def task_insert_once(
    *,
    principal: Principal,
    session_id: str | None,
    new: NewTask,
    endpoint: str,
    idempotency_key: str | None,
    body: Mapping[str, Any],
) -> SubmittedTask:
    """Insert the task unless the key has made one already."""
    with span("submit task", {"shannon.strategy": new.strategy}, kind=SpanKind.PRODUCER) as submitting:
        done = _insert_once(principal, session_id, new, (endpoint, idempotency_key), body)
        submitting.note({"shannon.task_id": str(done.task.id)})
    return done


def _insert_once(
    principal: Principal,
    session_id: str | None,
    new: NewTask,
    place: tuple[str, str | None],
    body: Mapping[str, Any],
) -> SubmittedTask:
    endpoint, idempotency_key = place
    digest = request_digest(body)
    with pipelined_transaction():
        record = None
        if idempotency_key:
            record, earlier = key_claim(
                principal=principal,
                endpoint=endpoint,
                key=idempotency_key,
                digest=digest,
                made=lambda record: record.task_id,
            )
            if earlier is not None:
                task = Task.objects.select_related("session").get(id=earlier)
                return SubmittedTask(task=task, created=False)
        new.begin()
        queue_admit(principal.tenant_id)
        session = session_open(principal=principal, session_id=session_id)
        task = _insert(principal, session, new)
        new.complete(task)
        if record is not None:
            IdempotencyRecord.objects.filter(id=record.id).update(task=task)
        hit(Seam.SUBMIT_COMMIT)
    TASKS_SUBMITTED.labels(strategy=new.strategy).inc()
    hit(Seam.SUBMIT_RING)
    ring_advance(task.id, task.tenant_id, priority=task.priority)
    hit(Seam.SUBMIT_ANSWER)
    return SubmittedTask(task=task, created=True)


def _insert(principal: Principal, session: Session, new: NewTask) -> Task:
    trigger = new.trigger
    seconds = min((trigger and trigger.timeout_seconds) or math.inf, settings.SHANNON_TASK_DEADLINE_SECONDS)
    with rows_unread():
        task = Task.objects.create(
            tenant_id=principal.tenant_id,
            session=session,
            principal=principal.as_json(),
            user_id=principal.user_id,
            query=new.query,
            context=dict(new.context),
            mode=new.mode,
            strategy=new.strategy,
            parameters=dict(new.parameters),
            status=TaskStatus.QUEUED,
            concurrency_limit=new.concurrency_limit,
            priority=new.priority,
            schedule_id=trigger.schedule_id if trigger else None,
            deadline_at=Now() + timedelta(seconds=seconds),
            doorbell_at=Now(),
            traceparent=traceparent(),
        )
    _budgets_open(task, new.budget, trigger)
    if new.conversation or new.system:
        conversation_add(session_id=session.id, turns=new.conversation, system=new.system)
    if new.mode not in {"tool", "fanout"}:
        message_append(session_id=session.id, task_id=task.id, role=MessageRole.USER, content=new.query)
    payload: dict[str, Any] = {"strategy": new.strategy, "session_id": str(session.id), "route": dict(new.route)}
    if trigger:
        payload |= {"trigger_type": "schedule", "schedule_id": str(trigger.schedule_id)}
    drafts = [EventDraft(EventKind.WORKFLOW_STARTED, new.query[:500], payload)]
    drafts += new.told
    if new.ask is not None:
        asked = approval_put(tenant_id=principal.tenant_id, task_id=task.id, ask=new.ask)
        drafts += [asked] if asked else []
    events_append(task_id=task.id, drafts=drafts)
    return task


def _budgets_open(task: Task, asked: TaskBudget, trigger: Trigger | None) -> None:
    """Open the budgets of a task and its session; of the platform's limits and those asked for the tighter hold."""
    opened = asked.opened(trigger.max_budget_usd if trigger else None)
    budgets_open(
        tenant_id=task.tenant_id,
        limits={
            BudgetRef(BudgetScope.TASK, task.id): opened.task,
            BudgetRef(BudgetScope.SESSION, task.session_id): opened.session,
        },
    )
    if asked.session != BudgetLimits():  # it may have been open
        budget_tighten(
            tenant_id=task.tenant_id, scope=BudgetScope.SESSION, scope_id=task.session_id, limits=asked.session
        )
