"""Where `/api/v1/stream/ws` is served beside Django: the events of a task over a WebSocket (RFC 6455).

The same items as server-sent events, each a text message of JSON; after the terminal one the server closes.
"""

import asyncio
import json
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.http import Http404, QueryDict

from orchestration.api.asgi_edge import Scope, caller_of, headers_encoded, headers_of, host_check
from orchestration.api.endpoint import in_thread
from orchestration.api.serializers.stream import WorkflowStreamQuery, last_seq_of
from orchestration.api.sse import STREAM_NAMES, Done, delta_body, event_body, kinds_wanted, task_pages
from orchestration.api.views.tasks import task_id_of
from orchestration.events.follow import Delta, Idle
from orchestration.events.reading import Opening
from orchestration.models import Event
from orchestration.selectors import task_opening
from orchestration.types import EventKind
from policy.errors import ScopeMissing
from policy.services import refusal_record
from shannon_project.foundation.http import exception_handler
from shannon_project.foundation.ids import uuid7

log = structlog.get_logger(__name__)

PATH: Final = "/api/v1/stream/ws"
SCOPE: Final = "tasks:read"
DENIAL: Final = "websocket.http.response"
"""The extension by which a server answers a refused handshake with more than a bare 403."""
_CLOSE_NORMAL: Final = 1000
_CLOSE_UNSUPPORTED: Final = 1003
_CLOSE_INTERNAL: Final = 1011


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a reader may have: whose events, from where on, of which kinds; and headers of the answer."""

    opening: Opening
    after_seq: int
    kinds: frozenset[str] | None
    headers: dict[str, str]


class WebSocketMount:
    """An ASGI application: WebSockets are served here, everything else by the inner application."""

    def __init__(self, inner: Any) -> None:
        """Take the application for everything else."""
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] != "websocket":
            await self._inner(scope, receive, send)
            return
        await receive()  # websocket.connect: the handshake, which waits for our word
        try:
            async with ThreadSensitiveContext():  # a thread for these questions, not one for as long as somebody reads
                wanted = await in_thread(_wanted, scope)
        except Exception as error:  # noqa: BLE001 - the edge: what no handler knows is logged
            await _refuse(scope, send, error)
            return
        await send({"type": "websocket.accept", "headers": headers_encoded(wanted.headers)})
        await _serve(wanted, receive, send)


def _wanted(scope: Scope) -> _Wanted:
    """Check all that there is to check; asks the database."""
    if scope["path"] != PATH:
        raise Http404
    headers = headers_of(scope)
    host_check(headers.get("host", ""))
    asked = {name: str(value) for name, value in QueryDict(scope["query_string"]).items()}
    principal, rate = caller_of(headers, key=asked.pop("api_key", "").strip())  # browsers cannot send headers here
    if not principal.has_scope(SCOPE):
        details = {"required": SCOPE, "held": sorted(principal.scopes)}
        refused = ScopeMissing(f"This needs the scope {SCOPE}.", details=details)
        refusal_record(principal=principal, error=refused, resource={"method": "GET", "path": PATH})
        raise refused
    checked = WorkflowStreamQuery(data=asked)
    checked.is_valid(raise_exception=True)
    query = checked.validated_data
    kinds, after_seq = kinds_wanted(query["types"]), last_seq_of(query["last_event_id"])
    opening = task_opening(principal=principal, task_id=task_id_of(query["workflow_id"]), after_seq=after_seq)
    return _Wanted(opening, after_seq, kinds, {} if rate is None else dict(rate.headers()))


async def _refuse(scope: Scope, send: Any, error: Exception) -> None:
    """Answer the handshake with the envelope of every error, where the server can; else it says 403 by itself."""
    answer = exception_handler(error, {})
    if answer is None:
        log.error("websocket_broke", path=scope["path"][:200], exc_info=error)
        await send({"type": "websocket.close", "code": _CLOSE_INTERNAL})
        return
    if DENIAL not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": _CLOSE_NORMAL})
        return
    request_id = uuid7().hex
    answer.data["error"]["request_id"] = request_id
    headers = {**dict(answer.items()), **getattr(error, "headers", {})}
    sent = {**headers, "Content-Type": "application/json", "X-Request-ID": request_id}
    start = {"type": f"{DENIAL}.start", "status": answer.status_code, "headers": headers_encoded(sent)}
    await send(start)
    await send({"type": f"{DENIAL}.body", "body": json.dumps(answer.data).encode()})


async def _serve(wanted: _Wanted, receive: Any, send: Any) -> None:
    """Send until the stream ends or the reader goes; a reader who says something has mistaken this for another door."""
    reader = asyncio.create_task(_listen(receive))
    writer = asyncio.create_task(_send_all(wanted, send))
    try:
        await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
    finally:  # also when the server stops meanwhile
        reader.cancel()
        writer.cancel()
        heard, ended = await asyncio.gather(reader, writer, return_exceptions=True)
    if heard is False or isinstance(ended, OSError):
        return  # it has gone
    code, reason = _CLOSE_NORMAL, ""
    if heard is True:
        code, reason = _CLOSE_UNSUPPORTED, "This stream takes no messages."
    elif isinstance(ended, Exception):
        log.error("websocket_stream_broke", task_id=str(wanted.opening.task.id), exc_info=ended)
        code, reason = _CLOSE_INTERNAL, "The stream broke; resume after its last event."
    with suppress(OSError):
        await send({"type": "websocket.close", "code": code, "reason": reason})


async def _listen(receive: Any) -> bool:
    """Wait for the reader: False when it has gone, True when it said something."""
    message = await receive()
    return bool(message["type"] == "websocket.receive")


async def _send_all(wanted: _Wanted, send: Any) -> None:
    task_id = wanted.opening.task.id
    found = task_pages(
        wanted.opening,
        after_seq=wanted.after_seq,
        kinds=wanted.kinds,
        heartbeat_seconds=settings.SHANNON_SSE_HEARTBEAT_SECONDS,
    )
    async with aclosing(found) as pages:
        async for page in pages:
            for item in page:
                body = _body(task_id, item)
                if body is not None:
                    await send({"type": "websocket.send", "text": json.dumps(body)})


def _body(task_id: UUID, item: Event | Delta | Idle | Done) -> dict[str, Any] | None:
    """Return the JSON of a message; None: nothing is said, since the server's own pings keep the connection."""
    match item:
        case Event():
            return event_body(item, on_stream=True)
        case Delta():
            return delta_body(task_id, item)
        case Done(event=Event() as event):
            return event_body(event, on_stream=True)
        case Done():
            place = {"seq": item.seq, "stream_id": str(item.seq)}
            return {"workflow_id": str(task_id), "type": STREAM_NAMES[EventKind.STREAM_END], "message": "", **place}
        case Idle():
            return None
