"""Names to addresses by name servers that the operator named."""

import dns.asyncresolver
import dns.exception
import dns.nameserver

from shannon_project.foundation.outbound.errors import OutboundFailed
from shannon_project.foundation.outbound.resolve import Resolver


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
