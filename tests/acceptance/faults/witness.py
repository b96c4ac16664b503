"""The witness outside of the system: an OpenAI-compatible model and a tool's target; both count what they are asked."""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SUBTASKS: Mapping[str, tuple[str, ...]] = {"a": (), "b": (), "c": ("a",)}
"""The plan of every request: three agents that count one thing each; `c` needs the result of `a`."""

WITNESS_VARIABLE = "SHANNON_TEST_WITNESS_URL"  # where the counting tool finds it
MODEL_CALLS = 2 + 2 * len(SUBTASKS)  # plan and synthesis; each agent asks, calls the tool, and answers
TOOL_CALLS = len(SUBTASKS)
_NONCE = re.compile(r"thing-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Call:
    """One model call as it arrived: when, by this machine's clock, and the digest of what was asked."""

    at: datetime
    digest: str


class Witness:
    """Notes model calls by what they are for (`plan`, `a:1`, `a:2`, ..., `synthesis`), and the tool's effects by key.

    `latency_seconds` is how long a model takes to answer, `tool` what agents call, and `calls_at_once` how often they
    do in their one turn. No call of a tool is answered before so many as `gate` has parties have come.
    """

    def __init__(self) -> None:
        self.latency_seconds = 0.0
        self.tool = "count"
        self.calls_at_once = 1
        self.gate: threading.Barrier | None = None
        self._lock = threading.Lock()
        self._calls: dict[str, dict[str, list[Call]]] = {}
        self._effects: Counter[str] = Counter()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="witness", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def listening(self) -> Iterator["Witness"]:
        """Listen until the end."""
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def calls_of(self, nonce: str) -> dict[str, list[Call]]:
        """Return the model calls of a task by what they were for, in the order in which they came."""
        with self._lock:
            return {label: list(calls) for label, calls in self._calls.get(nonce, {}).items()}

    def effects_of(self, nonce: str) -> Counter[str]:
        """Return how often the tool's effect happened for each subtask of a task."""
        with self._lock:
            return Counter({key: count for key, count in self._effects.items() if key.startswith(nonce)})

    def effect(self, key: str) -> dict[str, Any]:
        """Count one call of the tool."""
        with self._lock:
            self._effects[key] += 1
            count = self._effects[key]
        if (gate := self.gate) is not None:
            gate.wait()
        return {"count": count}

    def _calls_wanted(self, key: str) -> list[dict[str, Any]]:
        """Return the calls of an agent's turn: of its key, and of as many more keys as it calls at once."""
        keys = [key, *(f"{key}{number}" for number in range(2, self.calls_at_once + 1))]
        arguments = [{"key": key} if self.tool == "count" else {"url": f"{self.url}/count/{key}"} for key in keys]
        return [
            {"id": f"call-{key}", "type": "function", "function": {"name": self.tool, "arguments": json.dumps(asked)}}
            for key, asked in zip(keys, arguments, strict=True)
        ]

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Count one model call and return the assistant's message."""
        asked = json.dumps(body["messages"], sort_keys=True)
        found = _NONCE.search(asked)
        nonce = found[0] if found else ""
        label, message = _answer(nonce, body, self._calls_wanted)
        call = Call(datetime.now(UTC), hashlib.sha256(asked.encode()).hexdigest())
        with self._lock:
            self._calls.setdefault(nonce, {}).setdefault(label, []).append(call)
        time.sleep(self.latency_seconds)
        return message


def _answer(
    nonce: str, body: Mapping[str, Any], calls_wanted: Callable[[str], list[dict[str, Any]]]
) -> tuple[str, dict[str, Any]]:
    """Return what a call is for, and the assistant's message."""
    if body.get("response_format"):
        return "plan", {"role": "assistant", "content": json.dumps(_plan(nonce))}
    if not body.get("tools"):
        return "synthesis", {"role": "assistant", "content": f"Counted {nonce}."}
    asked = next(message for message in body["messages"] if message["role"] == "user")
    key = re.findall(rf"{nonce}-\w", str(asked["content"]))[0]
    name = key.removeprefix(f"{nonce}-")
    if body["messages"][-1]["role"] == "tool":
        return f"{name}:2", {"role": "assistant", "content": f"Counted {name} of {nonce}."}
    return f"{name}:1", {"role": "assistant", "content": None, "tool_calls": calls_wanted(key)}


def _plan(nonce: str) -> dict[str, Any]:
    subtasks = [
        {
            "id": name,
            "title": f"Count {name}",
            "instruction": f"Count {nonce}-{name}.",
            "depends_on": list(needed),
            "tools": ["count", "http_fetch"],
        }
        for name, needed in SUBTASKS.items()
    ]
    return {"subtasks": subtasks, "synthesis_instruction": "Say what was counted."}


def _completion(body: Mapping[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    shape = {"id": "witness", "created": 0, "model": body["model"]}
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    usage = {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60}
    if not body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {**shape, "object": "chat.completion", "choices": [choice], "usage": usage}
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or ())]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": reason}
    chunk = {**shape, "object": "chat.completion.chunk"}
    chunks = [{**chunk, "choices": [choice]}, {**chunk, "choices": [last]}, {**chunk, "choices": [], "usage": usage}]
    return {"chunks": chunks}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked was killed meanwhile, and that it asked is counted."""


def _handler(witness: Witness) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/effects":
                self._send(json.dumps(witness.effect(body["key"])), "application/json")
                return
            answer = _completion(body, witness.answer(body))
            if "chunks" in answer:
                lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in answer["chunks"]]
                self._send("".join([*lines, "data: [DONE]\n\n"]), "text/event-stream")
            else:
                self._send(json.dumps(answer), "application/json")

        def do_GET(self) -> None:
            self._send(json.dumps(witness.effect(self.path.rpartition("/")[2])), "application/json")

        def _send(self, text: str, content_type: str) -> None:
            data = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    return Handler
