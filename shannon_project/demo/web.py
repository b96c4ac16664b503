"""A small web on this machine: pages, and a search engine with SearXNG's protocol that finds them by their words.

For showing and testing research without a network: what is searched and read are real pages, over real HTTP.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

_TITLE: Final = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_WORD: Final = re.compile(r"[a-z]{4,}")  # shorter ones say nothing of what a page is about
_POLL_SECONDS: Final = 0.01


class SmallWeb(ThreadingHTTPServer):
    """Serves pages by path, and `/search`; keeps the paths that it was asked for, in their order."""

    daemon_threads = True

    def __init__(self, pages: Mapping[str, str], broken: Collection[str] = ()) -> None:
        """Listen on a free port of this machine.

        Args:
            pages: HTML by path, for example `/bees`.
            broken: Paths that are found, and answer 500 when they are read.
        """
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages, self.broken = pages, broken
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def variables(self) -> dict[str, str]:
        """What a worker's environment must say so that it searches and reads here."""
        return {
            "SHANNON_SEARXNG_URL": self.base,
            "SHANNON_HTTP_ENDPOINTS_ALLOWED": f"127.0.0.1:{self.server_address[1]}",
        }

    def found(self, query: str) -> list[dict[str, str]]:
        """Return the pages that share words with a query, those with most of them first."""
        words = set(_WORD.findall(query.lower()))
        scored = [
            (len(words & set(_WORD.findall(_TAG.sub(" ", html).lower()))), path) for path, html in self.pages.items()
        ]
        best = sorted((item for item in scored if item[0]), key=lambda item: -item[0])
        return [self._hit(path) for _, path in best]

    def _hit(self, path: str) -> dict[str, str]:
        html = self.pages[path]
        titled = _TITLE.search(html)
        about = " ".join(_TAG.sub(" ", _TITLE.sub(" ", html)).split())[:200]
        return {"title": titled.group(1) if titled else path, "url": f"{self.base}{path}", "content": about}


class _Handler(BaseHTTPRequestHandler):
    server: SmallWeb

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        parts = urlsplit(self.path)
        if parts.path == "/search":
            query = parse_qs(parts.query).get("q", [""])[0]
            self._send("application/json", json.dumps({"results": self.server.found(query)}))
        elif parts.path in self.server.broken:
            self.send_error(500)
        elif html := self.server.pages.get(parts.path):
            self._send("text/html", html)
        else:
            self.send_error(404)

    def _send(self, media_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{media_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


W = TypeVar("W", bound=SmallWeb)


@contextmanager
def serving(web: W) -> Iterator[W]:
    """Serve until the end of the block."""
    thread = Thread(target=web.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.shutdown()
        web.server_close()


def pages_of(folder: Path) -> dict[str, str]:
    """Return the HTML files of a folder, by their path."""
    return {f"/{file.name}": file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.html"))}
