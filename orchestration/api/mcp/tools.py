"""The platform's tools as tools of the protocol; a call is a task of one step, as over HTTP."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from agents.selectors import arguments_check, tool_for, tool_infos
from agents.types import ToolInfo
from orchestration.api.endpoint import in_thread
from orchestration.api.views.tools import DANGEROUS, danger_check, execution_answer
from orchestration.api.waiting import task_end_wait
from orchestration.selectors import task_for
from orchestration.services import tool_execute
from policy.errors import ScopeMissing
from policy.types import Principal

_SCOPE = "tools:execute"
_CUT: Final = {  # in place of an output that is too long to be shown, see `agents/tools/long_output.py`
    "type": "object",
    "properties": {"truncated": {"const": True}, "bytes": {"type": "integer"}, "text": {"type": "string"}},
    "required": ["truncated", "bytes", "text"],
}


async def tools_for(principal: Principal) -> list[Tool]:
    """Return the tools that the principal's key may call."""
    if not principal.has_scope(_SCOPE):
        return []
    infos = await in_thread(tool_infos, tenant_id=principal.tenant_id)
    return [
        _offered(info) for info in infos if not info.implicit and (not info.dangerous or principal.has_scope(DANGEROUS))
    ]


async def call(principal: Principal, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
    """Call a tool and wait for its end.

    Raises:
        ScopeMissing: The key may not.
        ToolNotFound, ToolInputInvalid, PolicyDenied: The caller's fault.
        ToolStillRunning: It takes longer than a call may wait.
    """
    if not principal.has_scope(_SCOPE):
        raise ScopeMissing(details={"required": _SCOPE})
    tool = await in_thread(tool_for, name, tenant_id=principal.tenant_id)
    danger_check(tool.info(), principal)
    arguments_check(tool, arguments)
    submitted = await in_thread(tool_execute, principal=principal, name=name, arguments=arguments, session_id=None)
    await task_end_wait(submitted.task.id, timeout_seconds=settings.SHANNON_TOOL_WAIT_SECONDS)
    answer = execution_answer(await in_thread(task_for, principal=principal, task_id=submitted.task.id))
    if not answer["success"]:
        error = answer["metadata"]["error"] or {}
        text = f"{error.get('code', 'TOOL_FAILED')}: {answer['error']}"
        return CallToolResult(content=[TextContent(text=text)], structured_content={"error": error}, is_error=True)
    output = answer["output"]
    return CallToolResult(
        content=[TextContent(text=answer["text"] or "")],
        structured_content=output if isinstance(output, dict) else {"output": output},
    )


def _offered(info: ToolInfo) -> Tool:
    return Tool(
        name=info.name,
        description=info.description,
        input_schema=dict(info.parameters),
        output_schema=_output_schema(info.returns),
        annotations=ToolAnnotations(
            destructive_hint=info.dangerous, idempotent_hint=info.idempotent, open_world_hint=info.needs_network
        ),
    )


def _output_schema(returns: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a tool's structured content; None: it is not known, or cannot be said inside of another."""
    kind = returns.get("type")
    if not isinstance(kind, str) or _has_references(returns):
        return None
    given = dict(returns) if kind == "object" else {"properties": {"output": dict(returns)}, "required": ["output"]}
    return {"type": "object", "anyOf": [given, _CUT]}


def _has_references(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(name in {"$ref", "$id"} for name in value) or any(map(_has_references, value.values()))
    return isinstance(value, list) and any(map(_has_references, value))
