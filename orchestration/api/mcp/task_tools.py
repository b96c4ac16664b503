"""Tasks as tools of the protocol: submit with progress, look, cancel, judge, and search the memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from agents.selectors import arguments_problem
from agents.services import memory_search
from orchestration.api.endpoint import in_thread
from orchestration.api.http import uuid_of
from orchestration.control import task_cancel
from orchestration.errors import TaskNotFound
from orchestration.events.follow import follow
from orchestration.feedback import COMMENT_MAX_CHARACTERS, feedback_give
from orchestration.models import Event, Task
from orchestration.selectors import task_for
from orchestration.services import task_submit
from orchestration.types import TASK_TERMINAL, Rating, TaskRequest, TaskStatus
from policy.errors import ScopeMissing
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput

Report = Callable[[float, float | None, str | None], Awaitable[None]]

_TASK_ID: Final = {"type": "string", "format": "uuid", "description": "The id that submit_task gave."}


def _schema(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _nullable(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_TASK: Final = _schema(
    ["task_id", "status", "result", "error", "feedback", "usage"],
    task_id={"type": "string"},
    status={"type": "string", "enum": [str(status) for status in TaskStatus]},
    result=_nullable("string"),
    error=_nullable("object"),
    feedback=_schema(["score", "count"], score=_nullable("number"), count={"type": "integer"}),
    usage=_schema(
        ["total_tokens", "cost_usd"],
        total_tokens={"type": "integer"},
        cost_usd={**_nullable("string"), "description": "A decimal number; null: not known in full."},
    ),
)
_MEMORIES: Final = _schema(
    ["memories"],
    memories={
        "type": "array",
        "items": _schema(
            ["content", "score", "task_id", "rating", "comment"],
            content={"type": "string"},
            score={"type": "number"},
            task_id={"type": "string"},
            rating=_nullable("string"),
            comment=_nullable("string"),
        ),
    },
)
_SCOPES: Final = {
    "submit_task": "tasks:write",
    "get_task": "tasks:read",
    "cancel_task": "tasks:write",
    "judge_answer": "tasks:write",
    "search_memory": "sessions:read",
}
_TOOLS: Final = {
    "submit_task": Tool(
        name="submit_task",
        description=(
            "Hand a request to the platform: it is planned, worked on by agents with tools, and answered. Waits for "
            "the answer and reports progress; a task that takes longer goes on, and get_task asks for it later."
        ),
        input_schema=_schema(
            ["query"],
            query={"type": "string", "minLength": 1, "maxLength": 10_000},
            session_id={"type": "string", "maxLength": 128, "description": "A conversation to go on with."},
            mode={"type": "string", "maxLength": 32, "description": "A strategy; absent: chosen by the request."},
            wait_seconds={"type": "number", "minimum": 0, "maximum": 600, "description": "Default 120; 0: at once."},
        ),
        output_schema=_TASK,
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True),
    ),
    "get_task": Tool(
        name="get_task",
        description="The status of a task, and its answer or error once it has ended.",
        input_schema=_schema(["task_id"], task_id=_TASK_ID),
        output_schema=_TASK,
        annotations=ToolAnnotations(read_only_hint=True),
    ),
    "cancel_task": Tool(
        name="cancel_task",
        description="Cancel a task that has not ended.",
        input_schema=_schema(["task_id"], task_id=_TASK_ID, reason={"type": "string", "maxLength": 500}),
        output_schema=_TASK,
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
    ),
    "judge_answer": Tool(
        name="judge_answer",
        description=(
            "Say for the user how good a task's answer is, once the user has said so. Whoever finds the answer again "
            "is told; another word replaces the one before."
        ),
        input_schema=_schema(
            ["task_id", "rating"],
            task_id=_TASK_ID,
            rating={"type": "string", "enum": [str(rating) for rating in Rating]},
            score={"type": "number", "minimum": 0, "maximum": 1, "description": "0.5 or more with good, else less."},
            comment={"type": "string", "maxLength": COMMENT_MAX_CHARACTERS, "description": "Why."},
        ),
        output_schema=_TASK,
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
    ),
    "search_memory": Tool(
        name="search_memory",
        description="Search what earlier tasks found out, by meaning.",
        input_schema=_schema(
            ["query"],
            query={"type": "string", "minLength": 1, "maxLength": 2_000},
            limit={"type": "integer", "minimum": 1, "maximum": 20, "description": "Default 5."},
        ),
        output_schema=_MEMORIES,
        annotations=ToolAnnotations(read_only_hint=True),
    ),
}


def is_one(name: str) -> bool:
    """Tell whether a name is one of these tools."""
    return name in _TOOLS


def tools_for(principal: Principal) -> list[Tool]:
    """Return the tools that the principal's key may call."""
    return [tool for name, tool in _TOOLS.items() if principal.has_scope(_SCOPES[name])]


