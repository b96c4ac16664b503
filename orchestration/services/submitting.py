"""Submitting a request: what it asks for is checked, permitted and chosen, and becomes a task."""

from dataclasses import asdict, replace
from functools import partial

from django.conf import settings

from agents.selectors import roles_of, session_id_for
from agents.services import model_override_check, workspace_has_files
from agents.types import ApprovalAsk
from orchestration.choosing import Choice, degraded, reviewable, strategy_choose
from orchestration.degrading import degradation_event, means_of
from orchestration.limits import query_check
from orchestration.options import approval_options, context_check, request_checked, review_options
from orchestration.parameters import parameters_of
from orchestration.permits import submit_permit
from orchestration.services.inserting import NewTask, SubmittedTask, Trigger, task_insert_once
from orchestration.skills import skill_apply
from orchestration.types import PRIORITY_RANK, TaskRequest
from orchestration.wishes import Wishes, wishes_of
from policy.types import Principal


def task_submit(
    *,
    principal: Principal,
    request: TaskRequest,
    idempotency_key: str | None = None,
    trigger: Trigger | None = None,
    begins: bool = False,
) -> SubmittedTask:
    """Accept a task: one transaction makes the row and its first event, then the doorbell is rung.

    The committed row is the outbox: ringing may fail without losing anything.

    Args:
        principal: Who asks; needs `task.submit` by policy.
        request: What is asked.
        idempotency_key: The same key and body give the first answer again.
        trigger: The schedule whose run it is; None: a request of its own.
        begins: Whether its first steps are made in the same transaction: somebody waits for it.

    Raises:
        InvalidInput: The request is not valid (the caller's fault).
        UnsupportedOption: It asks for something that is not available here (the caller's fault).
        PolicyDenied: The tenant's policy forbids it.
        SessionNotFound: The session is not the tenant's.
        IdempotencyMismatch: The key was used with another body.
        QueueFull: The tenant has too many open tasks; nothing was accepted.
    """
    query_check(request)
    wanted = request_checked(request)
    return task_insert_once(
        principal=principal,
        session_id=request.session_id,
        new=replace(_new_task(principal, wanted, trigger), begins=begins),
        endpoint="tasks" if trigger is None else "schedule-runs",
        idempotency_key=idempotency_key,
        body=asdict(request),
    )


def _new_task(principal: Principal, request: TaskRequest, trigger: Trigger | None) -> NewTask:
    """Decide all that is to be decided about a task."""
    request, skill = skill_apply(principal=principal, request=request)
    if request.model_override:
        model_override_check(tenant_id=principal.tenant_id, override=request.model_override)
    budget, review = context_check(request.context), review_options(request.context)
    roles = roles_of(principal.tenant_id)
    wishes = wishes_of(request, roles=roles)
    has_files = partial(_has_files, principal, request.session_id)
    choice = strategy_choose(request.query, wishes, tenant_id=principal.tenant_id, has_files=has_files)
    if review is None:
        opened = budget.opened(trigger.max_budget_usd if trigger else None)
        choice = degraded(choice, means_of(principal, request, opened, choice, model_tier=wishes.model_tier))
    else:
        choice = reviewable(choice, request.query, wishes, tenant_id=principal.tenant_id)
    concurrency_limit, ask = _permit(principal, request, wishes, choice)
    return NewTask(
        query=request.query,
        mode=wishes.mode,
        strategy=choice.strategy,
        context=request.context,
        parameters=parameters_of(principal, request, wishes, choice, budget, roles=roles)
        | ({} if review is None else {"review": review})
        | ({} if skill is None else {"skill": skill}),
        concurrency_limit=concurrency_limit,
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


def _has_files(principal: Principal, session_id: str | None) -> bool:
    """Return whether the session that a request names has files."""
    known = session_id_for(principal=principal, session_id=session_id) if session_id else None
    return known is not None and workspace_has_files(tenant_id=principal.tenant_id, session_id=known)


def _permit(
    principal: Principal, request: TaskRequest, wishes: Wishes, choice: Choice
) -> tuple[int, ApprovalAsk | None]:
    """Return how many steps may run at once, and what a person is asked before.

    Raises:
        PolicyDenied: The tenant's policy forbids it.
    """
    wanted_by_context, timeout_seconds = approval_options(request.context)
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
    return max(1, min(wanted, granted, settings.SHANNON_TASK_MAX_CONCURRENCY)), ask
