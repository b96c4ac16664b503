"""Registering MCP servers; every change is the tenant's. Credentials are encrypted before they are stored."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from agents.errors import McpServerExists, McpServerFailed, McpServerInvalid, McpServerNotFound
from agents.models import McpServer
from agents.tenant_rows.repository import TenantRepository
from agents.tools.mcp.base import Endpoint, HttpEndpoint, ToolRecord, connector_in_use
from agents.tools.mcp.trust import trust_given, trust_left
from agents.types import Insert, inserted
from policy.errors import ScopeMissing
from policy.services import audit_record, registry_changed
from policy.types import AuditOutcome, Principal
from shannon_project.foundation.encryption import SecretUnreadable, secret_decrypt, secret_encrypt
from shannon_project.foundation.outbound import OutboundFailed, OutboundRefused, rules_in_use
from shannon_project.foundation.text import storable_text

_NAME: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*\Z")
_NAME_MAX_CHARACTERS: Final = 24
_REFRESH_AT_ONCE_SECONDS: Final = 30.0  # a job's turn; the next one goes on
_DANGEROUS: Final = "tools:dangerous"
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_OURS: Final = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,4000}\Z")


@dataclass(frozen=True, slots=True)
class McpServerChanges:
    """What is to be set; None leaves a thing as it is. `headers` replace all that were there."""

    url: str | None = None
    headers: Mapping[str, str] | None = None
    tools_allowed: Sequence[str] | None = None
    tools_trusted: Sequence[str] | None = None
    timeout_seconds: float | None = None
    is_active: bool | None = None


def mcp_servers(*, principal: Principal) -> "QuerySet[McpServer]":
    """Return the tenant's servers by name."""
    return ROWS.of(principal)


def mcp_server_for(*, principal: Principal, server_id: UUID) -> McpServer:
    """Return one of the tenant's servers.

    Raises:
        McpServerNotFound: The tenant has none of this id.
    """
    return ROWS.get(principal, id=server_id)


def mcp_server_create(
    *, principal: Principal, name: str, changes: McpServerChanges, insert: Insert = inserted
) -> McpServer:
    """Register a server and ask it for its tools; one that does not answer is registered all the same.

    Raises:
        ScopeMissing, McpServerInvalid, McpServerExists: As for `mcp_server_add`.
    """
    server = mcp_server_add(principal=principal, name=name, changes=changes, insert=insert)
    return mcp_server_refresh(principal=principal, server_id=server.id)


def mcp_server_add(
    *, principal: Principal, name: str, changes: McpServerChanges, insert: Insert = inserted
) -> McpServer:
    """Register a server; nobody asks it yet, so that it can be done within a transaction.

    Raises:
        ScopeMissing: Tools are to be trusted, and the key may not call dangerous ones itself.
        McpServerInvalid: Name, address or headers are not fit (the caller's fault).
        McpServerExists: The tenant has one of this name, or as many as it may have (the caller's fault).
    """
    mcp_server_check(principal=principal, name=name, changes=changes)
    return ROWS.add(principal, McpServer(name=name, **_values(changes)), insert=insert)


def mcp_server_check(*, principal: Principal, name: str | None, changes: McpServerChanges) -> None:
    """Refuse what could not be registered, or set for one that is (`name` None).

    Raises:
        ScopeMissing, McpServerInvalid, McpServerExists: As for `mcp_server_add`.
    """
    _trust_check(principal, changes)
    if name is not None:
        if not _NAME.match(name) or len(name) > _NAME_MAX_CHARACTERS or changes.url is None:
            raise McpServerInvalid
        ROWS.room_check(principal.tenant_id)
    _values(changes)


def mcp_server_change(*, principal: Principal, server_id: UUID, changes: McpServerChanges) -> McpServer:
    """Change a server; a new address or new headers mean that it is asked for its tools again.

    Raises:
        ScopeMissing, McpServerNotFound, McpServerInvalid: As for `mcp_server_set`.
    """
    if mcp_server_set(principal=principal, server_id=server_id, changes=changes):
        return mcp_server_refresh(principal=principal, server_id=server_id)
    return mcp_server_for(principal=principal, server_id=server_id)


def mcp_server_set(*, principal: Principal, server_id: UUID, changes: McpServerChanges) -> bool:
    """Change a server; nobody asks it yet. Returns whether it should be asked for its tools again.

    Headers do not go along to another origin: they must be given again. Nor does trust go along to another address:
    a name is the server's, and trust is in what it stood for (`agents.tools.mcp.trust`).

    Raises:
        ScopeMissing: Tools are to be trusted, and the key may not call dangerous ones itself.
        McpServerNotFound: The tenant has none of this id.
        McpServerInvalid: Address or headers are not fit (the caller's fault).
    """
    mcp_server_check(principal=principal, name=None, changes=changes)
    values = _values(changes)
    with transaction.atomic():
        server = ROWS.of(principal).select_for_update().filter(id=server_id).first()
        if server is None:
            raise ROWS.absent(id=server_id)
        if changes.url is not None and changes.headers is None and _origin(changes.url) != _origin(server.url):
            values["encrypted_headers"] = ""  # credentials are for whom they were given to
        moves = changes.url not in (None, server.url)
        if moves or changes.tools_trusted is not None:
            values |= trust_given(server, changes.tools_trusted or (), moves=moves)
        ROWS.change(principal, values, id=server_id)
    return changes.url is not None or changes.headers is not None


def mcp_server_delete(*, principal: Principal, server_id: UUID) -> None:
    """Forget a server and its credentials.

    Raises:
        McpServerNotFound: The tenant has none of this id.
    """
    ROWS.delete(principal, id=server_id)


