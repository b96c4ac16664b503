"""The browser on real pages of this machine, behind the guard: what it can do, and what it cannot reach."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import psutil
import pytest
from pytest_django.fixtures import Settings

from agents.journal import Journal
from agents.services import tool_call
from agents.tools.base import ToolContext, ToolOutput
from agents.tools.builtin.browser import BrowserTool
from agents.types import ToolError, ToolResult
from policy.types import Principal
from sandbox.services import workspace_open
from shannon_project.foundation.errors import ShannonError
from tests.integration.agents.steps import engine_of, step_of

FORM = """<title>A form</title><h1>Greeting</h1>
<form action="/greet"><input name="who"><button>Send</button></form>
<p id="later"></p><ul><li>one</li><li>two</li></ul>
<script>setTimeout(() => { document.getElementById('later').textContent = 'made by a script' }, 50)</script>"""


@dataclass
class Site:
    """Pages by path; `asked` are the paths that were asked for."""

    port: int = 0
    pages: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.endpoint}"


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            site.asked.append(self.path)
            if path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            text = site.pages.get(path, "<title>Nothing</title>nothing here")
            if path == "/greet":
                text = f"<title>Greeted</title><h1>Hello {self.path.partition('who=')[2]}</h1>"
            data = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    """What the operator let out."""
    with serving() as running:
        running.pages["/"] = FORM
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = running.endpoint
        yield running


@pytest.fixture
def private() -> Iterator[Site]:
    """What must not be reached."""
    with serving() as running:
        running.pages["/"] = "<h1>the secret of the inside</h1>"
        yield running


@pytest.fixture
def owner(principal: Principal) -> Principal:
    return replace(principal, scopes=principal.scopes | {"tools:dangerous"})


def browse(url: str, *actions: dict[str, Any]) -> ToolOutput:
    """Visit a page without a step: a transaction that is open meanwhile would be ended by the server."""
    ctx = ToolContext(tenant_id=uuid4(), session_id=uuid4(), task_id=uuid4(), timeout_seconds=90.0)
    try:
        return BrowserTool().execute(ctx, {"url": url, "actions": list(actions)})
    except ShannonError as error:
        return ToolOutput(error=ToolError(error.code, error.message, final=True))


def output_of(result: ToolOutput | ToolResult) -> dict[str, Any]:
    assert result.error is None, result.error
    assert isinstance(result.output, dict)
    return result.output


def test_a_visit_types_clicks_extracts_and_takes_a_picture(
    transactional_db: None, owner: Principal, site: Site
) -> None:
    ctx = step_of(owner)
    actions = [
        {"action": "wait", "selector": "text=made by a script"},
        {"action": "extract", "selector": "li"},
        {"action": "type", "selector": "input[name=who]", "text": "Ada"},
        {"action": "click", "selector": "text=Send"},
        {"action": "screenshot", "path": "pictures/hello.png"},
        {"action": "navigate", "url": f"{site.url}/other"},
    ]
    arguments = json.dumps({"url": f"{site.url}/", "actions": actions})
    output = output_of(tool_call(ctx, Journal(ctx), "browser", arguments))
    results = output["results"]
    assert [text.strip("* -\n") for text in results[1]["texts"]] == ["one", "two"]
    assert results[3]["url"] == f"{site.url}/greet?who=Ada"
    assert (output["title"], output["status"], output["files"]) == ("Nothing", 200, ["pictures/hello.png"])
    workspace = workspace_open(tenant_id=owner.tenant_id, session_id=ctx.session_id)
    assert workspace.read("pictures/hello.png").startswith(b"\x89PNG")
    assert "WORKSPACE_UPDATED" in [event.kind for event in engine_of(ctx).events]


def test_enter_sends_a_form(site: Site) -> None:
    output = output_of(browse(site.url + "/", {"action": "type", "selector": "input", "text": "Bo", "submit": True}))
    assert "Hello Bo" in output["text"]


def test_an_action_that_fails_is_told_with_what_the_page_shows(site: Site) -> None:
    result = browse(site.url + "/", {"action": "extract"}, {"action": "click"})
    assert result.error is not None
    assert (result.error.code, result.error.final) == ("BROWSER_ACTION_FAILED", False)
    assert result.error.message.startswith("Action 2 failed: click needs a selector.")
    assert "Greeting" in result.error.details["text"]


def test_nothing_of_a_visit_is_left_for_the_next_one(site: Site) -> None:
    site.pages["/mark"] = "<script>document.cookie='seen=1; path=/'; localStorage.x='1'</script>"
    site.pages["/look"] = "<p></p><script>document.querySelector('p').textContent="
    site.pages["/look"] += "'[' + document.cookie + (localStorage.x || '') + ']'</script>"
    assert "[seen=11]" in output_of(browse(f"{site.url}/mark", _to(site, "/look")))["text"].replace("\\", "")
    assert "[]" in output_of(browse(f"{site.url}/look"))["text"].replace("\\", "")
    left = [child.name() for child in psutil.Process().children(recursive=True) if "chrom" in child.name()]
    assert left == []


def _to(site: Site, path: str) -> dict[str, str]:
    return {"action": "navigate", "url": f"{site.url}{path}"}


@pytest.mark.parametrize("address", ["private", "localhost", "metadata", "file", "chrome", "credentials"])
def test_a_page_that_may_not_be_reached_is_refused(site: Site, private: Site, address: str) -> None:
    url = {
        "private": private.url,
        "localhost": f"http://localhost:{private.port}/",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "file": "file:///etc/passwd",
        "chrome": "chrome://settings/",
        "credentials": f"http://a:b@127.0.0.1:{site.port}/",
    }[address]
    result = browse(url)
    assert result.error is not None
    assert result.error.code == "HTTP_REFUSED"
    inside = browse(site.url + "/", {"action": "navigate", "url": url})
    assert inside.error is not None
    assert inside.error.code == "BROWSER_ACTION_FAILED"
    assert private.asked == []


def test_a_redirect_to_the_inside_leads_nowhere(site: Site, private: Site) -> None:
    site.redirects["/go"] = private.url + "/"
    result = browse(f"{site.url}/go")
    assert "secret" not in str(result)
    assert private.asked == []
    assert "private or special network" in str(result) or "Port" in str(result)


def test_parts_scripts_and_sockets_of_a_page_do_not_reach_the_inside(site: Site, private: Site) -> None:
    inside = private.url
    site.pages["/evil"] = f"""<title>Evil</title><img src="{inside}/image"><iframe src="{inside}/frame"></iframe>
