"""The gateway process: an ASGI application for our own web processes, which authenticate whoever asks.

It is no Django view: a request passes no middleware, and a call is a coroutine. One that waits for a server that speaks
OpenAI's protocol holds no thread and no connection; one that waits for litellm holds two threads.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog
from django.conf import settings

from agents.direct.answers import ChatShape, CompletionShape, embeddings_answer
from agents.direct.bodies import ChatBody, CompletionBody, EmbeddingsBody
from agents.direct.calls import ChatCall
from agents.direct.embeddings import texts_embed
from agents.direct.frames import Frames, PieceFrames, ResponseFrames
from agents.direct.response_bodies import ResponseBody
from agents.errors import GatewayBusy
from agents.llm.base import gateway_in_use
from agents.llm.types import ModelReply
from agents.llm.wire import connections_close
from agents.memory.selection import embedder
from policy.types import Principal
from shannon_project.foundation.bodies import body_check
from shannon_project.foundation.coroutines import coroutine_here
from shannon_project.foundation.errors import InvalidInput, NotFound, ShannonError
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.internal import PRINCIPAL_HEADER, REQUEST_ID_HEADER, TOKEN_HEADER, is_internal
from shannon_project.foundation.memory import memory_loaded
from shannon_project.foundation.openai import openai_error
from shannon_project.foundation.responses import ResponseShape
from shannon_project.foundation.strict_json import json_read

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Item = tuple[int, str | ModelReply | ShannonError]
"""A choice's number, and a piece of its text or its end."""

_JSON: Final = b"application/json"
_EVENTS: Final = b"text/event-stream"
_THREADS_EACH_AT_REST: Final = 8  # that embeddings and whole answers find beside the streams


class NotOurs(NotFound):
    """There is nothing here for others than the platform's own processes."""


class Gateway:
    """The application. `calls_max` calls run at the same time; more are refused at once. `running` is how many do."""

    def __init__(self, *, calls_max: int) -> None:
        """Make an application; it loads nothing before it is started."""
        self._calls_max = calls_max
        self.running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(calls_max + _THREADS_EACH_AT_REST, "direct")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._pool, _warm)
        except Exception:  # the outermost edge of the process's start
            log.exception("gateway_not_warm")
            await send({"type": "lifespan.startup.failed", "message": "The gateway could not be loaded."})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await connections_close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = headers.get(REQUEST_ID_HEADER, "")
        try:
            await self._route(scope["path"], headers, receive, send)
        except ShannonError as error:
            await _refuse(send, error, request_id)
        except Exception as error:  # the outermost edge of this process
            log.exception("gateway_broke", request_id=request_id)
            await _refuse(send, ShannonError(f"The gateway broke: {type(error).__name__}."), request_id)

    async def _route(self, path: str, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        if path == "/health":
            await _answer(send, 200, {"status": "healthy"})
            return
        if not is_internal(headers.get(TOKEN_HEADER, "")):
            raise NotOurs
        principal = Principal.from_json(json.loads(headers[PRINCIPAL_HEADER]))
        body = await _json_body(receive)
        if path == "/v1/chat/completions":
            chat = ChatBody.of(body)
            shape = ChatShape(f"chatcmpl-{uuid7().hex}", chat.model)
            await self._chat(principal, chat, PieceFrames(shape, chat.includes_usage), receive, send)
        elif path == "/v1/completions":
            plain = CompletionBody.of(body).as_chat()
            frames = PieceFrames(CompletionShape(f"cmpl-{uuid7().hex}", plain.model), plain.includes_usage)
            await self._chat(principal, plain, frames, receive, send)
        elif path == "/v1/responses":
            asked = ResponseBody.of(body)
            answer = ResponseShape(uuid7().hex, asked.model, asked.told_back())
            await self._chat(principal, asked.as_chat(), ResponseFrames(answer), receive, send)
        elif path == "/v1/embeddings":
            await self._embeddings(principal, EmbeddingsBody.of(body), send)
        else:
            raise NotOurs

    async def _embeddings(self, principal: Principal, body: EmbeddingsBody, send: Send) -> None:
        loop = asyncio.get_running_loop()
        with self._room(1):
            found = await loop.run_in_executor(self._pool, texts_embed, principal, body)
        as_base64 = body.encoding_format == "base64"
        await _answer(send, 200, embeddings_answer(body.model, found.vectors, as_base64=as_base64, tokens=found.tokens))

    @contextmanager
    def _room(self, count: int) -> Iterator[None]:
        """Count calls as running.

        Raises:
            GatewayBusy: There would be too many.
        """
        if self.running + count > self._calls_max:
            raise GatewayBusy(details={"calls_max": self._calls_max, "retry_after_seconds": 1})
        self.running += count
        try:
            yield
        finally:
            self.running -= count

    async def _chat(self, principal: Principal, body: ChatBody, frames: Frames, receive: Receive, send: Send) -> None:
        with self._room(body.n or 1):
            await self._answer_chat(principal, body, frames, receive, send)

    async def _answer_chat(
        self, principal: Principal, body: ChatBody, frames: Frames, receive: Receive, send: Send
    ) -> None:
        calls: list[ChatCall] = []
        gone = asyncio.ensure_future(_client_gone(receive, calls))
        try:
            items = self._begin(principal, body, calls)
            if body.stream:
                await _stream(items, calls, frames, send)
            else:
                replies = await _replies(items, len(calls))
                await _answer(send, 200, frames.whole(replies, _told(calls)))
        finally:
            gone.cancel()
            for call in calls:
                call.leave()

    def _begin(self, principal: Principal, body: ChatBody, calls: list[ChatCall]) -> "asyncio.Queue[Item]":
        """Begin a call for each choice, and return the queue into which they put what comes."""
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Item] = asyncio.Queue()

        def put(index: int, value: str | ModelReply | ShannonError) -> None:
            if coroutine_here() is not None:
                items.put_nowait((index, value))
            else:  # a call that is hedged has threads
                loop.call_soon_threadsafe(items.put_nowait, (index, value))

        for index in range(body.n or 1):
            call = ChatCall(principal, body, pool=self._pool, on_delta=partial(put, index) if body.stream else None)
            calls.append(call)
            running = asyncio.ensure_future(_run(call, partial(put, index)))
            self._tasks.add(running)
            running.add_done_callback(self._tasks.discard)
        return items


