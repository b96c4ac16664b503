"""The system's Chromium, driven by Playwright, an extra (requirements-browser.txt). The only file that imports it.

Everything that the browser asks for goes through a guarded proxy; by itself it resolves no name and connects nowhere.
"""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from agents.errors import ToolInputInvalid
from agents.tools.browsing.base import Browser, Visit
from agents.tools.pages import page_markdown
from shannon_project.foundation.outbound import OutboundFailed, OutboundRefused, rules_in_use
from shannon_project.foundation.outbound.proxy import PROXY_NAME, PROXY_STATUS, GuardedProxy

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SWITCHES: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",  # it would reach peers without the proxy
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # names are the proxy's to resolve
    "--no-first-run",
)
_ACTION_SECONDS: Final = 10.0
_TEXT_CHARACTERS: Final = 10_000
_HTML_MAX_CHARACTERS: Final = 5_000_000
_PLACES = threading.BoundedSemaphore(settings.SHANNON_BROWSERS_AT_ONCE)  # a browser takes some 300 MB


class ChromiumBrowser(Browser):
    """Starts a Chromium for each visit: a second, and nothing of a visit is left for the next one."""

    def problem(self) -> str:
        """See `Browser`."""
        missing = []
        if find_spec("playwright") is None:
            missing.append("`.venv/bin/python -m pip install -r requirements-browser.txt`")
        if not _executable():
            missing.append("`apt-get install chromium`, or set SHANNON_BROWSER_EXECUTABLE")
        return f"There is no browser here. The operator can install it: {'; and '.join(missing)}." if missing else ""

    def visit(self, url: str, actions: Sequence[Mapping[str, Any]], *, timeout_seconds: float) -> Visit:
        """See `Browser`."""
        rules_in_use().url_check(url)
        deadline = time.monotonic() + timeout_seconds
        if not _PLACES.acquire(timeout=timeout_seconds):
            raise OutboundFailed(f"All {settings.SHANNON_BROWSERS_AT_ONCE} browsers were busy.")
        try:
            with GuardedProxy(max_bytes=settings.SHANNON_BROWSER_MAX_BYTES).running() as proxy:
                try:
                    visit = _visited(url, actions, proxy_url=proxy.url, deadline=deadline)
                except OutboundFailed as error:
                    if proxy.refused:
                        raise OutboundRefused(proxy.refused[0], details={"url": url}) from error
                    raise
                visit.refused = proxy.refused
        finally:
            _PLACES.release()
        return visit


def _visited(url: str, actions: Sequence[Mapping[str, Any]], *, proxy_url: str, deadline: float) -> Visit:
    from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 - an extra, and half a second to load

    visit = Visit()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=_executable(),
                args=list(_SWITCHES),
                chromium_sandbox=os.geteuid() != 0,  # it refuses to have one as root
                proxy={"server": proxy_url, "bypass": "<-loopback>"},
                env={"LANG": "C.UTF-8", "PATH": os.defpath, "HOME": "/nonexistent"},
                timeout=_milliseconds(deadline),
            )
            try:
                context = browser.new_context(accept_downloads=False, service_workers="block")
                _work(visit, context, url, actions, deadline)
            finally:
                browser.close()
    except Error as error:
        raise OutboundFailed(f"The browser could not do this: {_first_line(error)}", details={"url": url}) from error
    return visit


def _work(
    visit: Visit, context: "BrowserContext", url: str, actions: Sequence[Mapping[str, Any]], deadline: float
) -> None:
    from playwright.sync_api import Error  # noqa: PLC0415 - see above

    page = context.new_page()
    visit.status = _gone(page, url, deadline)
    for action in actions:
        try:
            visit.results.append(_done(visit, page, action, deadline))
        except (Error, OutboundRefused, ToolInputInvalid) as error:
            visit.failed = (
                error.message if isinstance(error, OutboundRefused | ToolInputInvalid) else _first_line(error)
            )
            break
    visit.url, visit.title = page.url, page.title()
    visit.html = page.content()[:_HTML_MAX_CHARACTERS]


def _gone(page: "Page", url: str, deadline: float) -> int | None:
    """Go to a page and return the status of its answer.

    Raises:
        OutboundRefused: The guard answered in place of the page, or of what it led to.
    """
    response = page.goto(url, wait_until="commit", timeout=_milliseconds(deadline))
    _settled(page, deadline)
    if response is None:
        return None
    if response.headers.get(PROXY_STATUS.lower(), "").startswith(PROXY_NAME):
        raise OutboundRefused(response.text()[:500], details={"url": response.url})
    return response.status


def _done(visit: Visit, page: "Page", action: Mapping[str, Any], deadline: float) -> Any:
    """Do one action and return what it gives."""
    timeout = min(_milliseconds(deadline), _ACTION_SECONDS * 1000)
    kind, selector = action["action"], action.get("selector", "")
    if kind == "navigate":
        rules_in_use().url_check(str(action.get("url", "")))
        status = _gone(page, action["url"], deadline)
        return {"url": page.url, "status": status}
    if kind == "screenshot":
        path = str(action.get("path") or f"screenshot-{len(visit.screenshots) + 1}.png")
        visit.screenshots[path] = page.screenshot(full_page=bool(action.get("full_page")), timeout=timeout)
        return {"path": path, "bytes": len(visit.screenshots[path])}
    if kind == "extract":
        found = page.locator(selector or "body")
        found.first.wait_for(state="attached", timeout=timeout)
        texts = [page_markdown(one) for one in found.evaluate_all("all => all.slice(0, 100).map(one => one.outerHTML)")]
        return {"texts": _bounded(texts)}
    if not selector:
        raise ToolInputInvalid(f"{kind} needs a selector.")
    target = page.locator(selector).first
    if kind == "click":
        target.click(timeout=timeout)
    elif kind == "type":
        target.fill(str(action.get("text", "")), timeout=timeout)
        if action.get("submit"):
            target.press("Enter", timeout=timeout)
    else:
        target.wait_for(state="visible", timeout=timeout)
    _settled(page, deadline)
    return {"url": page.url}


def _settled(page: "Page", deadline: float) -> None:
    """Wait until a page has loaded, or for 10 s: some never do, and what is there can be used."""
    from playwright.sync_api import TimeoutError as TakesTooLong  # noqa: PLC0415 - an extra

    with contextlib.suppress(TakesTooLong):
        page.wait_for_load_state("load", timeout=min(_milliseconds(deadline), _ACTION_SECONDS * 1000))


def _bounded(texts: list[str]) -> list[str]:
    left, kept = _TEXT_CHARACTERS, []
    for text in texts:
        if left <= 0:
            break
        kept.append(text[:left])
        left -= len(text)
    return kept


def _executable() -> str:
    return settings.SHANNON_BROWSER_EXECUTABLE or next(filter(None, map(shutil.which, _NAMES)), "")


def _milliseconds(deadline: float) -> float:
    return max(1.0, (deadline - time.monotonic()) * 1000)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
