"""Names to addresses: once per connection, by whoever checks the addresses, so that nobody asks a second time."""

import asyncio
import socket
from abc import ABC, abstractmethod

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


def resolver_in_use() -> Resolver:
    """Return the resolver that the settings say; a new one, since it belongs to one event loop."""
    servers = settings.SHANNON_HTTP_DNS_SERVERS
    if not servers:
        return SystemResolver()
    # Imported here, because its library is 9 MB of every process and few installations name servers.
    from shannon_project.foundation.outbound.name_servers import DnsResolver  # noqa: PLC0415

    return DnsResolver(servers)
