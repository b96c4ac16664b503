"""Where `/mcp` is served beside Django: the key is checked here, the library is loaded at the first request."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from orchestration.api.endpoint import in_thread
from orchestration.errors import HostNotAllowed
from policy.errors import ApiKeyMissing, RateLimited
from policy.services import RateState, request_authenticate
from policy.types import Principal
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.http import envelope
from shannon_project.foundation.ids import uuid7

PATH: Final = "/mcp"
PRINCIPAL: Final = "shannon.principal"
"""The key of the scope under which whoever answers finds who asks."""

Scope = dict[str, Any]


class McpMount:
    """An ASGI application: requests for `/mcp` go to the protocol's server, all others to the inner application."""

    def __init__(self, inner: Any, server: str = "orchestration.api.mcp.server.McpServerApp") -> None:
        """Take the application for everything else, and the dotted path of the server."""
        self._inner = inner
        self._server_path = server

    @cached_property
    def _server(self) -> Any:
        return import_string(self._server_path)()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != PATH:
            await self._inner(scope, receive, send)
            return
        request_id = uuid7().hex
        try:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            _host_check(headers.get("host", ""))
            scope[PRINCIPAL], rate = await in_thread(_caller, headers)
        except ShannonError as error:
            await _refuse(send, error, request_id)
            return
        await self._server(scope, receive, send if rate is None else _with_headers(send, rate.headers()))


def _host_check(host: str) -> None:
    """Refuse a request for another host: a page in a browser could have been led here by a changed name."""
    allowed = settings.ALLOWED_HOSTS or (["localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    if not validate_host(split_domain_port(host)[0], allowed):
        raise HostNotAllowed(details={"host": host[:200]})


def _caller(headers: dict[str, str]) -> tuple[Principal, RateState | None]:
    """Return who asks, and where the limits of requests stand now."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = headers.get("x-api-key", "").strip() or (token.strip() if scheme.lower() == "bearer" else "")
    if not key:
        raise ApiKeyMissing
    return request_authenticate(api_key=key)


def _with_headers(send: Any, headers: Mapping[str, str]) -> Any:
    """Return a `send` that puts headers on the answer."""

    async def send_with(message: Scope) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_encoded(headers)]}
        await send(message)

    return send_with


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def _refuse(send: Any, error: ShannonError, request_id: str) -> None:
    body = json.dumps(envelope(error.code, error.message, error.details, request_id)).encode()
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    if error.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, RateLimited):
        headers += _encoded({**error.headers, "Retry-After": str(error.details["retry_after_seconds"])})
    await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
