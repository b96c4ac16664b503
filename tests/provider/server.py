"""The server: HTTP/1.1 with kept connections, a thread each."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.provider.answers import (
    anthropic_answer,
    anthropic_frames,
    error_body,
    stream_frames,
    vectors_body,
    whole_body,
)
from tests.provider.faults import Fault

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, as a network that breaks does
_OK: Final = 200
_GOOD: Final = Fault(times=0)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came. `at_seconds` is on `time.time()`'s clock, the same in each process; `peer` its socket."""

    model: str
    key: str
    is_streamed: bool
    at_seconds: float
    body: dict[str, Any]
    headers: dict[str, str]
    peer: str


class FaultProvider(ThreadingHTTPServer):
    """Answers `/v1/chat/completions`, `/v1/messages`, `/v1/embeddings` and `/v1/models`; remembers every call.

    Attributes:
        calls: Every call to a model, in the order in which they came.
        most_at_once: The most calls that were open at the same time.
    """

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.calls: list[Call] = []
        self.most_at_once = 0
        self.released = threading.Event()
        self._faults: list[Fault] = []
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def will(self, *faults: Fault) -> None:
        """Add faults: a call takes the first that is meant for it, and good answers are given when none is."""
        with self._lock:
            self._faults.extend(faults)

    def forget(self) -> None:
        """Forget faults and calls."""
        with self._lock:
            self._faults.clear()
            self.calls.clear()
            self.most_at_once = 0

    def calls_of(self, model: str) -> list[Call]:
        """Return the calls of one model."""
        return [call for call in list(self.calls) if call.model == model]

    def begin(self, call: Call) -> Fault:
        """Count a call and take its fault."""
        with self._lock:
            self.calls.append(call)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            for place, fault in enumerate(self._faults):
                if fault.is_for(call.model, call.key):
                    if fault.times == 1:
                        del self._faults[place]
                    elif fault.times:
                        self._faults[place] = replace(fault, times=fault.times - 1)
                    return fault
        return _GOOD

    def end(self) -> None:
        """Count a call's end."""
        with self._lock:
            self._at_once -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultProvider

    def do_GET(self) -> None:
        if self.path == "/calls":
            calls = [asdict(call) for call in list(self.server.calls)]
            return self._send({"calls": calls, "most_at_once": self.server.most_at_once})
        return self._send({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "test"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/faults":
            self.server.will(*(Fault.from_json(fault) for fault in asked["faults"]))
            return self._send({})
        if self.path == "/forget":
            self.server.forget()
            return self._send({})
        if self.path.endswith("/messages"):
            return self._anthropic(asked)
        return self._openai(asked)

    def _anthropic(self, asked: dict[str, Any]) -> None:
        """Answer in Anthropic's shape; a prompt with marks is read from the cache in part, and written in part."""
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "x-api-key"}
        key = self.headers.get("x-api-key") or ""
        is_streamed = bool(asked.get("stream"))
        self.server.begin(Call(asked.get("model", ""), key, is_streamed, time.time(), asked, headers, self._peer()))
        self.server.end()
        if not is_streamed:
            return self._send(anthropic_answer(asked))
        return self._send_body(_OK, b"".join(anthropic_frames(asked)), kind="text/event-stream")

    def _openai(self, asked: dict[str, Any]) -> None:
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"}
        call = Call(asked.get("model", ""), key, bool(asked.get("stream")), time.time(), asked, headers, self._peer())
        fault = self.server.begin(call)
        try:
            self._answer(fault, asked)
        except OSError:
            self.close_connection = True
        finally:
            self.server.end()

    def _answer(self, fault: Fault, asked: dict[str, Any]) -> None:
        self._pause(fault.first_token_seconds)
        if fault.status != _OK:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._send_body(fault.status, error_body(fault), headers=headers)
        elif fault.body is not None:
            kind = "text/event-stream" if asked.get("stream") else "application/json"
            self._send_body(_OK, fault.body.encode(), kind=kind)
        elif asked.get("stream"):
            self._stream(fault, asked)
        else:
            body = vectors_body(fault, asked) if self.path.endswith("/embeddings") else whole_body(fault, asked)
            if fault.cut_after_chunks is not None:
                self._start(_OK, "application/json", {"Content-Length": str(len(body))})
                self.wfile.write(body[: len(body) // 2])
                return self._reset()
            self._pause(fault.stall_seconds if fault.stall_after_chunks is not None else 0.0)
            self._send_body(_OK, body)
        return None

    def _stream(self, fault: Fault, asked: dict[str, Any]) -> None:
        self._start(_OK, "text/event-stream", {"Connection": "close"})
        self.close_connection = True
        for number, frame in enumerate(stream_frames(fault, asked)):
            if number == fault.cut_after_chunks:
                return self._reset()
            if number == fault.stall_after_chunks:
                self._pause(fault.stall_seconds)
            elif number:
                self._pause(fault.between_seconds)
            self.wfile.write(frame)
        return None

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with suppress(OSError):
            self.connection.close()

    def _peer(self) -> str:
        return f"{self.client_address[0]}:{self.client_address[1]}"

    def _pause(self, seconds: float) -> None:
        if seconds:
            self.server.released.wait(seconds)

    def _send(self, value: dict[str, Any]) -> None:
        self._send_body(_OK, json.dumps(value).encode())

    def _send_body(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self._start(status, kind, {**(headers or {}), "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _start(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def fault_provider(port: int = 0) -> Iterator[FaultProvider]:
    """Run the server in a thread for as long as the block; what stalls is released at its end."""
    provider = FaultProvider(port)
    thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.released.set()
        provider.shutdown()
        provider.server_close()
        thread.join(5)
