"""Tools: list, get, register, change, delete, call one directly, and ask what would become of a call."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import arguments_check, own_tool_row, own_tool_row_of, tool_for, tool_infos
from agents.services import own_tool_change, own_tool_create, own_tool_delete
from agents.types import ToolInfo
from orchestration.api.endpoint import AsyncEndpoint, Endpoint, in_thread
from orchestration.api.http import idempotency_key_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.own_tools import OwnToolAnswer, OwnToolBody, OwnToolChangeBody
from orchestration.api.serializers.tasks import session_name
from orchestration.api.serializers.tools import (
    ToolAnswer,
    ToolExecuteAnswer,
    ToolExecuteBody,
    ToolListAnswer,
    ToolListQuery,
    ToolTestAnswer,
    ToolTestBody,
)
from orchestration.api.waiting import task_end_wait
from orchestration.models import Task
from orchestration.selectors import task_for
from orchestration.services import tool_execute
from orchestration.tool_trials import tool_try
from policy.errors import PolicyDenied, ScopeMissing
from policy.types import Principal

DANGEROUS = "tools:dangerous"
DENIED = frozenset({"POLICY_DENIED", "APPROVAL_REQUIRED", "SCOPE_MISSING"})


def execution_answer(task: Task) -> dict[str, Any]:
    """Return how a direct call ended, in the official client's shape.

    Raises:
        PolicyDenied: The call was not allowed.
    """
    result: Mapping[str, Any] = json.loads(task.result) if task.result else {"ok": False, "error": task.error}
    error: Mapping[str, Any] = result.get("error") or {}
    if error.get("code") in DENIED:
        raise PolicyDenied(error["message"], details={**error.get("details", {}), "task_id": str(task.id)})
    output = result.get("output")
    metadata = {"task_id": str(task.id), "session_id": session_name(task), "error": error or None}
    ended_at = task.completed_at or task.updated_at
    return {
        "success": bool(result["ok"]),
        "output": output,
        "text": output_text(output),
        "error": error.get("message"),
        "metadata": metadata,
        "execution_time_ms": round((ended_at - task.created_at).total_seconds() * 1000),
        "usage": {"tokens": task.prompt_tokens + task.completion_tokens, "cost_usd": float(task.cost_usd)},
    }


def danger_check(tool: ToolInfo, principal: Principal) -> None:
    """Refuse a dangerous tool to a key that may not call such.

    Raises:
        ScopeMissing: The key lacks `tools:dangerous`.
    """
    if tool.dangerous and not principal.has_scope(DANGEROUS):
        raise ScopeMissing(f"The tool {tool.name} needs the scope {DANGEROUS}.", details={"required": DANGEROUS})


def output_text(output: Any) -> str | None:
    """Return an output as text: itself, its `text` if it has one, else its JSON; None when there is no output."""
    text = output.get("text") if isinstance(output, dict) else output
    if output is None or isinstance(text, str):
        return text
    return json.dumps(output)


class ToolListView(Endpoint):
    """The tools that there are."""

    required_scopes = {"GET": "tools:read", "POST": "tools:write"}
    queries = {"GET": ToolListQuery}

    @extend_schema(operation_id="tools_list", tags=["tools"], parameters=[ToolListQuery], responses=ToolListAnswer)
    def get(self, _request: Request) -> Response:
        """List the tools, all or of one category."""
        category = self.query["category"]
        tools = [tool for tool in tool_infos(tenant_id=self.principal.tenant_id) if category in (None, tool.category)]
        return Response(ToolListAnswer({"tools": tools}).data)

    @extend_schema(
        operation_id="tools_register",
        tags=["tools"],
        parameters=[IDEMPOTENCY_KEY],
        request=OwnToolBody,
        responses={201: OwnToolAnswer},
    )
    def post(self, request: Request) -> Response:
        """Register a tool: a program in the sandbox that reads its arguments as JSON and prints its output."""
        body = OwnToolBody.of_body(request)
        named = {"principal": self.principal, "name": body.validated_data["name"]}
        row = self.once(
            "tools-registered",
            body,
            create=lambda insert: own_tool_create(**named, changes=body.changes, insert=insert),
            find=lambda tool_id: own_tool_row_of(principal=self.principal, tool_id=tool_id),
        )
        return Response(OwnToolAnswer(row).data, status=201)


class ToolView(Endpoint):
    """One tool."""

    required_scopes = {"GET": "tools:read", "PATCH": "tools:write", "DELETE": "tools:write"}

    @extend_schema(operation_id="tools_get", tags=["tools"], responses=ToolAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """Get a tool's schema and limits."""
        return Response(ToolAnswer(tool_for(name, tenant_id=self.principal.tenant_id).info()).data)

    @extend_schema(operation_id="tools_change", tags=["tools"], request=OwnToolChangeBody, responses=OwnToolAnswer)
    def patch(self, request: Request, name: str) -> Response:
        """Change one of the tenant's own tools; a call that has begun ends as it began."""
        changes = OwnToolChangeBody.of_body(request).changes
        return Response(OwnToolAnswer(own_tool_change(principal=self.principal, name=name, changes=changes)).data)

    @extend_schema(operation_id="tools_delete", tags=["tools"], responses={204: None})
    def delete(self, _request: Request, name: str) -> Response:
        """Delete one of the tenant's own tools; the module that it ran stays."""
        own_tool_delete(principal=self.principal, name=name)
        return Response(status=204)


class ToolDefinitionView(Endpoint):
    """What one of the tenant's own tools is made of."""

    required_scopes = {"GET": "tools:write"}

    @extend_schema(operation_id="tools_definition", tags=["tools"], responses=OwnToolAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """Get one of the tenant's own tools with its program."""
        return Response(OwnToolAnswer(own_tool_row(principal=self.principal, name=name)).data)


class ToolExecuteView(AsyncEndpoint):
    """Call a tool directly."""

    required_scopes = {"POST": "tools:execute"}

    @extend_schema(
        operation_id="tools_execute",
        tags=["tools"],
        parameters=[IDEMPOTENCY_KEY],
        request=ToolExecuteBody,
        responses=ToolExecuteAnswer,
    )
    async def post(self, request: Request, name: str) -> Response:
        """Call a tool and wait for its end. The call is a task: recorded, paid and authorised like any other."""
        call = ToolExecuteBody.of_body(request).validated_data
        tool = await in_thread(tool_for, name, tenant_id=self.principal.tenant_id)
        danger_check(tool.info(), self.principal)
        arguments_check(tool, call["arguments"])
        key = idempotency_key_of(request)
        submitted = await in_thread(tool_execute, principal=self.principal, name=name, idempotency_key=key, **call)
        await task_end_wait(submitted.task.id, timeout_seconds=settings.SHANNON_TOOL_WAIT_SECONDS)
        task = await in_thread(task_for, principal=self.principal, task_id=submitted.task.id)
        return Response(execution_answer(task))


class ToolTestView(Endpoint):
    """Ask what would become of a call."""

    required_scopes = {"POST": "tools:execute"}

    @extend_schema(operation_id="tools_test", tags=["tools"], request=ToolTestBody, responses=ToolTestAnswer)
    def post(self, request: Request, name: str) -> Response:
        """Check a call without making it: its arguments, the key's scopes, the policies, limits and cache."""
        arguments = ToolTestBody.of_body(request).validated_data["arguments"]
        tried = tool_try(principal=self.principal, name=name, arguments=arguments)
        return Response(ToolTestAnswer(tried).data)
