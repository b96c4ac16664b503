"""The way from web to the gateway process, which asks models: web itself never loads litellm."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

import aiohttp
from django.conf import settings

from policy.types import Principal
from shannon_project.foundation.errors import Unavailable
from shannon_project.foundation.internal import PRINCIPAL_HEADER, REQUEST_ID_HEADER, TOKEN_HEADER, internal_token
from shannon_project.foundation.tracing import traceparent

_CONNECT_SECONDS: Final = 10.0  # one that is dead refuses at once; a thousand calls at a time keep a live one busy
_KEEP_SECONDS: Final = 3.0  # less than the gateway keeps a connection that nobody uses: none is used as it is closed
_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]" = WeakKeyDictionary()


class GatewayUnavailable(Unavailable):
    """The process that asks models does not answer; try again."""

    code = "GATEWAY_UNAVAILABLE"


@asynccontextmanager
async def gateway_asked(
    path: str, body: bytes, *, principal: Principal, request_id: str
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """Hand a request on to the gateway process; leaving the block before the answer's end leaves the call.

    Args:
        path: The endpoint.
        body: As it came.
        principal: Who asks; the gateway asks no further.
        request_id: For its errors.

    Raises:
        GatewayUnavailable: That process does not answer, or went away in the middle.
    """
    headers = {
        TOKEN_HEADER: internal_token(),
        PRINCIPAL_HEADER: json.dumps(principal.as_json()),
        REQUEST_ID_HEADER: request_id,
        "traceparent": traceparent(),
        "Content-Type": "application/json",
    }
    try:
        async with _session().post(f"{settings.SHANNON_GATEWAY_URL}{path}", data=body, headers=headers) as answer:
            yield answer
    except (aiohttp.ClientError, TimeoutError) as error:
        raise GatewayUnavailable(details={"reason": type(error).__name__}) from error


async def gateway_left() -> None:
    """Close the connections of this event loop: its process ends."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


def _session() -> aiohttp.ClientSession:
    """One client, with its connections, per event loop. Answers are waited for as long as the gateway lets them."""
    loop = asyncio.get_running_loop()
    if loop not in _sessions:
        _sessions[loop] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            trust_env=False,
            auto_decompress=False,
        )
    return _sessions[loop]
