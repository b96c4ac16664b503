"""The way from web to the gateway process, which asks models: web itself never loads litellm."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

import httpx
from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from orchestration.api.openai.names import PLATFORM_MODELS
from orchestration.api.views.stream import stream_response
from policy.types import Principal
from shannon_project.foundation.errors import Unavailable
from shannon_project.foundation.http import request_id_of
from shannon_project.foundation.internal import PRINCIPAL_HEADER, REQUEST_ID_HEADER, TOKEN_HEADER, internal_token

_CONNECT_SECONDS: Final = 2.0
_EVENTS: Final = "text/event-stream"
_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]" = WeakKeyDictionary()


class GatewayUnavailable(Unavailable):
    """The process that asks models does not answer; try again."""

    code = "GATEWAY_UNAVAILABLE"


def is_platform_model(body: Any) -> bool:
    """Tell whether a body names a model that runs the platform, or none at all."""
    name = body.get("model") if isinstance(body, Mapping) else None
    return name in (None, "") or name in PLATFORM_MODELS or not isinstance(name, str)


async def forward(request: Request, principal: Principal, path: str) -> HttpResponseBase:
    """Hand a request on to the gateway process, and its answer back as it comes.

    Args:
        request: The client's; its body goes along as it is.
        principal: Who it is; the gateway asks no further.
        path: The endpoint.

    Raises:
        GatewayUnavailable: That process does not answer.
    """
    outgoing = _client().build_request(
        "POST",
        f"{settings.SHANNON_GATEWAY_URL}{path}",
        content=request._request.body,
        headers={
            TOKEN_HEADER: internal_token(),
            PRINCIPAL_HEADER: json.dumps(principal.as_json()),
            REQUEST_ID_HEADER: request_id_of(request._request),
        },
    )
    try:
        incoming = await _client().send(outgoing, stream=True)
        if incoming.headers["content-type"] == _EVENTS:
            return stream_response(_pieces(incoming))
        content = await incoming.aread()
    except httpx.HTTPError as error:
        raise GatewayUnavailable(details={"reason": type(error).__name__}) from error
    response = HttpResponse(content, status=incoming.status_code, content_type=incoming.headers["content-type"])
    if retry_after := incoming.headers.get("retry-after"):
        response["Retry-After"] = retry_after
    return response


async def _pieces(incoming: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield what comes; closing it, when the client leaves, ends the call. A gateway that dies is told as an error."""
    try:
        async for piece in incoming.aiter_raw():
            yield piece
    except httpx.HTTPError:
        error = GatewayUnavailable("The process that asks models went away in the middle of the answer.")
        yield f"data: {json.dumps({'error': {**error.as_json(), 'type': 'server_error', 'param': None}})}\n\n".encode()
    finally:
        await incoming.aclose()


def _client() -> httpx.AsyncClient:
    """One client, with its connections, per event loop. Answers are waited for as long as the gateway lets them."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        _clients[loop] = httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False)
    return _clients[loop]
