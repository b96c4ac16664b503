"""Tools that reach outside, against servers on this machine."""

import json
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pytest_django import Settings

from agents.errors import ToolFailed
from agents.journal import Journal
from agents.models import JournalEntry
from agents.services import tool_call
from agents.tools.base import ToolContext
from agents.tools.builtin.http_fetch import HttpFetchTool
from agents.tools.builtin.web_search import WebSearchTool
from agents.tools.search.base import SearchEngine, SearchHit
from agents.tools.search.brave import BraveSearch
from agents.tools.search.searxng import SearxngSearch
from agents.tools.search.serper import SerperSearch
from agents.tools.search.tavily import TavilySearch
from policy.types import Principal
from shannon_project.foundation.errors import Unavailable
from shannon_project.foundation.ids import uuid7
from shannon_project.foundation.outbound import OutboundRefused
from tests.integration.agents.steps import next_attempt, step_of

Answer = tuple[int, dict[str, str], bytes]


class Web(ThreadingHTTPServer):
    """Gives `answers[path]` for a path without its query, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        status, sent, content = self.server.answers.get(self.path.split("?")[0], (404, {}, b"nothing here"))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **sent}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 - the names that the standard library looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    server = Web()
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def ctx() -> ToolContext:
    return ToolContext(tenant_id=uuid7(), session_id=uuid7(), task_id=uuid7(), timeout_seconds=60.0)


def fetched(**arguments: Any) -> dict[str, Any]:
    output = HttpFetchTool().execute(ctx(), arguments).output
    assert isinstance(output, dict)
    return output


def test_a_page_is_read_as_markdown_in_parts(web: Web) -> None:
    html = f"<title>T</title><main><h1>Head</h1><p>{'word ' * 500}</p></main>".encode()
    web.answers["/page"] = (200, {"Content-Type": "text/html; charset=utf-8"}, html)
    first = fetched(url=web.url("/page"), max_characters=100)
    assert (first["title"], first["status"], first["offset"], first["next_offset"]) == ("T", 200, 0, 100)
    assert first["text"].startswith("# Head")
    rest = fetched(url=web.url("/page"), offset=100, max_characters=50_000)
    assert rest["next_offset"] is None
    assert len(first["text"] + rest["text"]) == first["total_characters"]
    assert fetched(url=web.url("/page"), raw=True)["text"].startswith("<title>")


def test_json_on_one_line_is_laid_out(web: Web) -> None:
    web.answers["/j"] = (200, {"Content-Type": "application/json"}, b'{"a": [1, 2], "b": "\xc3\xbc"}')
    assert fetched(url=web.url("/j"))["text"] == '{\n "a": [\n  1,\n  2\n ],\n "b": "ü"\n}'


def test_a_call_that_is_made_again_carries_the_same_key(web: Web, principal: Principal, settings: Settings) -> None:
    settings.SHANNON_TOOL_LIMITS = {"http_fetch": {"cache_seconds": 0}}
    web.answers["/j"] = (200, {"Content-Type": "text/plain"}, b"hello")
    step = step_of(principal)
    arguments = json.dumps({"url": web.url("/j")})
    assert tool_call(step, Journal(step), "http_fetch", arguments).ok
    JournalEntry.objects.filter(step_id=step.step_id).update(status="started", response=None)  # as a death leaves it
    again = next_attempt(step)
    assert tool_call(again, Journal(again), "http_fetch", arguments).ok
    assert [headers.get("idempotency-key") for _, _, headers, _ in web.asked] == [f"{step.step_id}:0"] * 2


def test_an_error_status_is_an_answer(web: Web) -> None:
    page = fetched(url=web.url("/none"))
    assert (page["status"], page["text"]) == (404, "nothing here")


def test_what_is_no_text_is_not_shown(web: Web) -> None:
    web.answers["/image"] = (200, {"Content-Type": "image/png"}, b"\x89PNG")
    error = HttpFetchTool().execute(ctx(), {"url": web.url("/image")}).error
    assert error is not None
    assert (error.code, error.final) == ("HTTP_NOT_TEXT", True)


def test_an_address_inside_is_refused() -> None:
    with pytest.raises(OutboundRefused):
        HttpFetchTool().execute(ctx(), {"url": "http://169.254.169.254/latest/meta-data/"})


ENGINES: list[tuple[str, Callable[[Web], SearchEngine], dict[str, Any], tuple[str, str]]] = [
    (
        "/tavily",
        lambda web: TavilySearch("k1", web.url("/tavily")),
        {
            "results": [
                {"title": "T", "url": "https://a.example/", "content": "S", "published_date": "2026"},
                {"title": "x"},
            ]
        },
        ("authorization", "Bearer k1"),
    ),
    (
        "/brave",
        lambda web: BraveSearch("k2", web.url("/brave")),
        {"web": {"results": [{"title": "T", "url": "https://a.example/", "description": "S", "page_age": "2026"}]}},
        ("x-subscription-token", "k2"),
    ),
    (
        "/serper",
        lambda web: SerperSearch("k3", web.url("/serper")),
        {"organic": [{"title": "T", "link": "https://a.example/", "snippet": "S", "date": "2026"}]},
        ("x-api-key", "k3"),
    ),
    (
        "/search",
        lambda web: SearxngSearch(web.url("")),
        {"results": [{"title": "T", "url": "https://a.example/", "content": "S", "publishedDate": "2026"}]},
        ("accept", "application/json"),
    ),
]


@pytest.mark.parametrize(("path", "make", "answer", "header"), ENGINES, ids=["tavily", "brave", "serper", "searxng"])
def test_every_engine_gives_the_same_hits(
    web: Web, path: str, make: Callable[[Web], SearchEngine], answer: dict[str, Any], header: tuple[str, str]
) -> None:
    web.answers[path] = (200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
    hits = make(web).search("a question", limit=5, timeout_seconds=60)
    assert hits == [SearchHit("T", "https://a.example/", "S", "2026")]
    assert web.asked[0][2][header[0]] == header[1]
    asked = web.asked[0][1] + web.asked[0][3].decode()
    assert "a question" in asked or "a+question" in asked


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_engine_may_be_asked_again(web: Web, status: int) -> None:
    web.answers["/search"] = (status, {"Retry-After": "7"}, b"")
    with pytest.raises(Unavailable) as busy:
        SearxngSearch(web.url("")).search("q", limit=1, timeout_seconds=60)
    assert busy.value.details == {"retry_after_seconds": 7.0}


@pytest.mark.parametrize(("status", "body"), [(401, b""), (400, b""), (200, b"<html>"), (200, b"[]")])
def test_an_engine_that_refuses_or_does_not_answer_in_json_has_failed(web: Web, status: int, body: bytes) -> None:
    web.answers["/search"] = (status, {}, body)
    with pytest.raises(ToolFailed):
        SearxngSearch(web.url("")).search("q", limit=1, timeout_seconds=60)


def test_without_an_engine_the_tool_says_how_to_configure_one(settings: Any) -> None:
    for name in ("SEARXNG_URL", "TAVILY_API_KEY", "BRAVE_API_KEY", "SERPER_API_KEY"):
        setattr(settings, f"SHANNON_{name}", "")
    with pytest.raises(ToolFailed, match="TAVILY_API_KEY"):
        WebSearchTool().execute(ctx(), {"query": "q"})


def test_the_configured_engine_answers(web: Web, settings: Any) -> None:
    settings.SHANNON_SEARXNG_URL = web.url("")
    found = {"results": [{"title": "T", "url": "https://a.example/", "content": "x" * 5000}]}
    web.answers["/search"] = (200, {}, json.dumps(found).encode())
    output = WebSearchTool().execute(ctx(), {"query": "q"}).output
    assert isinstance(output, dict)
    assert output["engine"] == "searxng"
    assert len(output["results"][0]["snippet"]) == 1000
