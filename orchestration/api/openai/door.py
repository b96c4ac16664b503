"""Questions to one model, which the gateway process answers, served beside Django: they pass no middleware, no thread
of a view and no second parser. Whatever is not plainly one of them goes to Django as it came.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import structlog
from django.conf import settings

from orchestration.api.asgi_edge import Scope, caller_of, headers_encoded, headers_of, host_check, stranger_refuse
from orchestration.api.openai.forward import GatewayUnavailable, gateway_asked, gateway_left
from orchestration.api.openai.names import PLATFORM_MODELS
from orchestration.metrics import DIRECT_REQUESTS
from policy.api.permissions import scope_check
from policy.errors import RateLimited
from policy.types import Principal
from shannon_project.foundation.bodies import body_check
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.http import RETRY_AFTER_SECONDS, described, envelope, request_id_given
from shannon_project.foundation.openai import openai_error

log = structlog.get_logger(__name__)

PATHS: Final = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"})
_EVENTS: Final = "text/event-stream"
_SCOPE: Final = "tasks:write"
_THREADS: Final = 4  # that look keys up; each takes less than a millisecond
_SMALL_BYTES: Final = 16 * 1024  # of JSON, which are read in a few milliseconds at worst
_STREAMED: Final = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
_WHOLE: Final = {"Cache-Control": "no-store"}
_INTERNAL: Final = ("INTERNAL", "Something went wrong inside the platform; the log has it under this request id.")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class OpenAiDoor:
    """An ASGI application: questions to one model go to the gateway process, all else to the inner application."""

    def __init__(self, inner: Any) -> None:
        """Take the application for everything else."""
        self._inner = inner
        self._pool = ThreadPoolExecutor(_THREADS, "door")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            await self._inner(scope, receive, send)
            return
        came = await _body(receive)
        headers = headers_of(scope)
        answer = _Answer(send, request_id_given(headers.get("x-request-id", "")))
        try:
            if not await self._is_for_a_model(came, headers):
                await self._inner(scope, _again(came, receive), send)
                return
            async with _while_there(receive):
                await self._serve(scope["path"], _joined(came), headers, answer)
        except Exception as error:  # noqa: BLE001 - the outermost edge of this door; what nobody expected is logged
            await answer.refuse(error)
        DIRECT_REQUESTS.labels(path=scope["path"], status=answer.status).inc()

    async def _is_for_a_model(self, came: list[Message], headers: Mapping[str, str]) -> bool:
        """Tell whether the body names a model that is not the platform's own.

        A large one is looked at for those only who have a key, and one that is too large for nobody: while it is read,
        nothing else runs in this process.

        Raises:
            BodyTooLarge: It is larger than any body may be, or has more values.
        """
        if sum(len(message.get("body", b"")) for message in came) <= _SMALL_BYTES:
            return _names_a_model(came)
        host_check(headers.get("host", ""))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, _stranger_refused, headers)
        _measure(came)
        return await loop.run_in_executor(self._pool, _names_a_model, came)

    async def _serve(self, path: str, body: bytes, headers: Mapping[str, str], answer: "_Answer") -> None:
        host_check(headers.get("host", ""))
        loop = asyncio.get_running_loop()
        principal, limits = await loop.run_in_executor(self._pool, _known, headers, path)
        answer.more = limits
        async with gateway_asked(path, body, principal=principal, request_id=answer.request_id) as incoming:
            await answer.relay(incoming)


async def _live(receive: Receive, send: Send) -> None:
    """Say that all is there (Django has no part in this), and close the connections at the end."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await gateway_left()
    await send({"type": "lifespan.shutdown.complete"})


