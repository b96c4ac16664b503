"""`manage.py demo`: start the stack, run one request as a client would, and show it."""

import os
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from shannon_project.demo.client import ApiClient
from shannon_project.demo.follow import task_follow
from shannon_project.demo.web import SmallWeb, pages_of, serving
from shannon_project.foundation.errors import ShannonError
from shannon_project.settings.env import BASE_DIR, ENV
from shannon_project.stack.paths import StackPaths, json_read
from shannon_project.stack.progress import Progress
from shannon_project.stack.services import stack_down, stack_up, stack_wait
from shannon_project.stack.state import StackState, admin_login

_EXAMPLES = BASE_DIR / "examples"
_LOCAL_QUERY = "Say hello to somebody who has just started you."
_TIMEOUT_SECONDS = 300.0
_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


class Command(BaseCommand):
    """Shows the main job from the command line to the answer."""

    help = "Start everything, run one request on real data and show it as it happens."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("query", nargs="?", help="another request than examples/stocks.txt")
        parser.add_argument("--file", type=Path, help="the file that it is about; default: examples/stocks.csv")
        parser.add_argument(
            "--research", action="store_true", help="research a question on the pages of examples/pages, served here"
        )
        parser.add_argument("--once", action="store_true", help="stop everything after the answer")
        parser.add_argument("--timeout-seconds", type=float, default=_TIMEOUT_SECONDS, help="for the task")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, run, and on a terminal keep serving until Ctrl-C."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that both leave nothing behind
        paths, report, console = StackPaths(ENV.local_dir.resolve()), Progress(), Console()
        known = json_read(paths.credentials)
        started = answered = False
        held = ExitStack()
        try:
            web = held.enter_context(_web_served()) if options["research"] else {}
            # The stack ends with this process, however it ends; one that `make up` started stays.
            state, started = stack_up(paths=paths, report=report, owner_pid=os.getpid(), told=web)
            if web and not started:
                raise CommandError("A stack is running that does not know these pages: `make down`, then again.")
            self._run(state, options, console, report)
            answered = True
            stack_wait(paths=paths, report=report)
            _addresses_show(state, admin_login(state, paths, known), paths, console)
            if started and console.is_terminal and not options["once"]:
                console.print("Serving; Ctrl-C stops everything.", style="bold")
                signal.pause()
        except ShannonError as exc:
            raise CommandError(exc.message) from exc
        except KeyboardInterrupt:
            console.print()
            if not answered:
                raise SystemExit(_INTERRUPTED) from None
        finally:
            if started:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
                stack_down(paths=paths, report=report)
                report("everything is stopped")
            held.close()

    def _run(self, state: StackState, options: dict[str, Any], console: Console, report: Progress) -> None:
        query, file = _request_of(options)
        depth = "standard" if options["research"] else None
        session_id = f"demo-{uuid4().hex[:8]}"
        with ApiClient(state.base_url, state.api_key) as client:
            if file is not None:
                client.file_write(session_id=session_id, path=file.name, content=_content_of(file))
            task_id = client.task_submit(query=query, session_id=session_id, research_strategy=depth)
            report(f"submitted over HTTP: {query}")
            task_follow(client, task_id, console=console, timeout_seconds=options["timeout_seconds"])
        report("answered")


def _request_of(options: dict[str, Any]) -> tuple[str, Path | None]:
    """Return what is asked, and the file that it is about. A model of 135 million parameters is asked a little."""
    file: Path | None = options["file"]
    if options["research"]:
        return options["query"] or (_EXAMPLES / "research.txt").read_text().strip(), file
    if ENV.local_model:
        return options["query"] or _LOCAL_QUERY, file
    return options["query"] or (_EXAMPLES / "stocks.txt").read_text().strip(), file or _EXAMPLES / "stocks.csv"


@contextmanager
def _web_served() -> Iterator[dict[str, str]]:
    """Serve the examples' pages, and yield what processes must be told so that they search and read there.

    Nothing is served and told where a search engine is configured: that one is asked.
    """
    keys = (ENV.tavily_api_key, ENV.brave_api_key, ENV.serper_api_key)
    if ENV.searxng_url or any(key.get_secret_value() for key in keys):
        yield {}
        return
    with serving(SmallWeb(pages_of(_EXAMPLES / "pages"))) as web:
        allowed = ",".join(filter(None, [ENV.http_endpoints_allowed, web.variables["SHANNON_HTTP_ENDPOINTS_ALLOWED"]]))
        yield {**web.variables, "SHANNON_HTTP_ENDPOINTS_ALLOWED": allowed}


def _content_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise CommandError(f"{file} cannot be read: {exc.strerror}") from exc


def _addresses_show(state: StackState, login: str, paths: StackPaths, console: Console) -> None:
    rows = {
        "home": f"{state.base_url}/",
        "admin": f"{state.admin_url}   {login}",
        "Flower": state.flower_url,
        "API docs": state.docs_url,
        "metrics": state.metrics_url,
        "API key": state.api_key,
        "logs": str(paths.log_dir),
    }
    for name, value in rows.items():
        console.print(f"  {name:<9} {value}", soft_wrap=True, highlight=False, markup=False)
