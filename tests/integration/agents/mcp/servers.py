"""Real MCP servers, made with the official package: one behind streamable HTTP, one on standard input and output."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from starlette.types import ASGIApp, Receive, Scope, Send

STDIO_SERVER = [sys.executable, str(Path(__file__).with_name("stdio_server.py"))]


@dataclass
class McpSite:
    """A running server; `headers` are those of its requests, in order, and `calls` what its tools were called with.

    `keys` are the idempotency keys that came with calls of `charge`. `server` is what is behind it.
    """

    url: str = ""
    server: MCPServer = field(default_factory=lambda: MCPServer("test"))
    headers: list[dict[str, str]] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)

    def describe_anew(self, name: str, tool: Callable[..., Any], **described: Any) -> None:
        """Offer another tool under this name; nobody is asked while this is done."""
        self.server.remove_tool(name)
        self.server.add_tool(tool, name=name, **described)


def tools_of(site: McpSite) -> MCPServer:
    """Return a server with tools of every sort."""
    server = site.server

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        site.calls.append(("add", a, b))
        return a + b

    @server.tool()
    def wipe(what: str) -> str:
        """Delete something."""
        site.calls.append(("wipe", what))
        return f"{what} is gone"

    @server.tool(annotations=ToolAnnotations(destructive_hint=False))
    def fail() -> str:
        """Fail."""
        message = "it is raining"
        raise ToolError(message)

    @server.tool(annotations=ToolAnnotations(destructive_hint=False))
    async def charge(amount: int, ctx: Context) -> str:
        """Take money, once for each key."""
        key = (ctx.request_context.meta or {}).get("idempotencyKey")
        if key not in site.keys:
            site.calls.append(("charge", amount))
        site.keys.append(key)
        return f"{amount} is paid"

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def doze() -> str:
        """Sleep for longer than anybody waits."""
        site.calls.append("doze")
        await anyio.sleep(600)
        return "awake"

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def grow(ctx: Context) -> str:
        """Get one more tool."""
        server.add_tool(add, name=f"add_{len(site.calls)}", description="Another adder.")
        site.calls.append("grow")
        await ctx.session.send_tool_list_changed()
        return "grown"

    return server


class _Recording:
    """Keeps the headers of each request."""

    def __init__(self, app: ASGIApp, site: McpSite) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._site.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await self._app(scope, receive, send)


@contextmanager
def mcp_site() -> Iterator[McpSite]:
    """Run a server on a free port of this machine."""
    site = McpSite()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        site.url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        app = _Recording(tools_of(site).streamable_http_app(), site)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def site_that_sends(body: bytes, **headers: str) -> Iterator[str]:
    """Run a server that answers everything with the same JSON-typed bytes, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # who asked has gone, as it should
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with _serving(Handler) as url:
        yield url


@contextmanager
def site_that_says(
    tools: list[dict[str, Any]],
    answer: dict[str, Any],
    *,
    told: tuple[str, ...] = (),
    asked: list[str] | None = None,
) -> Iterator[str]:
    """Run a server of 2025, not made with any package, that offers tools as they are written, and yield its address.

    `told`: notifications that it sends before the answer of a call. `asked`: gets the methods that it was asked for.
    """
    methods: list[str] = [] if asked is None else asked

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
            methods.append(asked["method"])
            results: dict[str, Any] = {
                "initialize": {
                    "protocolVersion": asked.get("params", {}).get("protocolVersion"),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "odd", "version": "1"},
                },
                "tools/list": {"tools": tools},
                "tools/call": answer,
            }
            if "id" not in asked:
                self._send(202, b"")
                return
            found = results.get(asked["method"])
            said = {"error": {"code": -32601, "message": "no such method"}} if found is None else {"result": found}
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said})
            if asked["method"] == "tools/call" and told:
                messages = [*(json.dumps({"jsonrpc": "2.0", "method": method}) for method in told), body]
                stream = "".join(f"event: message\ndata: {message}\n\n" for message in messages)
                self._send(200, stream.encode(), "text/event-stream")
            else:
                self._send(200, body.encode())

        def do_GET(self) -> None:
            self._send(405, b"")

        do_DELETE = do_GET  # noqa: N815 - the name that the standard library looks for

        def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with _serving(Handler) as url:
        yield url


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/mcp"
    finally:
        server.shutdown()
        server.server_close()