class _Answer:
    """What the client is sent."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.more: dict[str, str] = {}
        self.status = 0

    async def relay(self, incoming: aiohttp.ClientResponse) -> None:
        """Send the gateway's answer: events as they come, anything else in one piece."""
        kind = incoming.headers.get("Content-Type", "application/json")
        if kind != _EVENTS:
            content = await incoming.read()
            retry_after = incoming.headers.get("Retry-After")
            told = {**_WHOLE, **({"Retry-After": retry_after} if retry_after else {})}
            await self._start(incoming.status, {"Content-Type": kind, "Content-Length": str(len(content)), **told})
            await self._piece(content, more=False)
            return
        await self._start(incoming.status, {"Content-Type": kind, **_STREAMED})
        async for piece in incoming.content.iter_any():
            await self._piece(piece, more=True)
        await self._piece(b"", more=False)

    async def refuse(self, error: Exception) -> None:
        """Send an error, in the middle of a stream as its last message."""
        status, code, message, details = described(error)
        if status == 0:
            log.exception("direct_request_broke", request_id=self.request_id)
            status, (code, message), details = 500, _INTERNAL, {}
        if self.status and isinstance(error, GatewayUnavailable):
            message = "The process that asks models went away in the middle of the answer."
        body = openai_error(envelope(code, message, details, self.request_id)["error"], status)
        if self.status:
            await self._piece(f"data: {json.dumps(body)}\n\n".encode(), more=False)
            return
        content = json.dumps(body).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(content)), **_WHOLE}
        self.more |= _refusal_headers(error, status)
        await self._start(status, own)
        await self._piece(content, more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        always = {"X-Request-ID": self.request_id, "X-Content-Type-Options": "nosniff"}
        every = headers_encoded({**headers, **always, **self.more})
        await self._send({"type": "http.response.start", "status": status, "headers": every})

    async def _piece(self, content: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": more})


def _refusal_headers(error: Exception, status: int) -> dict[str, str]:
    """Return what a refusal says in headers: how to authenticate, where the limits stand, when to come back."""
    found = {"WWW-Authenticate": 'ApiKey realm="api"'} if status == 401 else {}
    if isinstance(error, RateLimited):
        found |= error.headers
    if status in (429, 503):
        details = error.details if isinstance(error, ShannonError) else {}
        found["Retry-After"] = str(details.get("retry_after_seconds", RETRY_AFTER_SECONDS))
    return found


def _stranger_refused(headers: Mapping[str, str]) -> None:
    try:
        stranger_refuse(headers)
    finally:
        connection_release()


def _known(headers: Mapping[str, str], path: str) -> tuple[Principal, dict[str, str]]:
    """Return who asks and may, and the headers that tell of the limits of requests."""
    try:
        principal, rate = caller_of(headers)
        scope_check(principal, _SCOPE, method="POST", path=path)
    finally:
        connection_release()
    return principal, {} if rate is None else rate.headers()


@asynccontextmanager
async def _while_there(receive: Receive) -> AsyncGenerator[None, None]:
    """Leave the block when the client goes away: then nobody waits for the answer."""
    serving = asyncio.current_task()
    has_gone = False

    async def watch() -> None:
        nonlocal has_gone
        while (await receive())["type"] != "http.disconnect":
            pass
        has_gone = True
        if serving is not None:
            serving.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not has_gone or serving is None or serving.uncancel() > 0:
            raise
    finally:
        watching.cancel()


async def _body(receive: Receive) -> list[Message]:
    """Return the messages of a body, up to its end or to more than any body may have."""
    came: list[Message] = []
    size = 0
    while True:
        message = await receive()
        came.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body") or size > settings.SHANNON_OPENAI_BODY_MAX_BYTES:
            return came


def _joined(came: list[Message]) -> bytes:
    return came[0]["body"] if len(came) == 1 else b"".join(message.get("body", b"") for message in came)


def _measure(came: list[Message]) -> None:
    limits = {
        "max_bytes": settings.SHANNON_OPENAI_BODY_MAX_BYTES,
        "max_values": settings.SHANNON_OPENAI_BODY_MAX_VALUES,
    }
    body_check(_joined(came), **limits)


def _names_a_model(came: list[Message]) -> bool:
    """Tell whether a body names a model that is not the platform's own."""
    if came[-1]["type"] != "http.request" or came[-1].get("more_body"):
        return False
    try:
        body = json.loads(_joined(came))
    except (ValueError, RecursionError):
        return False
    name = body.get("model") if isinstance(body, dict) else None
    return isinstance(name, str) and bool(name) and name not in PLATFORM_MODELS


def _again(came: list[Message], receive: Receive) -> Receive:
    """Return a `receive` that gives first what came already."""
    waiting = iter(came)

    async def receive_again() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return receive_again