def mcp_server_refresh(*, principal: Principal, server_id: UUID) -> McpServer:
    """Ask the server for its tools and keep them; what it offered before stays when it does not answer.

    Raises:
        McpServerNotFound: The tenant has none of this id.
    """
    server = mcp_server_for(principal=principal, server_id=server_id)
    _discover(server)
    return mcp_server_for(principal=principal, server_id=server_id)


def mcp_server_outdated(server_id: UUID) -> None:
    """Ask a server again that said that its tools have changed."""
    server = McpServer.objects.filter(id=server_id, is_active=True).first()
    if server is not None:
        _discover(server)


def mcp_servers_refresh() -> int:
    """Ask servers again that were not asked for `SHANNON_MCP_REFRESH_SECONDS`; several at once share them.

    Servers of today's protocol tell of changes only whoever listens all the time, and some tell nobody.

    Returns:
        How many were asked.
    """
    asked = 0
    ends_at = time.monotonic() + _REFRESH_AT_ONCE_SECONDS
    while time.monotonic() < ends_at and (server := _claimed()):
        _discover(server)
        asked += 1
    return asked


def _claimed() -> McpServer | None:
    """Return the server that was asked longest ago and is nobody else's to ask now."""
    before = Now() - timedelta(seconds=settings.SHANNON_MCP_REFRESH_SECONDS)
    due = McpServer.objects.filter(Q(asked_at=None) | Q(asked_at__lt=before), is_active=True)
    with transaction.atomic():
        server = due.select_for_update(skip_locked=True).order_by(F("asked_at").asc(nulls_first=True)).first()
        if server is not None:
            McpServer.objects.filter(id=server.id).update(asked_at=Now())
    return server


def endpoint_of(server: McpServer) -> HttpEndpoint:
    """Return how the server is reached.

    Raises:
        SecretUnreadable: Its credentials were encrypted with a key that is gone.
    """
    headers = json.loads(secret_decrypt(server.encrypted_headers)) if server.encrypted_headers else {}
    return HttpEndpoint(server.url, headers)


def tools_discover(name: str, endpoint: Endpoint) -> list[ToolRecord]:
    """Return what a server offers now; raises what `McpConnector.tools` does."""
    return connector_in_use().tools(
        name,
        endpoint,
        timeout_seconds=settings.SHANNON_MCP_DISCOVERY_SECONDS,
        limit=settings.SHANNON_MCP_TOOLS_MAX,
    )


def _discover(server: McpServer) -> None:
    """Ask a server and keep what it says, unless it was told to be elsewhere or somebody else meanwhile."""
    asked = McpServer.objects.filter(id=server.id, url=server.url, encrypted_headers=server.encrypted_headers)
    try:
        tools = tools_discover(server.name, endpoint_of(server))
    except (McpServerFailed, OutboundRefused, OutboundFailed, SecretUnreadable) as error:
        asked.update(discovery_error=storable_text(error.message[:500]), asked_at=Now())
    else:
        _keep(asked, tools)
    registry_changed(server.tenant_id)


def _keep(asked: "QuerySet[McpServer]", tools: list[ToolRecord]) -> None:
    """Store what a server offers; trust in a tool that it describes anew ends, which is in the audit log."""
    with transaction.atomic():
        server = asked.select_for_update().first()
        if server is None:
            return
        asked.update(tools=tools, discovered_at=Now(), asked_at=Now(), discovery_error="")
        server.refresh_from_db(fields=["tools"])
        values, ended = trust_left(server, now=datetime.now(UTC))
        asked.update(**values)
        if ended:
            audit_record(
                tenant_id=server.tenant_id,
                actor="system",
                action="mcp_server.trust_ended",
                outcome=AuditOutcome.CHANGED,
                reason=f"The server {server.name} describes tools anew that were trusted.",
                resource={"id": str(server.id), "server": server.name, "tools": ended},
            )


def _values(changes: McpServerChanges) -> dict[str, Any]:
    values: dict[str, Any] = {
        "tools_allowed": None if changes.tools_allowed is None else list(changes.tools_allowed),
        "tools_trusted": None if changes.tools_trusted is None else list(changes.tools_trusted),
        "timeout_seconds": changes.timeout_seconds,
        "is_active": changes.is_active,
        "url": None if changes.url is None else _url(changes.url),
        "encrypted_headers": None if changes.headers is None else _encrypted(changes.headers),
    }
    return {name: value for name, value in values.items() if value is not None}


def _trust_check(principal: Principal, changes: McpServerChanges) -> None:
    """Nobody lets agents call as harmless what the own key may not call."""
    if changes.tools_trusted and not principal.has_scope(_DANGEROUS):
        raise ScopeMissing(f"Trusting tools needs the scope {_DANGEROUS}.", details={"required": _DANGEROUS})


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _url(url: str) -> str:
    try:
        rules_in_use().url_check(url)
    except OutboundRefused as error:
        raise McpServerInvalid(error.message, details=error.details) from error
    return url


def _encrypted(headers: Mapping[str, str]) -> str:
    for name, value in headers.items():
        if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value) or name.lower() in _OURS:
            raise McpServerInvalid(
                "A header's name and value are printable ASCII, and none of HTTP's own is set here.",
                details={"header": name[:100]},
            )
    return secret_encrypt(json.dumps(dict(headers))) if headers else ""


ROWS: Final = TenantRepository(
    McpServer,
    kind="MCP server",
    kinds="MCP servers",
    id_name="server_id",
    missing=McpServerNotFound,
    taken=McpServerExists,
    limit=lambda: settings.SHANNON_MCP_SERVERS_MAX,
)
