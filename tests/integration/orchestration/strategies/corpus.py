"""A small web on this machine: pages, and a search engine with SearXNG's protocol that finds them by their words."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

BEES = """City gardens feed wild bees. In 2021 a survey counted 61 species of wild bees in the city of Bern. \
Gravel gardens feed almost no bees."""
STUDY = """The study followed wild bees in the city for five years. \
Wild bees in the city rose by 12 % where meadows were mown late. Criticism: the study had no control group."""
HONEY = "Honey bees in the city compete with wild bees for flowers. The evidence for this is growing."
PAGES = {
    "/bees": ("Bees and cities", BEES),
    "/bees-study": ("A study of wild bees", STUDY),
    "/honey": ("Honey bees", HONEY),
    "/trains": ("Trains", "The night train to Vienna leaves at nine."),
    "/broken": ("Bees, broken", ""),
}


class Web(ThreadingHTTPServer):
    """Serves the pages and `/search`; keeps the paths that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def variables(self) -> dict[str, str]:
        """What a worker's environment must say so that it searches and reads here."""
        return {
            "SHANNON_SEARXNG_URL": self.base,
            "SHANNON_HTTP_ENDPOINTS_ALLOWED": f"127.0.0.1:{self.server_address[1]}",
        }


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        parts = urlsplit(self.path)
        if parts.path == "/search":
            self._send("application/json", json.dumps({"results": self._found(parse_qs(parts.query)["q"][0])}))
        elif parts.path == "/broken" or parts.path not in PAGES:
            self.send_error(500)
        else:
            title, text = PAGES[parts.path]
            self._send("text/html", f"<html><head><title>{title}</title></head><body><p>{text}</p></body></html>")

    def _found(self, query: str) -> list[dict[str, str]]:
        words = set(re.findall(r"[a-z]{4,}", query.lower()))
        scored = [
            (len(words & set(re.findall(r"[a-z]{4,}", f"{title} {text}".lower()))), path, title)
            for path, (title, text) in PAGES.items()
        ]
        best = sorted((item for item in scored if item[0]), key=lambda item: -item[0])
        pages = [{"title": title, "url": f"{self.server.base}{path}", "content": title} for _, path, title in best]
        twin = [{**page, "url": f"{page['url']}/?utm_source=x#top"} for page in pages[:1]]
        return [*pages[:1], *twin, *pages[1:]]  # the first page comes twice, under two addresses

    def _send(self, media_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{media_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def web_running() -> Iterator[Web]:
    """Serve until the end of the block."""
    server = Web()
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    """The web, allowed and searched."""
    with web_running() as server:
        for name, value in server.variables.items():
            setattr(settings, name, value)
        yield server
