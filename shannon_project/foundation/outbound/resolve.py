"""Names to addresses: once per connection, by whoever checks the addresses, so that nobody asks a second time."""

import asyncio
import socket
from abc import ABC, abstractmethod

import dns.asyncresolver
import dns.exception
import dns.nameserver
from django.conf import settings

from shannon_project.foundation.outbound.errors import OutboundFailed


class Resolver(ABC):
    """Finds the addresses of a host."""

    @abstractmethod
    async def addresses(self, host: str, port: int) -> list[str]:
        """Return IPv4 and IPv6 addresses, at least one, in the order to try.

        Raises:
            OutboundFailed: The name has no address, or no name server answered.
        """


class SystemResolver(Resolver):
    """Asks the system, as every other program on the machine would."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """See `Resolver.addresses`."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise OutboundFailed(f"{host} has no address: {error}.", details={"host": host}) from error
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class DnsResolver(Resolver):
    """Asks the name servers that the settings name: `address:port`, comma-separated."""

    def __init__(self, servers: str) -> None:
        """Take name servers, for example `10.0.0.2:53,10.0.0.3:53`."""
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [_nameserver(server) for server in servers.split(",") if server.strip()]

    async def addresses(self, host: str, port: int) -> list[str]:  # noqa: ARG002 - as the system's resolver is asked
        """See `Resolver.addresses`."""
        try:
            answers = await self._resolver.resolve_name(host)
        except dns.exception.DNSException as error:
            raise OutboundFailed(f"{host} has no address: {error}.", details={"host": host}) from error
        return list(answers.addresses())


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    address, _, port = text.strip().rpartition(":")
    return dns.nameserver.Do53Nameserver(address.strip("[]") or text.strip(), int(port or 53))


def resolver_in_use() -> Resolver:
    """Return the resolver that the settings say; a new one, since it belongs to one event loop."""
    servers = settings.SHANNON_HTTP_DNS_SERVERS
    return DnsResolver(servers) if servers else SystemResolver()
