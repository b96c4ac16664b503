"""A transport for httpx2 that connects only to addresses that it has checked itself."""

import contextlib
from ipaddress import ip_address

import httpx2

from shannon_project.foundation.outbound.errors import OutboundFailed
from shannon_project.foundation.outbound.resolve import Resolver
from shannon_project.foundation.outbound.rules import OutboundRules


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Resolves a name once, refuses it if any of its addresses is forbidden, and connects to an address that it saw.

    A name server that gives another answer the next time (DNS rebinding) gains nothing: nobody asks it again for this
    connection. TLS is still for the name: it is sent as SNI and the certificate must bear it. Connections are not
    kept, since the pool would find them by address alone and hand one host's to another.
    """

    def __init__(self, rules: OutboundRules, resolver: Resolver) -> None:
        """Take what may be reached and who finds addresses."""
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
        request.headers.setdefault("Host", request.url.netloc.decode("ascii"))
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
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()
