"""Where `/mcp` is served beside Django: the key is checked here, the library is loaded at the first request."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from django.utils.module_loading import import_string

from orchestration.api.asgi_edge import Scope, caller_of, headers_encoded, headers_of, host_check
from orchestration.api.endpoint import in_thread
from policy.errors import RateLimited
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.http import envelope
from shannon_project.foundation.ids import uuid7

PATH: Final = "/mcp"
PRINCIPAL: Final = "shannon.principal"
"""The key of the scope under which whoever answers finds who asks."""


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
            headers = headers_of(scope)
            host_check(headers.get("host", ""))
            scope[PRINCIPAL], rate = await in_thread(caller_of, headers)
        except ShannonError as error:
            await _refuse(send, error, request_id)
            return
        await self._server(scope, receive, send if rate is None else _with_headers(send, rate.headers()))


def _with_headers(send: Any, headers: Mapping[str, str]) -> Any:
    """Return a `send` that puts headers on the answer."""

    async def send_with(message: Scope) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *headers_encoded(headers)]}
        await send(message)

    return send_with


async def _refuse(send: Any, error: ShannonError, request_id: str) -> None:
    body = json.dumps(envelope(error.code, error.message, error.details, request_id)).encode()
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    if error.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, RateLimited):
        headers += headers_encoded({**error.headers, "Retry-After": str(error.details["retry_after_seconds"])})
    await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
