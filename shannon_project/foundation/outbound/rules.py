"""Which addresses may be reached. Pure: nothing here asks the network.

An address is refused unless it is a public one. What counts as public follows the IANA special-purpose registries as
`ipaddress` knows them; addresses that carry an IPv4 address inside (mapped, 6to4, NAT64, Teredo) are judged by that
one too, and a few public-looking ones that clouds answer on their inside are refused by name.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from shannon_project.foundation.outbound.errors import OutboundRefused

SCHEMES: Final = {"http": 80, "https": 443}
URL_MAX_CHARACTERS: Final = 4_096
_NAT64: Final = IPv6Network("64:ff9b::/96")
_CLOUD_INSIDE: Final = frozenset({"168.63.129.16"})  # Azure's metadata and DNS; the others use non-public addresses
_SPECIAL: Final = (  # by the registries; older Pythons know less of them
    IPv4Network("192.0.0.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
)

IPAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """What an installation lets out.

    Attributes:
        ports: Ports that may be reached.
        hosts_allowed: Host names, with their subdomains, that alone may be reached; empty: any public one.
        hosts_denied: Host names, with their subdomains, that may not.
        endpoints_allowed: `host:port` pairs that may be reached although private or on another port.
        networks_allowed: Networks whose addresses count as public.
        hosts_only: Host names, with their subdomains, that alone may be reached by this one caller, whatever else is
            allowed; empty: no such limit.
    """

    ports: frozenset[int] = frozenset(SCHEMES.values())
    hosts_allowed: frozenset[str] = frozenset()
    hosts_denied: frozenset[str] = frozenset()
    endpoints_allowed: frozenset[str] = frozenset()
    networks_allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts_only: frozenset[str] = frozenset()

    def narrowed(self, hosts: Collection[str]) -> "OutboundRules":
        """Return these rules for a caller that may reach only these hosts of what they allow; empty: these rules."""
        return replace(self, hosts_only=frozenset(hosts)) if hosts else self

    def is_endpoint_allowed(self, host: str, port: int) -> bool:
        """Tell whether the operator named this very endpoint."""
        return f"{host}:{port}" in self.endpoints_allowed

    def url_check(self, url: str) -> tuple[str, int]:
        """Return the host (lower case, no final dot) and port of a URL that may be asked for.

        Raises:
            OutboundRefused: It may not, or is no URL of HTTP (the caller's fault); `details.url` is the one.
        """
        if len(url) > URL_MAX_CHARACTERS:
            raise OutboundRefused(f"The URL has {len(url)} characters; at most {URL_MAX_CHARACTERS} are taken.")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
        except ValueError as error:
            raise OutboundRefused(f"This is no URL: {error}.", details={"url": url_shown(url)}) from error
        if parts.scheme not in SCHEMES or not host:
            raise OutboundRefused(
                "Only http:// and https:// URLs with a host may be asked for.", details={"url": url_shown(url)}
            )
        if parts.username is not None or parts.password is not None:
            raise OutboundRefused("A URL with a user name or password in it is not asked for.")
        port = port or SCHEMES[parts.scheme]
        self._endpoint_check(host, port, url)
        return host, port

    def _endpoint_check(self, host: str, port: int, url: str) -> None:
        if self.hosts_only and not _is_among(host, self.hosts_only):
            only = ", ".join(sorted(self.hosts_only))
            raise OutboundRefused(f"{host} may not be reached from here; only {only}.", details={"url": url_shown(url)})
        if self.is_endpoint_allowed(host, port):
            return
        if port not in self.ports:
            allowed = ", ".join(str(number) for number in sorted(self.ports))
            raise OutboundRefused(f"Port {port} may not be reached; only {allowed}.", details={"url": url_shown(url)})
        if _is_among(host, self.hosts_denied):
            raise OutboundRefused(f"{host} may not be reached from here.", details={"url": url_shown(url)})
        if self.hosts_allowed and not _is_among(host, self.hosts_allowed):
            allowed = ", ".join(sorted(self.hosts_allowed))
            raise OutboundRefused(f"{host} may not be reached; only {allowed}.", details={"url": url_shown(url)})

    def address_check(self, host: str, port: int, address: str) -> None:
        """Refuse an address that is not public, unless the operator named the endpoint.

        Raises:
            OutboundRefused: The host has that address (the caller's fault, or an attack). The address is not told.
        """
        number = ip_address(address.split("%", maxsplit=1)[0])
        if self.is_endpoint_allowed(host, port) or any(number in network for network in self.networks_allowed):
            return
        if not is_public(number):
            raise OutboundRefused(
                f"{host} is an address inside a private or special network; only public ones may be reached.",
                details={"host": host},
            )


def url_shown(url: str) -> str:
    """Return a URL as errors may name it: without user, query and fragment, where secrets stand."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{'' if port is None else f':{port}'}{parts.path}"[:500]


def is_public(address: IPAddress) -> bool:
    """Tell whether packets to this address go to the public internet."""
    return all(_is_ordinary(one) for one in _with_inner(address))


def _is_ordinary(address: IPAddress) -> bool:
    is_special = str(address) in _CLOUD_INSIDE or any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not is_special


def _with_inner(address: IPAddress) -> list[IPAddress]:
    """Return the address, or the IPv4 addresses that it stands for, which decide where packets go."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(address.packed[-4:])]
    inner: list[IPAddress] = [address]
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.extend(address.teredo)
    return inner


def _is_among(host: str, names: frozenset[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


@cache
def _rules(ports: str, allowed: str, denied: str, endpoints: str, networks: str) -> OutboundRules:
    return OutboundRules(
        ports=frozenset(int(port) for port in _listed(ports)),
        hosts_allowed=frozenset(_listed(allowed)),
        hosts_denied=frozenset(_listed(denied)),
        endpoints_allowed=frozenset(_listed(endpoints)),
        networks_allowed=tuple(ip_network(network) for network in _listed(networks)),
    )


def _listed(text: str) -> list[str]:
    return [item.strip().lower() for item in text.split(",") if item.strip()]


def rules_in_use() -> OutboundRules:
    """Return the rules that the settings say."""
    return _rules(
        settings.SHANNON_HTTP_PORTS,
        settings.SHANNON_HTTP_HOSTS_ALLOWED,
        settings.SHANNON_HTTP_HOSTS_DENIED,
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED,
        settings.SHANNON_HTTP_NETWORKS_ALLOWED,
    )
