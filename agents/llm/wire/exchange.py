"""One exchange with a server over HTTP: the request is sent, and what comes back is read, each part in its time."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter

from agents.llm.timeouts import WHOLE_ANSWER, CallTimeouts
from agents.llm.watchdog import CallOverdue
from agents.llm.wire.request import WireRequest

T = TypeVar("T")

_KEEP_SECONDS: Final = 30.0
_OK: Final = 200
_BROKEN: Final = 500  # what litellm says of an error that a server put into a stream
_ERROR_MAX_BYTES: Final = 64 * 1024
_ANSWER_MAX_BYTES: Final = 8 * 1024 * 1024  # of JSON: longer than any answer that is kept, and read in a moment
_DATA: Final = b"data:"
_END: Final = b"[DONE]"
_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}
_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]" = WeakKeyDictionary()


class WireFailed(Exception):
    """The server refused, or broke off. `status` None: it said none. `was_begun`: in the middle of a good answer."""

    def __init__(
        self, status: int | None, said: str, headers: Mapping[str, str] | None = None, *, was_begun: bool = False
    ) -> None:
        """Make the failure of an answer with this status, text and headers."""
        super().__init__(said)
        self.status = status
        self.said = said
        self.headers = dict(headers or {})
        self.was_begun = was_begun


class WireUnreadable(Exception):
    """What the server sent is no JSON object."""


class WireTooLarge(Exception):
    """The answer, or one piece of it, is longer than any may be; `said` is its beginning."""

    def __init__(self, said: bytes) -> None:
        """Make the failure of what came until then."""
        super().__init__(f"more than {_ANSWER_MAX_BYTES} bytes")
        self.said = said.decode("utf-8", "replace")


async def whole_read(request: WireRequest, timeouts: CallTimeouts) -> dict[str, Any]:
    """Send a request and return the answer.

    Raises:
        WireFailed: The server refused, or broke off. WireUnreadable: It sent something else.
        WireTooLarge: It sent too much. CallOverdue: Its time is over.
    """
    body = _Body(request)
    content = await _Patience(timeouts, body).part(_whole(request, body, timeouts))
    if len(content) > _ANSWER_MAX_BYTES:
        raise WireTooLarge(content)
    return _object(content)


async def pieces_read(request: WireRequest, timeouts: CallTimeouts) -> AsyncGenerator[dict[str, Any]]:
    """Send a request and yield the pieces of its stream. Raises as `whole_read`.

    Who leaves it early closes it: that ends the connection, and with it what the server does.
    """
    body = _Body(request)
    patience = _Patience(timeouts, body)
    response = await patience.part(_opened(request, body, timeouts))
    try:
        events = _Events()
        while not events.are_over:
            content = await patience.part(_some(response))
            if not content:
                break
            for event in events.add(content):
                patience.came()
                piece = _object(event)
                if piece.get("error"):
                    raise WireFailed(_status_of(piece["error"]), json.dumps(piece["error"]))
                yield piece
        if not response.content.at_eof():
            await asyncio.sleep(0)  # as a rule the end of the body is there by then, and the connection is kept
    finally:
        response.close()  # nothing, where the body came to its end


class _Body(aiohttp.BytesPayload):
    """The body of a request, which knows whether it was sent: from then on the answer may be billed."""

    def __init__(self, request: WireRequest) -> None:
        super().__init__(json.dumps(request.body).encode())
        self.is_sent = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await super().write_with_length(writer, content_length)
        self.is_sent = True


class _Patience:
    """How long each part may be waited for."""

    def __init__(self, timeouts: CallTimeouts, body: _Body) -> None:
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + timeouts.total
        self._between = timeouts.between_tokens
        self._seconds, self._waited_for = timeouts.first_token, "the first token"

    async def part(self, awaitable: Awaitable[T]) -> T:
        until = min(self._end, self._loop.time() + self._seconds)
        try:
            async with asyncio.timeout_at(until):
                return await awaitable
        except TimeoutError:
            waited_for = self._waited_for if until < self._end else WHOLE_ANSWER
            raise CallOverdue(waited_for, was_asked=self._body.is_sent) from None

    def came(self) -> None:
        """Note that a part came: the next one has a time of its own."""
        self._seconds, self._waited_for = self._between, "the next token"


class _Events:
    """Makes events of a stream's bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self) -> None:
        self.are_over = False
        self._rest = b""
        self._data: list[bytes] = []

    def add(self, content: bytes) -> list[bytes]:
        """Return the data of the events that are complete by now, up to the mark of the end."""
        *lines, self._rest = (self._rest + content).split(b"\n")
        if len(self._rest) > _ANSWER_MAX_BYTES:
            raise WireTooLarge(self._rest)
        found: list[bytes] = []
        for line in lines:
            text = line.rstrip(b"\r")
            if text.startswith(_DATA):
                self._data.append(text[len(_DATA) :].lstrip(b" "))
            elif not text and self._data:
                event, self._data = b"\n".join(self._data), []
                if event.strip() == _END:
                    self.are_over = True
                    break
                found.append(event)
        return found


async def _opened(request: WireRequest, body: _Body, timeouts: CallTimeouts) -> aiohttp.ClientResponse:
    """Send the request and return the response, if it is a good one."""
    times = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect)
    with _failures():
        response = await _session().post(request.url, data=body, headers={**_HEADERS, **request.headers}, timeout=times)
        if response.status == _OK:
            return response
        try:
            said = (await _up_to(response, _ERROR_MAX_BYTES)).decode("utf-8", "replace")
        finally:
            response.close()
    raise WireFailed(response.status, said, {name.lower(): value for name, value in response.headers.items()})


async def _whole(request: WireRequest, body: _Body, timeouts: CallTimeouts) -> bytes:
    response = await _opened(request, body, timeouts)
    try:
        with _failures(was_begun=True):
            return await _up_to(response, _ANSWER_MAX_BYTES)
    finally:
        response.close()


async def _some(response: aiohttp.ClientResponse) -> bytes:
    with _failures(was_begun=True):
        return await response.content.readany()


async def _up_to(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read a body; of a longer one a beginning of more than that."""
    content = bytearray(await response.content.readany())
    while not response.content.at_eof() and len(content) <= max_bytes:
        content += await response.content.readany()
    return bytes(content)


@contextmanager
def _failures(*, was_begun: bool = False) -> Iterator[None]:
    """Make our errors of the client's."""
    try:
        yield
    except aiohttp.ServerTimeoutError:
        raise CallOverdue("the connection", was_asked=False) from None
    except (aiohttp.ClientError, OSError) as error:
        raise WireFailed(None, f"{type(error).__name__}: {error}", was_begun=was_begun) from None


def _status_of(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else _BROKEN


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise WireUnreadable from None
    if not isinstance(value, dict):
        raise WireUnreadable
    return value


def _session() -> aiohttp.ClientSession:
    """One client with its connections for each event loop; it trusts whom httpx trusts."""
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_SECONDS, ssl=httpx.create_ssl_context())
        session = _sessions[loop] = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    return session


async def connections_close() -> None:
    """Close the connections of this event loop: it ends."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()
