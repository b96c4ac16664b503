"""Tasks that no strategy is chosen for: one call of a tool, and the fan-out that benchmarks measure with."""

from collections.abc import Mapping
from typing import Any

from orchestration.budget_options import TaskBudget
from orchestration.limits import json_check
from orchestration.models import Task
from orchestration.permits import submit_permit
from orchestration.services.inserting import NewTask, SubmittedTask, task_insert_once
from policy.types import Principal


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