def _warm() -> None:
    with memory_loaded():
        embedder().embed(["warm"])  # first: what it needs for a moment is taken again by what follows
        gateway_in_use().warm()


async def _run(call: ChatCall, put: Callable[[ModelReply | ShannonError], None]) -> None:
    try:
        put(await call.run())
    except ShannonError as error:
        put(error)
    except Exception as error:
        log.exception("direct_call_broke")
        put(ShannonError(f"The call broke: {type(error).__name__}; the log has the rest."))


async def _replies(items: "asyncio.Queue[Item]", count: int) -> list[ModelReply]:
    """Return the replies of all choices, in order; the first failure is everybody's."""
    replies: dict[int, ModelReply] = {}
    while len(replies) < count:
        index, item = await items.get()
        if isinstance(item, ShannonError):
            raise item
        if isinstance(item, ModelReply):
            replies[index] = item
    return [replies[index] for index in range(count)]


async def _stream(items: "asyncio.Queue[Item]", calls: Sequence[ChatCall], frames: Frames, send: Send) -> None:
    """Send the pieces as they come. What fails before the first one is refused like any request."""
    replies: dict[int, ModelReply] = {}
    begun: set[int] = set()
    while len(replies) < len(calls):
        index, item = await items.get()
        if isinstance(item, ShannonError):
            if not begun:
                raise item
            await _send_body(send, frames.broken(item), more=False)
            return
        if not begun:
            await _start(send, 200, _EVENTS)
        piece = b""
        if index not in begun:
            begun.add(index)
            piece = frames.begin(index)
        if isinstance(item, str):
            piece += frames.text(index, item)
        else:
            replies[index] = item
            piece += frames.end(index, item, _told(calls[index : index + 1]))
        await _send_body(send, piece, more=True)
    await _send_body(send, frames.close([replies[index] for index in range(len(calls))]), more=False)


def _told(calls: Sequence[ChatCall]) -> dict[str, Any]:
    """Return what the budgets did to these calls, as `shannon_events`; nothing, if they did nothing."""
    events = [event for call in calls for event in call.engine.told]
    return {"shannon_events": events} if events else {}


async def _client_gone(receive: Receive, calls: Sequence[ChatCall]) -> None:
    """Tell the calls when nobody waits for them any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
    for call in calls:
        call.leave()


async def _json_body(receive: Receive) -> Any:
    parts, more, size = [], True, 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidInput("The body did not come to its end.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False) and size <= settings.SHANNON_OPENAI_BODY_MAX_BYTES
    content = b"".join(parts)
    body_check(
        content,
        max_bytes=settings.SHANNON_OPENAI_BODY_MAX_BYTES,
        max_values=settings.SHANNON_OPENAI_BODY_MAX_VALUES,
    )
    try:
        return json_read(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.") from error


async def _refuse(send: Send, error: ShannonError, request_id: str) -> None:
    body = openai_error({**error.as_json(), "request_id": request_id}, error.http_status)
    await _answer(send, error.http_status, body, retry_after=error.details.get("retry_after_seconds"))


async def _answer(send: Send, status: int, body: Any, *, retry_after: float | None = None) -> None:
    more = [(b"retry-after", str(max(1, round(retry_after))).encode())] if retry_after is not None else []
    await _start(send, status, _JSON, more)
    await _send_body(send, json.dumps(body).encode(), more=False)


async def _start(send: Send, status: int, kind: bytes, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _send_body(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
