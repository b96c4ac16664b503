"""The one guard for requests that leave the platform on a tenant's behalf: scheme, address, redirects, size, time."""

from shannon_project.foundation.outbound.errors import (
    OutboundFailed,
    OutboundRefused,
    OutboundTimeout,
    OutboundTooLarge,
)
from shannon_project.foundation.outbound.fetch import OutboundResponse, fetch, fetch_async, guarded_client
from shannon_project.foundation.outbound.rules import OutboundRules, rules_in_use

__all__ = [
    "OutboundFailed",
    "OutboundRefused",
    "OutboundResponse",
    "OutboundRules",
    "OutboundTimeout",
    "OutboundTooLarge",
    "fetch",
    "fetch_async",
    "guarded_client",
    "rules_in_use",
]
