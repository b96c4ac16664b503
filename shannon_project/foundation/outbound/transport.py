"""A transport for httpx2 that connects only to addresses that it has checked itself."""

import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import httpx2

from shannon_project.foundation.outbound.errors import OutboundFailed, OutboundTooLarge
from shannon_project.foundation.outbound.resolve import Resolver
from shannon_project.foundation.outbound.rules import OutboundRules


class _Bounded(httpx2.AsyncByteStream):
    """An answer's bytes as they come over the wire, up to a limit."""

    def __init__(self, inner: Any, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._max_bytes:
                raise OutboundTooLarge(
                    f"The answer has more than {self._max_bytes} bytes.", details={"max_bytes": self._max_bytes}
                )
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Resolves a name once, refuses it if any of its addresses is forbidden, and connects to an address that it saw.

    A name server that gives another answer the next time (DNS rebinding) gains nothing: nobody asks it again for this
    connection. TLS is still for the name: it is sent as SNI and the certificate must bear it. Connections are not
    kept, since the pool would find them by address alone and hand one host's to another.
    """

    def __init__(self, rules: OutboundRules, resolver: Resolver, *, max_bytes: int, is_plain: bool = False) -> None:
        """Take what may be reached, who finds addresses, and how many bytes one answer may have on the wire.

        `is_plain`: an answer that is compressed is refused.
        """
        self._max_bytes = max_bytes
        self._is_plain = is_plain
        self._rules = rules
        self._resolver = resolver
        self._inner = httpx2.AsyncHTTPTransport(
            trust_env=False, retries=0, limits=httpx2.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, without following where it leads; the client comes here again for each redirect.

        Raises:
            OutboundRefused: The URL or an address of its host is forbidden.
            OutboundFailed: The name has no address.
            httpx2.TransportError: As httpx2 says it.
        """
        host, port = self._rules.url_check(str(request.url))
        addresses = await self._addresses(host, port)
        for address in addresses:
            self._rules.address_check(host, port, address)
        request.extensions = {**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")}
        request.headers["Host"] = request.url.netloc.decode("ascii")
        for address in addresses[:-1]:
            with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):  # nothing was sent: try the next one
                return await self._send(request, address)
        return await self._send(request, addresses[-1])

    async def _addresses(self, host: str, port: int) -> list[str]:
        with contextlib.suppress(ValueError):
            return [str(ip_address(host))]
        addresses = await self._resolver.addresses(host, port)
        if not addresses:
            raise OutboundFailed(f"{host} has no address.", details={"host": host})
        return addresses

    async def _send(self, request: httpx2.Request, address: str) -> httpx2.Response:
        pinned = httpx2.Request(
            method=request.method,
            url=request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        response = await self._inner.handle_async_request(pinned)
        if self._is_plain and response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise OutboundFailed("The answer is compressed, although it was asked for as it is.")
        response.stream = _Bounded(response.stream, self._max_bytes)
        return response

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()
