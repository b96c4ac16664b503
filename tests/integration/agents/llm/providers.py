"""A provider on loopback that speaks OpenAI's protocol and fails as it is told to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shannon_project.config.catalogue import CatalogueModel


@dataclass
class Provider:
    """What the server answers, and what it was asked."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked_keys: list[str | None] = field(default_factory=list)
    body: bytes = b"{}"
    stall_seconds: float = 0.0
    drips: bytes = b""
    left: threading.Event = field(default_factory=threading.Event)
    cuts_off: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0


def whole(
    text: str | None,
    *,
    usage: bool = True,
    tool_calls: list[dict[str, Any]] | None = None,
    finish_reason: str = "stop",
) -> bytes:
    """Return an answer that is not streamed."""
    ending = "tool_calls" if tool_calls else finish_reason
    message = {"role": "assistant", "content": text, "tool_calls": tool_calls}
    answer: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": ending}],
    }
    if usage:
        answer["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return json.dumps(answer).encode()


def streamed(*texts: str, usage: bool = True, done: bool = True) -> bytes:
    """Return an answer as server-sent events."""
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks: list[dict[str, Any]] = [
        {**frame, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]} for text in texts
    ]
    if done:
        chunks.append({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        total = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        chunks.append({**frame, "choices": [], "usage": total})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + (["data: [DONE]\n\n"] if done else [])
    return "".join(lines).encode()


@contextmanager
def provider_on_loopback() -> Iterator[Provider]:
    """Run the provider for as long as the block."""
    provider = Provider()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        """Send a little every 50 ms, for 20 s at most, or until the client is gone."""
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        try:
            handler.wfile.write(provider.body)
            for _ in range(400):
                handler.wfile.write(provider.drips)
                handler.wfile.flush()
                if provider.released.wait(0.05):
                    return
        except OSError:
            provider.left.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = json.loads(self.rfile.read(length))
            provider.asked.append(asked)
            provider.asked_keys.append(self.headers.get("Idempotency-Key"))
            provider.released.wait(provider.stall_seconds)
            if provider.drips:
                drip(self)
                return
            self.send_response(provider.status)
            kind = "text/event-stream" if asked.get("stream") else "application/json"
            headers = {"Content-Type": kind, **provider.headers}
            if not provider.cuts_off:
                headers["Content-Length"] = str(len(provider.body))
            else:
                headers["Content-Length"] = str(len(provider.body) + 100)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(provider.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def model_there() -> CatalogueModel:
    """Return a model of litellm's `openai` provider without a price."""
    return CatalogueModel(name="loopback/m", litellm_name="openai/loopback-m", provider="openai")


def seconds_of(started_monotonic_seconds: float) -> float:
    """Return how long ago that was."""
    return time.monotonic() - started_monotonic_seconds
