"""Agents that are asked directly: each role works on a request of its own, each tool does its one thing.

A role's agent is a task of one agent; a tool's is a task of one call, and asks no model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.selectors import arguments_problem, roles_of, tool_infos
from agents.types import ToolInfo
from orchestration.errors import AgentNotFound
from orchestration.services import SubmittedTask, task_submit, tool_execute
from orchestration.types import TaskRequest
from policy.errors import ScopeMissing
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput

ROLE: Final = "role"
_DANGEROUS: Final = "tools:dangerous"
_EXECUTE: Final = "tools:execute"
_ROLE_INPUT: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "description": "What the agent is asked."},
        "context": {"type": "object", "description": "As in the context of a task."},
    },
    "required": ["query"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class SingleAgent:
    """One agent. `tool` is empty for a role's; `cost_per_call` None is unknown: it depends on the request."""

    id: str
    name: str
    description: str
    category: str
    tool: str
    input_schema: Mapping[str, Any]
    cost_per_call: float | None


def agents_of(principal: Principal) -> list[SingleAgent]:
    """Return the agents of a tenant: its roles, then its tools, each by name."""
    roles = [
        SingleAgent(name, name.replace("_", " ").title(), role.description, ROLE, "", _ROLE_INPUT, None)
        for name, role in sorted(roles_of(principal.tenant_id).items())
    ]
    known = {agent.id for agent in roles}
    tools = [_of_tool(info) for info in tool_infos(tenant_id=principal.tenant_id) if info.name not in known]
    return [*roles, *tools]


def agent_for(*, principal: Principal, agent_id: str) -> SingleAgent:
    """Return one agent.

    Raises:
        AgentNotFound: The tenant has none of this id (the caller's fault).
    """
    found = next((agent for agent in agents_of(principal) if agent.id == agent_id), None)
    if found is None:
        raise AgentNotFound(details={"agent_id": agent_id[:100]})
    return found


def agent_execute(
    *,
    principal: Principal,
    agent_id: str,
    given: Mapping[str, Any],
    session_id: str | None,
    idempotency_key: str | None = None,
) -> SubmittedTask:
    """Accept a task for one agent.

    Args:
        principal: Who asks; for a tool's agent with the scope `tools:execute`, or `tools:dangerous` as well.
        agent_id: The agent.
        given: Its input, as its `input_schema` says.
        session_id: The session; None: a new one.
        idempotency_key: The same key and input give the first answer again.

    Raises:
        AgentNotFound: There is no such agent (the caller's fault).
        InvalidInput: The input does not fit (the caller's fault).
        ScopeMissing: The key may not call the tool.
        PolicyDenied, QueueFull, SessionNotFound, IdempotencyMismatch: As for submitting a task.
    """
    agent = agent_for(principal=principal, agent_id=agent_id)
    if problem := arguments_problem(agent.input_schema, given):
        raise InvalidInput(f"input: {problem}", details={"schema": dict(agent.input_schema)})
    if not agent.tool:
        context = dict(given.get("context") or {})
        request = TaskRequest(query=given["query"], role=agent.id, session_id=session_id, context=context)
        return task_submit(principal=principal, request=request, idempotency_key=idempotency_key, begins=True)
    _scope_check(principal, agent)
    return tool_execute(
        principal=principal,
        name=agent.tool,
        arguments=given,
        session_id=session_id,
        idempotency_key=idempotency_key,
    )


def _of_tool(info: ToolInfo) -> SingleAgent:
    title = info.name.replace("_", " ").title()
    return SingleAgent(info.name, title, info.description, info.category, info.name, info.parameters, info.cost_usd)


def _scope_check(principal: Principal, agent: SingleAgent) -> None:
    infos = tool_infos(tenant_id=principal.tenant_id)
    is_dangerous = any(info.dangerous for info in infos if info.name == agent.tool)
    for scope in (_EXECUTE, *((_DANGEROUS,) if is_dangerous else ())):
        if not principal.has_scope(scope):
            raise ScopeMissing(f"The agent {agent.id} needs the scope {scope}.", details={"required": scope})
