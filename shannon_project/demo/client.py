"""The API's client: what `manage.py demo` and `manage.py task_submit --follow` say over HTTP."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from shannon_project.foundation.errors import ShannonError

_TIMEOUT_SECONDS = 30.0  # the server sends a heartbeat every 10 s, so silence of this length is a dead connection
_RECONNECT_SECONDS = 0.5
_ANSWER_SHOWN_CHARS = 500


class ApiRefused(ShannonError):
    """The API did not do what it was asked."""

    code = "API_REFUSED"


class FollowTimeout(ShannonError):
    """The task did not end in time."""

    code = "FOLLOW_TIMEOUT"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One message of a task's stream; `seq` is None for live text, which is not stored."""

    name: str
    data: dict[str, Any]
    seq: int | None = None


class ApiClient:
    """Talks to one platform with one key; use it as a context manager."""

    def __init__(self, base_url: str, api_key: str) -> None:
        """Make a client; nothing is sent yet."""
        self._http = httpx.Client(base_url=base_url, headers={"X-API-Key": api_key}, timeout=_TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def file_write(self, *, session_id: str, path: str, content: bytes) -> None:
        """Put a file into a session's workspace; a session name that is new makes the session.

        Raises:
            ApiRefused: The API said no, or did not answer.
        """
        headers = {"Content-Type": "application/octet-stream"}
        address = f"/api/v1/sessions/{quote(session_id)}/files/{quote(path)}"
        self._ask("PUT", address, content=content, headers=headers)

    def task_submit(self, *, query: str, **options: Any) -> str:
        """Submit a task and return its id; options are fields of the request, for example `session_id`.

        Raises:
            ApiRefused: The API said no, or did not answer.
        """
        body = {"query": query, **{name: value for name, value in options.items() if value is not None}}
        return str(self._ask("POST", "/api/v1/tasks", json=body)["task_id"])

    def task(self, task_id: str) -> dict[str, Any]:
        """Return everything about a task.

        Raises:
            ApiRefused: The API said no, or did not answer.
        """
        return self._ask("GET", f"/api/v1/tasks/{task_id}")

    def follow(self, task_id: str, *, timeout_seconds: float) -> Iterator[StreamEvent]:
        """Yield a task's events, stored ones once and in order, until it ends; reconnects where it left off.

        Raises:
            ApiRefused: The API refused the stream.
            FollowTimeout: The task did not end in `timeout_seconds`.
        """
        deadline = monotonic() + timeout_seconds
        seq = 0
        while True:
            try:
                for event in self._stream(task_id, seq, deadline):
                    seq = event.seq or seq
                    yield event
                    if event.name == "done":
                        return
            except httpx.HTTPError:
                pass  # the server restarts, or the line was cut
            if monotonic() > deadline:
                raise FollowTimeout(f"Task {task_id} did not end in {timeout_seconds:g} s.")
            Event().wait(_RECONNECT_SECONDS)  # also after a stream that ended in good order: it may do so each time

    def _stream(self, task_id: str, after_seq: int, deadline: float) -> Iterator[StreamEvent]:
        parameters = {"workflow_id": task_id}
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after_seq)}
        silence_seconds = max(0.1, min(_TIMEOUT_SECONDS, deadline - monotonic()))
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, read=silence_seconds)
        with self._http.stream(
            "GET", "/api/v1/stream/sse", params=parameters, headers=headers, timeout=timeout
        ) as response:
            if response.status_code >= 500:
                raise httpx.ReadError(f"HTTP {response.status_code}")
            if response.status_code != 200:
                response.read()
                raise ApiRefused(_reason(response))
            yield from events_of(_until(deadline, response.iter_lines()))

    def _ask(self, method: str, address: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, address, **options)
        except httpx.HTTPError as exc:
            raise ApiRefused(f"{method} {address}: no answer from {self._http.base_url}: {exc}") from exc
        if response.is_error:
            raise ApiRefused(f"{method} {address}: {_reason(response)}")
        answer: dict[str, Any] = response.json()
        return answer


def _until(deadline: float, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines until the deadline; heartbeats are lines and no events, so that only here each of them is seen."""
    for line in lines:
        yield line
        if monotonic() > deadline:
            return


def events_of(lines: Iterable[str]) -> Iterator[StreamEvent]:
    """Yield the events of a stream (WHATWG HTML, section 9.2.6); comments and unknown fields are passed over."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
            continue
        if "data" in fields:
            seq = fields.get("id", "")
            yield StreamEvent(
                fields.get("event", "message"), _object(fields["data"]), int(seq) if seq.isdigit() else None
            )
        fields = {}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"value": value}


def _reason(response: httpx.Response) -> str:
    """Return the message of the error envelope, or as much of another answer as fits."""
    try:
        error = response.json()["error"]
        return f"HTTP {response.status_code} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}: {response.text[:_ANSWER_SHOWN_CHARS]}"
