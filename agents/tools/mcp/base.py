"""How the platform talks to a server of the Model Context Protocol, without the library that does it.

The library takes most of a second to load and 57 MB; a process loads it at its first call (`connector_in_use`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NotRequired, TypedDict

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """A server behind streamable HTTP. `headers` are secrets: they are sent and never shown."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StdioCommand:
    """A server that the operator lets workers start; it gets `env` and nothing of the worker's own environment."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


Endpoint = HttpEndpoint | StdioCommand


class ToolRecord(TypedDict):
    """What is kept of an offered tool; the flags are the server's own word.

    `returns` is the schema of its structured output; empty, or not there since it was kept before: it is not known.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    returns: NotRequired[dict[str, Any]]
    read_only: bool
    destructive: bool
    idempotent: bool


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a tool answered: text, and JSON if it gave any. `is_error`: the tool says that it failed."""

    text: str
    structured: Any = None
    is_error: bool = False


class McpConnector(ABC):
    """Connects, asks one thing, and disconnects; for threads without an event loop."""

    @abstractmethod
    def tools(self, name: str, endpoint: Endpoint, *, timeout_seconds: float, limit: int) -> list[ToolRecord]:
        """Return the tools that the server called `name` offers, at most `limit`.

        Raises:
            McpServerFailed: It could not be reached, did not answer in time, or did not speak the protocol.
            OutboundRefused: Its address may not be reached from here.
        """

    @abstractmethod
    def call(
        self,
        name: str,
        endpoint: Endpoint,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout_seconds: float,
        idempotency_key: str,
        on_tools_changed: Callable[[], None],
    ) -> CallResult:
        """Call a tool of the server called `name`.

        The key goes along as `idempotencyKey` in the request's `_meta`, the protocol's place for what it does not say
        itself; empty: none. Not as a header: the handshake before the call would carry it too.
        `on_tools_changed` is called afterwards if the server said meanwhile that its tools have changed.

        Raises:
            McpServerFailed, OutboundRefused: As for `tools`.
        """


def connector_in_use() -> McpConnector:
    """Return the connector that the settings name; the first time, this loads its library."""
    return _connector(settings.SHANNON_MCP_CONNECTOR)


@cache
def _connector(dotted_path: str) -> McpConnector:
    connector: McpConnector = import_string(dotted_path)()
    return connector
