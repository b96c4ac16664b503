"""An HTTP proxy on this machine that lets out what the rules let out: for programs that make requests by themselves.

Whoever is behind it names a host and never an address: the proxy resolves it once, refuses it if any of its addresses
is forbidden, and connects to one that it saw. So redirects, parts of a page, scripts and WebSockets are all judged
alike, and a name that is resolved anew (DNS rebinding) gains nothing.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import structlog

from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.outbound.errors import OutboundFailed, OutboundRefused
from shannon_project.foundation.outbound.resolve import resolver_in_use
from shannon_project.foundation.outbound.rules import SCHEMES, rules_in_use

log = structlog.get_logger(__name__)

PROXY_STATUS: Final = "Proxy-Status"
PROXY_NAME: Final = "shannon-guard"
_HEAD_MAX_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 15.0
_REFUSED_MAX: Final = 20
_HOP_HEADERS: Final = frozenset({b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive"})

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class GuardedProxy:
    """One proxy, for one program, on a port of its own of the loopback interface.

    Attributes:
        url: Where it listens.
        refused: Sentences on what was refused, each once, at most 20.
    """

    def __init__(self, *, max_bytes: int) -> None:
        """Make a proxy that lets `max_bytes` come in through all its connections together."""
        self.url = ""
        self.refused: list[str] = []
        self._bytes_left = max_bytes
        self._max_bytes = max_bytes
        self._rules = rules_in_use()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def running(self) -> Iterator["GuardedProxy"]:
        """Listen until the end; what is open then is closed."""
        thread = threading.Thread(target=self._serve, name="guarded-proxy", daemon=True)
        thread.start()
        self._ready.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=_HEAD_MAX_BYTES)
        )
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            log.debug("proxy_connection_ended", error=str(error))
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, headers = head.partition(b"\r\n")
        method, target, version = line.split(b" ", 2)
        is_tunnel = method == b"CONNECT"
        url = f"https://{target.decode('ascii')}/" if is_tunnel else target.decode("ascii")
        try:
            there = await self._connected(url)
        except OutboundRefused as error:
            self._note(error)
            await _told(writer, 403, error.message, status="destination_ip_prohibited")
            return
        except (OutboundFailed, OSError, TimeoutError) as error:
            await _told(writer, 502, str(error), status="destination_unavailable")
            return
        try:
            if is_tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                there[1].write(_forwarded(method, url, version, headers))
            await self._both_ways((reader, writer), there)
        finally:
            there[1].close()

    async def _connected(self, url: str) -> Streams:
        """Return a connection to an address of the URL's host that may be reached.

        Raises:
            OutboundRefused: None may.
            OutboundFailed: The name has no address.
            OSError, TimeoutError: Nobody answers there.
        """
        host, port = self._rules.url_check(url)
        try:
            addresses = [str(ip_address(host))]
        except ValueError:
            addresses = await resolver_in_use().addresses(host, port)
        for address in addresses:
            self._rules.address_check(host, port, address)
        for address in addresses[:-1]:
            with contextlib.suppress(OSError, TimeoutError):
                return await _opened(address, port)
        return await _opened(addresses[-1], port)

    async def _both_ways(self, here: Streams, there: Streams) -> None:
        out = asyncio.ensure_future(self._copy(here[0], there[1], is_counted=False))
        try:
            await self._copy(there[0], here[1], is_counted=True)
        finally:
            out.cancel()
            await asyncio.gather(out, return_exceptions=True)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_counted: bool) -> None:
        while chunk := await source.read(_CHUNK_BYTES):
            if is_counted:
                self._bytes_left -= len(chunk)
                if self._bytes_left < 0:
                    self._note(OutboundRefused(f"More than {self._max_bytes} bytes in all may not be read."))
                    return
            sink.write(chunk)
            await sink.drain()
        with contextlib.suppress(OSError, RuntimeError):
            sink.write_eof()

    def _note(self, error: ShannonError) -> None:
        if len(self.refused) < _REFUSED_MAX and error.message not in self.refused:
            self.refused.append(error.message)


async def _opened(address: str, port: int) -> Streams:
    return await asyncio.wait_for(asyncio.open_connection(address, port), _CONNECT_SECONDS)


async def _told(writer: asyncio.StreamWriter, code: int, message: str, *, status: str) -> None:
    """Answer by ourselves, and say so as RFC 9209 has it."""
    body = message.encode("utf-8", "replace")
    head = f"HTTP/1.1 {code} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    head += f"{PROXY_STATUS}: {PROXY_NAME}; error={status}\r\n"
    writer.write(head.encode("ascii") + b"Connection: close\r\n\r\n" + body)
    await writer.drain()


def _forwarded(method: bytes, url: str, version: bytes, headers: bytes) -> bytes:
    """Return the head of a plain request as a server wants it; its connection serves no other one.

    The host is that of the URL which was judged, whatever the request says of it.
    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [
        line
        for line in headers.split(b"\r\n")
        if line and line.partition(b":")[0].strip().lower() not in _HOP_HEADERS | {b"host"}
    ]
    port = parts.port or SCHEMES[parts.scheme]
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    authority = named if port == SCHEMES[parts.scheme] else f"{named}:{port}"
    upgrades = any(line.lower().startswith(b"upgrade:") for line in kept)
    kept += [b"Host: " + authority.encode("ascii"), b"Connection: " + (b"Upgrade" if upgrades else b"close")]
    return b" ".join((method, path.encode("ascii"), version)) + b"\r\n" + b"\r\n".join(kept) + b"\r\n\r\n"
