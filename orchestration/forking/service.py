"""Forking: a new task that takes over what another one did before a step, and goes on from there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from agents.services import journal_outline, model_override_check
from orchestration.forking.consequences import steps_made_without
from orchestration.forking.edits import ForkEdits, edits_check, journal_cut
from orchestration.forking.rows import ForkPlan, fork_write, source_lock
from orchestration.forking.selection import beginnings, select
from orchestration.limits import json_check, query_check
from orchestration.models import Task
from orchestration.options import approval_options, context_check, model_check
from orchestration.permits import submit_permit
from orchestration.selectors import steps_of, task_for
from orchestration.services import NewTask, SubmittedTask, task_insert_once
from orchestration.types import StepKind, TaskRequest
from policy.types import Principal


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """Where a fork begins: at a step, or at a position of that step's journal; and what it changes."""

    from_step_key: str
    from_position: int | None = None
    edits: ForkEdits = field(default_factory=ForkEdits)


def task_fork(
    *, principal: Principal, task_id: UUID, request: ForkRequest, idempotency_key: str | None = None
) -> SubmittedTask:
    """Make a task out of another one of the tenant: what lies before the fork is copied and not paid again.

    Finished steps that neither depend on the fork step nor were made because of what it came to are taken over with
    their outputs. The fork step is run against the copied beginning of its journal, so that no call before
    `from_position` is made again. A source may still run: what it has not finished is done by both.

    Args:
        principal: Who asks; needs `task.submit` by policy. The fork acts in this name.
        task_id: The source.
        request: Where to begin, and what to change.
        idempotency_key: The same key and request give the first answer again.

    Raises:
        TaskNotFound: The source is not the tenant's.
        InvalidInput: The step, the position or an edit does not fit the source (the caller's fault).
        PolicyDenied: The tenant's policy forbids it.
        IdempotencyMismatch: The key was used for another fork.
    """
    source = task_for(principal=principal, task_id=task_id)
    plan = _plan(source, request)
    query = source.query if request.edits.query is None else request.edits.query
    is_wanted, timeout_seconds = approval_options(source.context)
    decision, ask = submit_permit(
        principal=principal,
        resource={"strategy": source.strategy, "query_chars": len(query), "mode": source.mode},
        query=query,
        is_wanted=is_wanted,
        timeout_seconds=timeout_seconds,
    )
    granted = int(decision.obligations.get("max_concurrent_agents", source.concurrency_limit))
    new = NewTask(
        query=query,
        mode=source.mode,
        strategy=source.strategy,
        context=source.context,
        parameters=_parameters(source, request.edits),
        concurrency_limit=max(1, min(source.concurrency_limit, granted)),
        budget=context_check(source.context),
        priority=source.priority,
        route={"score": 0.0, "reasons": [f"a fork of {source.id}"], "asked_mode": source.mode},
        ask=ask,
        begin=lambda: source_lock(plan),
        complete=lambda task: fork_write(task, plan, is_held=ask is not None),
    )
    return task_insert_once(
        principal=principal,
        session_id=str(source.session_id),
        new=new,
        endpoint="forks",
        idempotency_key=idempotency_key,
        body={"task_id": str(task_id), **asdict(request)},
    )


def _plan(source: Task, request: ForkRequest) -> ForkPlan:
    """Check the request against the source and decide what is copied."""
    edits = request.edits
    asked = TaskRequest(
        query=source.query if edits.query is None else edits.query,
        model_tier=edits.model_tier,
        model_override=edits.model_override,
    )
    query_check(asked)
    model_check(asked)
    if asked.model_override:
        model_override_check(tenant_id=source.tenant_id, override=asked.model_override)
    json_check("edits", asdict(edits))
    made_without = partial(steps_made_without, source)
    selection = select(steps_of(task_id=source.id), request.from_step_key, made_without)
    beginnings(selection)
    edits_check(edits, kind=StepKind(selection.fork_step.kind), parameters=source.parameters)
    cut = journal_cut(edits, from_position=request.from_position, outline=journal_outline(selection.fork_step.id))
    return ForkPlan(source=source, selection=selection, edits=edits, cut=cut)


def _parameters(source: Task, edits: ForkEdits) -> Mapping[str, Any]:
    """Return the source's parameters with the edited models, and where the conversation before its question ends."""
    earlier = source.parameters.get("fork") or {"asked_in": str(source.id)}
    changed: dict[str, Any] = {}
    if edits.model_tier is not None or edits.model_override is not None:
        # a model that is named goes before any tier, so another tier lets go of it
        changed["model_override"] = edits.model_override
    if edits.model_tier is not None:
        changed["model_tier"] = edits.model_tier
        changed["strategy"] = {**(source.parameters.get("strategy") or {}), "tiers": {}}
    return {
        **source.parameters,
        **changed,
        "fork": {"asked_in": earlier["asked_in"]},
    }
