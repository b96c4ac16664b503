"""Fetching for a program in the sandbox: a call outside, made here, in the worker, where the guard for requests is."""

import base64
import time
from collections.abc import Mapping
from http.client import responses
from typing import Any, Protocol

from sandbox.runtimes.base import OnCall, nobody_answers
from sandbox.types import SandboxLimits
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.outbound import OutboundResponse

_METHODS = ("GET", "HEAD")  # a run may be repeated when its host is lost, so it must not change anything outside
_HEADERS_MAX = 50
_HEADER_MAX_CHARACTERS = 8_000


class Fetch(Protocol):
    """Fetches through the guard for requests that leave the platform: `shannon_project.foundation.outbound.fetch`."""

    def __call__(
        self, url: str, *, method: str, headers: Mapping[str, str], timeout_seconds: float, hosts: frozenset[str]
    ) -> OutboundResponse:
        """Fetch a URL from one of these hosts, wherever it redirects to included.

        Raises:
            ShannonError: It cannot be had; told to the program.
        """


class FetchCalls:
    """Answers the calls outside of one run; see `OnCall`."""

    def __init__(self, fetch: Fetch, limits: SandboxLimits) -> None:
        """Take who fetches, and the limits of the run that begins about now."""
        self._fetch = fetch
        self._hosts = frozenset(limits.network_hosts)
        self._wall_seconds = limits.wall_seconds
        self._ends_at: float | None = None

    def __call__(self, name: str, arguments: Any) -> dict[str, Any]:
        """Fetch, or say why not."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self._wall_seconds
        left_seconds = self._ends_at - time.monotonic()
        if name != "fetch":
            return {"error": f"there is no call {name[:80]!r}"}
        try:
            url, method, headers = _checked(arguments)
            if left_seconds <= 0:
                return {"error": "the program's time is over"}
            found = self._fetch(url, method=method, headers=headers, timeout_seconds=left_seconds, hosts=self._hosts)
        except ValueError as error:
            return {"error": str(error)}
        except ShannonError as error:
            return {"error": f"{error.code}: {error.message}"}
        return {"value": _answer(found)}


def on_call_for(limits: SandboxLimits, fetch: Fetch | None) -> OnCall:
    """Return who answers a run's calls outside."""
    return FetchCalls(fetch, limits) if limits.network_hosts and fetch is not None else nobody_answers


def _checked(arguments: Any) -> tuple[str, str, dict[str, str]]:
    """Return what a program asks for.

    Raises:
        ValueError: It makes no sense, or is more than reading.
    """
    asked = arguments if isinstance(arguments, dict) else {}
    url, method, headers = str(asked.get("url", "")), asked.get("method", "GET"), asked.get("headers", {})
    if method not in _METHODS:
        raise ValueError("a program in the sandbox may only GET and HEAD")
    if not isinstance(headers, dict) or len(headers) > _HEADERS_MAX:
        raise ValueError(f"`headers` are at most {_HEADERS_MAX} names with texts")
    pairs = {str(name): str(value) for name, value in headers.items()}
    if any(len(name) + len(value) > _HEADER_MAX_CHARACTERS for name, value in pairs.items()):
        raise ValueError(f"a header has at most {_HEADER_MAX_CHARACTERS} characters")
    return url, method, pairs


def _answer(found: OutboundResponse) -> dict[str, Any]:
    try:
        content = {"text": found.content.decode()}
    except UnicodeDecodeError:
        content = {"base64": base64.b64encode(found.content).decode()}
    return {
        "url": found.url,
        "status": found.status,
        "reason": responses.get(found.status, ""),
        # The content is given as it was before it was compressed, whole.
        "headers": {
            name: value
            for name, value in found.headers.items()
            if name not in {"content-encoding", "content-length", "transfer-encoding"}
        },
        **content,
    }