<link rel="stylesheet" href="{inside}/style"><link rel="prefetch" href="{inside}/prefetch">
<link rel="dns-prefetch" href="//inside.example"><link rel="preconnect" href="{inside}">
<p id="out">waiting</p><script>
const said = [];
const tell = text => {{ said.push(text); document.getElementById('out').textContent = said.join(' ') }};
fetch('{inside}/fetch').then(r => tell('fetch ' + r.status), () => tell('fetch failed'));
fetch('http://169.254.169.254/latest').then(r => tell('meta ' + r.status), () => tell('meta failed'));
fetch('http://localhost:{private.port}/name').then(r => tell('name ' + r.status), () => tell('name failed'));
navigator.sendBeacon('{inside}/beacon', 'x');
const socket = new WebSocket('ws://127.0.0.1:{private.port}/socket');
socket.onopen = () => tell('socket open'); socket.onerror = () => tell('socket failed');
const peer = new RTCPeerConnection({{iceServers: [{{urls: 'stun:127.0.0.1:{private.port}'}}]}});
peer.createDataChannel('x'); peer.createOffer().then(o => peer.setLocalDescription(o));
</script>"""
    output = output_of(browse(f"{site.url}/evil", {"action": "wait", "selector": "text=socket failed"}))
    assert private.asked == []
    assert "secret" not in str(output)
    assert "socket open" not in output["text"]
    assert output["refused"]


def test_a_page_cannot_read_more_than_it_may(site: Site, settings: Settings) -> None:
    settings.SHANNON_BROWSER_MAX_BYTES = 200_000
    site.pages["/big"] = "<p>" + "x" * 1_000_000
    result = browse(f"{site.url}/big")
    assert "200000 bytes in all" in str(result)


def test_it_is_dangerous(principal: Principal, site: Site) -> None:
    ctx = step_of(principal)
    result = tool_call(ctx, Journal(ctx), "browser", json.dumps({"url": site.url}))
    assert result.error is not None
    assert result.error.code == "POLICY_DENIED"
    assert BrowserTool.idempotent is False


def test_without_a_browser_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.tools.browsing.chromium.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    result = browse("https://example.com/")
    assert result.error is not None
    assert result.error.code == "TOOL_FAILED"
    assert "requirements-browser.txt" in result.error.message
    assert "apt-get install chromium" in result.error.message
