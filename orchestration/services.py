"""Writes of orchestration: submitting and cancelling tasks. Callers pass a principal; every write is its tenant's."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from agents.models import Session
from agents.selectors import roles_of
from agents.services import conversation_add, message_append, model_override_check, session_open
from agents.types import ApprovalAsk, MessageRole
from orchestration.budget_options import TaskBudget
from orchestration.choosing import degraded, reviewable, strategy_choose
from orchestration.degrading import degradation_event, means_of
from orchestration.engine.approvals import approval_put
from orchestration.engine.dispatch import ring_advance
from orchestration.errors import IdempotencyMismatch
from orchestration.events.write import EventDraft, events_append
from orchestration.limits import json_check, query_check
from orchestration.metrics import TASKS_SUBMITTED
from orchestration.models import IdempotencyRecord, Task
from orchestration.options import approval_options, context_check, mode_check, model_check, review_options
from orchestration.parameters import parameters_of
from orchestration.permits import submit_permit
from orchestration.queueing import queue_admit
from orchestration.skills import skill_apply
from orchestration.types import PRIORITY_RANK, EventKind, Priority, TaskRequest, TaskStatus
from orchestration.wishes import wishes_of
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


def task_submit(
    *,
    principal: Principal,
    request: TaskRequest,
    idempotency_key: str | None = None,
    trigger: Trigger | None = None,
) -> SubmittedTask:
    """Accept a task: one transaction makes the row and its first event, then the doorbell is rung.

    The committed row is the outbox: ringing may fail without losing anything.

    Args:
        principal: Who asks; needs `task.submit` by policy.
        request: What is asked.
        idempotency_key: The same key and body give the first answer again.
        trigger: The schedule whose run it is; None: a request of its own.

    Raises:
        InvalidInput: The request is not valid (the caller's fault).
        UnsupportedOption: It asks for something that is not available here (the caller's fault).
        PolicyDenied: The tenant's policy forbids it.
        SessionNotFound: The session is not the tenant's.
        IdempotencyMismatch: The key was used with another body.
        QueueFull: The tenant has too many open tasks; nothing was accepted.
    """
    query_check(request)
    mode_check(request.mode)
    model_check(request)
    body = asdict(request)
    request, skill = skill_apply(principal=principal, request=request)
    if request.model_override:
        model_override_check(tenant_id=principal.tenant_id, override=request.model_override)
    budget = context_check(request.context)
    wanted_by_context, timeout_seconds = approval_options(request.context)
    roles = roles_of(principal.tenant_id)
    wishes = wishes_of(request, roles=roles)
    choice = strategy_choose(request.query, wishes, tenant_id=principal.tenant_id)
    review = review_options(request.context)
    if review is None:
        opened = budget.opened(trigger.max_budget_usd if trigger else None)
        choice = degraded(choice, means_of(principal, request, opened, choice, model_tier=wishes.model_tier))
    else:
        choice = reviewable(choice, request.query, wishes, tenant_id=principal.tenant_id)
    decision, ask = submit_permit(
        principal=principal,
        resource={
            "strategy": choice.strategy,
            "query_chars": len(request.query),
            "mode": wishes.mode,
            "priority": request.priority,
        },
        query=request.query,
        is_wanted=request.require_approval or wanted_by_context,
        timeout_seconds=timeout_seconds,
    )
    wanted = wishes.max_concurrent_agents or settings.SHANNON_TASK_DEFAULT_CONCURRENCY
    granted = int(decision.obligations.get("max_concurrent_agents", settings.SHANNON_TASK_MAX_CONCURRENCY))
    new = NewTask(
        query=request.query,
        mode=wishes.mode,
        strategy=choice.strategy,
        context=request.context,
        parameters=parameters_of(principal, request, wishes, choice, budget, roles=roles)
        | ({} if review is None else {"review": review})
        | ({} if skill is None else {"skill": skill}),
        concurrency_limit=max(1, min(wanted, granted, settings.SHANNON_TASK_MAX_CONCURRENCY)),
        budget=budget,
        ask=ask,
        route=choice.route,
        told=[degradation_event(item) for item in choice.degradations],
        conversation=request.conversation,
        system=request.system,
        priority=PRIORITY_RANK[request.priority],
        trigger=trigger,
        begin=trigger.begin if trigger else lambda: None,
        complete=trigger.complete if trigger else lambda _task: None,
    )
    return task_insert_once(
        principal=principal,
        session_id=request.session_id,
        new=new,
        endpoint="tasks" if trigger is None else "schedule-runs",
        idempotency_key=idempotency_key,
        body=body,
    )


def tool_execute(
    *,
    principal: Principal,
    name: str,
    arguments: Mapping[str, Any],
    session_id: str | None,
    idempotency_key: str | None = None,
) -> SubmittedTask:
    """Accept one tool call as a task of one step, so that it is authorised, paid and recorded like any other.

    Raises:
        InvalidInput: The arguments are not fit to be stored.
        PolicyDenied: The tenant's policy forbids submitting.
        SessionNotFound: The session is not the tenant's.
    """
    parameters = {"tool": name, "arguments": dict(arguments)}
    json_check("arguments", parameters)
    query = f"Call the tool {name}"
    resource = {"strategy": "tool", "query_chars": 0, "mode": "tool"}
    _, ask = submit_permit(principal=principal, resource=resource, query=query)
    new = NewTask(
        query=query,
        ask=ask,
        mode="tool",
        strategy="tool",
        context={},
        parameters=parameters,
        concurrency_limit=1,
        budget=TaskBudget(),
        route={"score": 0.0, "reasons": ["a direct tool call"], "asked_mode": "tool"},
    )
    return task_insert_once(
        principal=principal,
        session_id=session_id,
        new=new,
        endpoint="tools",
        idempotency_key=idempotency_key,
        body={**parameters, "session_id": session_id},
    )


def fanout_submit(
    *,
    principal: Principal,
    width: int,
    concurrency_limit: int,
    instruction: str = "",
    output_bytes: int = 0,
    join: bool = False,
) -> Task:
    """Submit a fan-out: what benchmarks measure the engine with.

    Args:
        principal: Who pays.
        width: Number of steps.
        concurrency_limit: How many of them at once.
        instruction: What each step, then an agent, is asked; empty: steps do nothing.
        output_bytes: Size of the text that each step returns which does nothing.
        join: Whether a synthesis reads all results.
    """
    parameters = {"width": width, "instruction": instruction, "output_bytes": output_bytes, "join": join}
    new = NewTask(
        query=f"{width} steps",
        mode="fanout",
        strategy="fanout",
        context={},
        parameters={"tools": [], "model_tier": None, "model_override": None, **parameters},
        concurrency_limit=concurrency_limit,
        budget=TaskBudget(),
        route={},
    )
    return task_insert_once(
        principal=principal, session_id=None, new=new, endpoint="fanout", idempotency_key=None, body={}
    ).task


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
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    with pipelined_transaction():
        record = None
        if idempotency_key:
            record, is_first = _record_claim(principal, endpoint, idempotency_key, digest)
            if not is_first:
                return _earlier_answer(record, digest)
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


def _record_claim(principal: Principal, endpoint: str, key: str, digest: str) -> tuple[IdempotencyRecord, bool]:
    """Insert the key's record; a concurrent request with the same key waits here for the first one's commit."""
    return IdempotencyRecord.objects.get_or_create(
        tenant_id=principal.tenant_id, endpoint=endpoint, key=key, defaults={"request_digest": digest}
    )


def _earlier_answer(record: IdempotencyRecord, digest: str) -> SubmittedTask:
    if record.request_digest != digest or record.task_id is None:
        raise IdempotencyMismatch(details={"idempotency_key": record.key})
    return SubmittedTask(task=Task.objects.select_related("session").get(id=record.task_id), created=False)


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


__all__ = [
    "NewTask",
    "SubmittedTask",
    "Trigger",
    "fanout_submit",
    "task_insert_once",
    "task_submit",
    "tool_execute",
]
