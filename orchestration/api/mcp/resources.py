"""Tasks, conversations, files and what is remembered as resources of the protocol."""

import base64
import json
import mimetypes
import re
from typing import Any, Final
from urllib.parse import quote, unquote

from mcp_types import BlobResourceContents, Resource, ResourceTemplate, TextResourceContents

from agents.selectors import memories_newest, memory_find, messages_recent, session_for, sessions_page
from orchestration.api.endpoint import in_thread
from orchestration.api.http import uuid_of
from orchestration.errors import ResourceNotFound
from orchestration.selectors import task_for, tasks_page
from policy.errors import ScopeMissing
from policy.types import Principal
from sandbox.services import memory_files_open, workspace_open

_SHOWN: Final = 20  # of each kind, the newest
_MESSAGES: Final = 100
_TASK: Final = re.compile(r"shannon://tasks/(?P<task_id>[^/]+)\Z")
_HISTORY: Final = re.compile(r"shannon://sessions/(?P<session_id>[^/]+)/history\Z")
_MEMORY: Final = re.compile(r"shannon://memories/(?P<memory_id>[^/]+)\Z")
_MEMORY_FILE: Final = re.compile(r"shannon://memory/files/(?P<path>.+)\Z")
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
    ResourceTemplate(
        uri_template="shannon://memories/{memory_id}",
        name="memory",
        description="What an earlier task found out, and what people say of it.",
        mime_type="application/json",
    ),
    ResourceTemplate(
        uri_template="shannon://memory/files/{path}",
        name="memory-file",
        description="A file that is kept for you across sessions.",
    ),
]

Contents = TextResourceContents | BlobResourceContents


async def recent(principal: Principal) -> list[Resource]:
    """Return the newest tasks, conversations and memories that the principal's key may see, and its memory files."""
    found: list[Resource] = []
    if principal.has_scope("tasks:read"):
        found += await in_thread(_tasks, principal)
    if principal.has_scope("sessions:read"):
        for look in (_sessions, _memories, _memory_files):
            found += await in_thread(look, principal)
    return found


def _tasks(principal: Principal) -> list[Resource]:
    tasks, _ = tasks_page(principal=principal, limit=_SHOWN, offset=0)
    return [_listed(f"tasks/{task.id}", f"task {task.id}", task.query) for task in tasks]


def _sessions(principal: Principal) -> list[Resource]:
    sessions, _ = sessions_page(principal=principal, limit=_SHOWN)
    return [
        _listed(f"sessions/{session.id}/history", session.title or f"session {session.id}", "A conversation.")
        for session in sessions
    ]


def _memories(principal: Principal) -> list[Resource]:
    memories = memories_newest(principal=principal, limit=_SHOWN)
    return [_listed(f"memories/{memory.id}", f"memory {memory.id}", memory.content) for memory in memories]


def _memory_files(principal: Principal) -> list[Resource]:
    entries = memory_files_open(tenant_id=principal.tenant_id, user_id=principal.user_id).list("")
    files = [entry for entry in entries if not entry.is_dir][:_SHOWN]
    return [
        _listed(f"memory/files/{quote(file.path)}", file.path, "A memory file.", _kind(file.path)) for file in files
    ]


def _listed(path: str, name: str, description: str, kind: str | None = "application/json") -> Resource:
    return Resource(uri=f"shannon://{path}", name=name, description=description[:200], mime_type=kind)


async def read(principal: Principal, uri: str) -> Contents:
    """Return what a resource holds.

    Raises:
        ScopeMissing: The key may not see it.
        ResourceNotFound, TaskNotFound, SessionNotFound, WorkspaceFileMissing: The tenant has no such thing.
    """
    if match := _TASK.match(uri):
        _need(principal, "tasks:read")
        return _json(uri, await in_thread(_task, principal, match["task_id"]))
    for pattern, look in ((_HISTORY, _history), (_MEMORY, _memory)):
        if match := pattern.match(uri):
            _need(principal, "sessions:read")
            return _json(uri, await in_thread(look, principal, match[1]))
    for pattern, file in ((_FILE, _session_file), (_MEMORY_FILE, _memory_file)):
        if match := pattern.match(uri):
            _need(principal, "sessions:read")
            path = unquote(match["path"])
            return _file(uri, path, await in_thread(file, principal, match[1], path))
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


def _memory(principal: Principal, text: str) -> dict[str, Any]:
    memory_id = uuid_of(text)
    memory = None if memory_id is None else memory_find(principal=principal, memory_id=memory_id)
    if memory is None:
        raise ResourceNotFound(details={"memory_id": text[:100]})
    return {
        "memory_id": str(memory.id),
        "task_id": str(memory.task_id),
        "content": memory.content,
        "feedback": {"score": memory.feedback_score, "comment": memory.feedback_comment},
        "created_at": memory.created_at.isoformat(),
    }


def _session_file(principal: Principal, session_id: str, path: str) -> bytes:
    session = session_for(principal=principal, session_id=session_id)
    return workspace_open(tenant_id=session.tenant_id, session_id=session.id).read(path)


def _memory_file(principal: Principal, _whose: str, path: str) -> bytes:
    return memory_files_open(tenant_id=principal.tenant_id, user_id=principal.user_id).read(path)


def _json(uri: str, value: dict[str, Any]) -> Contents:
    return TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(value, ensure_ascii=False))


def _file(uri: str, path: str, data: bytes) -> Contents:
    kind = _kind(path)
    try:
        return TextResourceContents(uri=uri, mime_type=kind or "text/plain", text=data.decode())
    except UnicodeDecodeError:
        encoded = base64.b64encode(data).decode()
        return BlobResourceContents(uri=uri, mime_type=kind or "application/octet-stream", blob=encoded)


def _kind(path: str) -> str | None:
    return mimetypes.guess_type(path)[0]
