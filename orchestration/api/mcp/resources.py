"""Tasks, conversations and files as resources of the protocol."""

import base64
import json
import mimetypes
import re
from typing import Any, Final
from urllib.parse import unquote

from mcp_types import BlobResourceContents, Resource, ResourceTemplate, TextResourceContents

from agents.selectors import messages_recent, session_for, sessions_page
from orchestration.api.endpoint import in_thread
from orchestration.api.http import uuid_of
from orchestration.errors import ResourceNotFound
from orchestration.selectors import task_for, tasks_page
from policy.errors import ScopeMissing
from policy.types import Principal
from sandbox.services import workspace_open

_SHOWN: Final = 20  # of each kind, the newest
_MESSAGES: Final = 100
_TASK: Final = re.compile(r"shannon://tasks/(?P<task_id>[^/]+)\Z")
_HISTORY: Final = re.compile(r"shannon://sessions/(?P<session_id>[^/]+)/history\Z")
_FILE: Final = re.compile(r"shannon://sessions/(?P<session_id>[^/]+)/files/(?P<path>.+)\Z")

TEMPLATES: Final = [
    ResourceTemplate(
        uri_template="shannon://tasks/{task_id}",
        name="task",
        description="A task: its request, status and answer.",
        mime_type="application/json",
    ),
    ResourceTemplate(
        uri_template="shannon://sessions/{session_id}/history",
        name="session-history",
        description="A conversation.",
        mime_type="application/json",
    ),
    ResourceTemplate(
        uri_template="shannon://sessions/{session_id}/files/{path}",
        name="session-file",
        description="A file of a session's workspace.",
    ),
]

Contents = TextResourceContents | BlobResourceContents


async def recent(principal: Principal) -> list[Resource]:
    """Return the newest tasks and conversations that the principal's key may see."""
    found: list[Resource] = []
    if principal.has_scope("tasks:read"):
        tasks, _ = await in_thread(tasks_page, principal=principal, limit=_SHOWN, offset=0)
        found += [
            Resource(
                uri=f"shannon://tasks/{task.id}",
                name=f"task {task.id}",
                description=task.query[:200],
                mime_type="application/json",
            )
            for task in tasks
        ]
    if principal.has_scope("sessions:read"):
        sessions, _ = await in_thread(sessions_page, principal=principal, limit=_SHOWN)
        found += [
            Resource(
                uri=f"shannon://sessions/{session.id}/history",
                name=session.title or f"session {session.id}",
                description="A conversation.",
                mime_type="application/json",
            )
            for session in sessions
        ]
    return found


async def read(principal: Principal, uri: str) -> Contents:
    """Return what a resource holds.

    Raises:
        ScopeMissing: The key may not see it.
        ResourceNotFound, TaskNotFound, SessionNotFound, WorkspaceFileMissing: The tenant has no such thing.
    """
    if match := _TASK.match(uri):
        _need(principal, "tasks:read")
        return _json(uri, await in_thread(_task, principal, match["task_id"]))
    if match := _HISTORY.match(uri):
        _need(principal, "sessions:read")
        return _json(uri, await in_thread(_history, principal, match["session_id"]))
    if match := _FILE.match(uri):
        _need(principal, "sessions:read")
        path = unquote(match["path"])
        return _file(uri, path, await in_thread(_bytes, principal, match["session_id"], path))
    raise ResourceNotFound(details={"uri": uri[:200]})


def _need(principal: Principal, scope: str) -> None:
    if not principal.has_scope(scope):
        raise ScopeMissing(details={"required": scope})


def _task(principal: Principal, text: str) -> dict[str, Any]:
    task_id = uuid_of(text)
    if task_id is None:
        raise ResourceNotFound(details={"task_id": text[:100]})
    task = task_for(principal=principal, task_id=task_id)
    return {
        "task_id": str(task.id),
        "session_id": str(task.session_id),
        "query": task.query,
        "status": task.status,
        "result": task.result,
        "error": task.error,
        "created_at": task.created_at.isoformat(),
    }


def _history(principal: Principal, session_id: str) -> dict[str, Any]:
    session = session_for(principal=principal, session_id=session_id)
    messages = messages_recent(principal=principal, session_id=session.id, limit=_MESSAGES)
    return {"messages": [{"role": message.role, "content": message.content} for message in messages]}


def _bytes(principal: Principal, session_id: str, path: str) -> bytes:
    session = session_for(principal=principal, session_id=session_id)
    return workspace_open(tenant_id=session.tenant_id, session_id=session.id).read(path)


def _json(uri: str, value: dict[str, Any]) -> Contents:
    return TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(value, ensure_ascii=False))


def _file(uri: str, path: str, data: bytes) -> Contents:
    kind = mimetypes.guess_type(path)[0]
    try:
        return TextResourceContents(uri=uri, mime_type=kind or "text/plain", text=data.decode())
    except UnicodeDecodeError:
        encoded = base64.b64encode(data).decode()
        return BlobResourceContents(uri=uri, mime_type=kind or "application/octet-stream", blob=encoded)
