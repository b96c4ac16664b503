"""A provider that takes no time: chats in OpenAI's format, whole or in 20 pieces; an ASGI application."""

import asyncio
import json
from typing import Any

PIECES = 20
PIECE_SECONDS = 0.05
_HEAD = {"id": "x", "created": 1, "model": "m"}
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_MESSAGE = {"role": "assistant", "content": "hello world"}
WHOLE = json.dumps(
    {
        **_HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
).encode()


def _piece(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}
    return f"data: {json.dumps(body)}\n\n".encode()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer every POST; `stream` makes it last a second."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    is_stream = bool(body) and json.loads(body).get("stream")
    kind = b"text/event-stream" if is_stream else b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    if not is_stream:
        await send({"type": "http.response.body", "body": WHOLE})
        return
    for _ in range(PIECES):
        await asyncio.sleep(PIECE_SECONDS)
        await send({"type": "http.response.body", "body": _piece({"content": "word "}), "more_body": True})
    end = _piece({}, "stop") + _piece({}, None, usage=_USAGE) + b"data: [DONE]\n\n"
    await send({"type": "http.response.body", "body": end})
