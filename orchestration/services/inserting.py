"""Inserting a task: one transaction makes the row, its budgets and its first events, then the doorbell is rung."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from agents.models import Session
from agents.services import conversation_add, message_append, session_open
from agents.types import ApprovalAsk, MessageRole
from orchestration.budget_options import TaskBudget
from orchestration.engine.advance import steps_ring
from orchestration.engine.approvals import approval_put
from orchestration.engine.beginning import Beginning
from orchestration.engine.dispatch import ring_advance
from orchestration.engine.slots import TakenSlots
from orchestration.events.write import EventDraft, events_append
from orchestration.idempotency import key_claim, request_digest
from orchestration.metrics import TASKS_SUBMITTED
from orchestration.models import IdempotencyRecord, Task
from orchestration.queueing import queue_admit, queue_sent
from orchestration.types import PRIORITY_RANK, EventKind, Priority, TaskStatus
from policy.services import budget_tighten, budgets_open
from policy.types import BudgetLimits, BudgetRef, BudgetScope, Principal
from shannon_project.foundation.database import pipelined_transaction
from shannon_project.foundation.failpoints import Seam, hit
from shannon_project.foundation.postgres.rows import Computed, row_insert
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
    begins: bool = False
    """Whether its first steps are made with it, where they are few: somebody waits for it."""


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
                principal=principal, endpoint=endpoint, key=idempotency_key, digest=digest, made=_made_task
            )
            if earlier is not None:
                task = Task.objects.select_related("session").get(id=earlier)
                return SubmittedTask(task=task, created=False)
        new.begin()
        queue = queue_sent(principal.tenant_id)
        session = session_open(principal=principal, session_id=session_id)
        task, beginning = _insert(principal, session, new)
        new.complete(task)
        if record is not None:
            IdempotencyRecord.objects.filter(id=record.id).update(task=task)
        taken = beginning.slots() if beginning is not None else None
        queue_admit(principal.tenant_id, queue)  # as the last one: its answer has come with others
        hit(Seam.SUBMIT_COMMIT)
    TASKS_SUBMITTED.labels(strategy=new.strategy).inc()
    _ring(task, taken)
    return SubmittedTask(task=task, created=True)


def _made_task(record: IdempotencyRecord) -> UUID | None:
    return record.task_id


def _ring(task: Task, taken: TakenSlots | None) -> None:
    """Tell workers of the steps that got slots, or a control worker of a task that has no steps yet."""
    hit(Seam.SUBMIT_RING)
    if taken is None:
        ring_advance(task.id, task.tenant_id, priority=task.priority)
    else:
        steps_ring(task.id, task.tenant_id, taken())
    hit(Seam.SUBMIT_ANSWER)


def _insert(principal: Principal, session: Session, new: NewTask) -> tuple[Task, Beginning | None]:
    """Insert the task and all that belongs to it; return what it begins with, if it begins now."""
    task = _task_of(principal, session, new)
    beginning = Beginning.of(task) if new.begins and new.ask is None else None
    if beginning is not None:
        task.status = TaskStatus.RUNNING
    row_insert(task, computed=_times(new, begins=beginning is not None))
    _budgets_open(task, new.budget, new.trigger)
    if new.conversation or new.system:
        conversation_add(session_id=session.id, turns=new.conversation, system=new.system)
    if new.mode not in {"tool", "fanout"}:
        message_append(session_id=session.id, task_id=task.id, role=MessageRole.USER, content=new.query)
    drafts = _told_of(task, new)
    if beginning is not None:
        beginning.insert()
        drafts += beginning.drafts
    events_append(task_id=task.id, drafts=drafts, has_readers=False)
    return task, beginning


def _task_of(principal: Principal, session: Session, new: NewTask) -> Task:
    return Task(
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
        schedule_id=new.trigger.schedule_id if new.trigger else None,
        traceparent=traceparent(),
    )


def _told_of(task: Task, new: NewTask) -> list[EventDraft]:
    """Return what is told of a new task; what a person is asked before is put down here."""
    payload: dict[str, Any] = {"strategy": new.strategy, "session_id": str(task.session_id), "route": dict(new.route)}
    if new.trigger:
        payload |= {"trigger_type": "schedule", "schedule_id": str(new.trigger.schedule_id)}
    drafts = [EventDraft(EventKind.WORKFLOW_STARTED, new.query[:500], payload), *new.told]
    if new.ask is not None:
        asked = approval_put(tenant_id=task.tenant_id, task_id=task.id, ask=new.ask)
        drafts += [asked] if asked else []
    return drafts


def _times(new: NewTask, *, begins: bool) -> Computed:
    """Return the times of a new task by the database's clock."""
    own_seconds = (new.trigger and new.trigger.timeout_seconds) or math.inf
    seconds = min(own_seconds, settings.SHANNON_TASK_DEADLINE_SECONDS)
    after = "statement_timestamp() + make_interval(secs => %s)"  # as the default of created_at
    times: Computed = {"deadline_at": (after, seconds), "doorbell_at": (after, 0)}
    return {**times, "started_at": (after, 0)} if begins else times


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
