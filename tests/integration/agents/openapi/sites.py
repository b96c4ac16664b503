"""An API on this machine that says what it was asked, and gives tokens."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class ApiSite:
    """A running API. `answers` are for paths: status, headers and body; other paths answer `{"ok": true}`."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    tokens_given: int = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """Its address for the guard's list."""
        return f"127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Asked]:
        """What was asked of it beside tokens and documents."""
        return [asked for asked in self.asked if asked.path not in {"/token", "/openapi.json"}]


@contextmanager
def api_site() -> Iterator[ApiSite]:
    """Yield an API that runs until the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    site = ApiSite(server.server_address[1])
    server.site = site  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        site: ApiSite = self.server.site  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        site.asked.append(Asked(self.command, parts.path, parts.query, headers, body))
        if parts.path == "/token":
            site.tokens_given += 1
            token = {"access_token": f"token-{site.tokens_given}", "expires_in": 3600, "token_type": "Bearer"}
            self._send(200, {"Content-Type": "application/json"}, json.dumps(token).encode())
            return
        default: tuple[int, dict[str, str], bytes] = (200, {"Content-Type": "application/json"}, b'{"ok": true}')
        self._send(*site.answers.get(parts.path, default))

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - their names there

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""