async def call(principal: Principal, name: str, arguments: Mapping[str, Any], report: Report) -> CallToolResult:
    """Call one of these tools.

    Raises:
        ScopeMissing: The key lacks the scope.
        InvalidInput: The arguments do not fit.
        ShannonError: What the service raises.
    """
    if not principal.has_scope(_SCOPES[name]):
        raise ScopeMissing(details={"required": _SCOPES[name]})
    problem = arguments_problem(_TOOLS[name].input_schema, arguments)
    if problem:
        raise InvalidInput(problem)
    if name == "submit_task":
        return await _submit(principal, arguments, report)
    if name == "search_memory":
        return await _search(principal, arguments)
    task_id = uuid_of(arguments["task_id"])
    if task_id is None:
        raise TaskNotFound(details={"task_id": arguments["task_id"][:100]})
    if name == "cancel_task":
        await in_thread(task_cancel, principal=principal, task_id=task_id, reason=arguments.get("reason", ""))
    if name == "judge_answer":
        said = {"score": arguments.get("score"), "comment": arguments.get("comment", "")}
        rating = Rating(arguments["rating"])
        await in_thread(feedback_give, principal=principal, task_id=task_id, rating=rating, **said)
    return _answer(await in_thread(task_for, principal=principal, task_id=task_id))


async def _submit(principal: Principal, arguments: Mapping[str, Any], report: Report) -> CallToolResult:
    request = TaskRequest(
        query=arguments["query"], session_id=arguments.get("session_id"), mode=arguments.get("mode", "")
    )
    submitted = await in_thread(task_submit, principal=principal, request=request, begins=True)
    await _wait(submitted.task.id, arguments.get("wait_seconds", settings.SHANNON_MCP_WAIT_SECONDS), report)
    return _answer(await in_thread(task_for, principal=principal, task_id=submitted.task.id))


async def _wait(task_id: UUID, seconds: float, report: Report) -> None:
    """Report each event until the task has ended or the time is over; the task goes on all the same."""
    try:
        async with asyncio.timeout(seconds), aclosing(follow(task_id)) as items:
            async for item in items:
                if isinstance(item, Event) and item.message:
                    await report(float(item.seq), None, item.message[:500])
    except TimeoutError:
        return  # the caller is told the status as it is


async def _search(principal: Principal, arguments: Mapping[str, Any]) -> CallToolResult:
    hits = await in_thread(
        memory_search, tenant_id=principal.tenant_id, query=arguments["query"], limit=arguments.get("limit", 5)
    )
    found = [
        {
            "content": hit.content,
            "score": round(hit.score, 4),
            "task_id": str(hit.task_id),
            "rating": hit.rating,
            "comment": hit.feedback_comment,
        }
        for hit in hits
    ]
    told = [f"[called bad] {hit.content}" if hit.rating == "bad" else hit.content for hit in hits]
    text = "\n\n".join(told) or "Nothing was found."
    return CallToolResult(content=[TextContent(text=text)], structured_content={"memories": found})


def _answer(task: Task) -> CallToolResult:
    has_failed = task.status in TASK_TERMINAL and task.status not in {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
    error = (task.error or {}).get("message", "")
    text = task.result if task.result is not None else f"The task is {task.status}. {error}".strip()
    return CallToolResult(
        content=[TextContent(text=text)],
        structured_content={
            "task_id": str(task.id),
            "status": str(task.status),
            "result": task.result,
            "error": task.error,
            "feedback": {"score": task.feedback_score, "count": task.feedback_count},
            "usage": {
                "total_tokens": task.prompt_tokens + task.completion_tokens,
                "cost_usd": str(task.cost_usd) if task.cost_is_complete else None,
            },
        },
        is_error=has_failed,
    )
