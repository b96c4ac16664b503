"""`manage.py task_submit "…" --follow`: submits a task as a client does, over HTTP, and shows how it goes."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from shannon_project.demo.client import ApiClient
from shannon_project.demo.follow import task_follow
from shannon_project.foundation.errors import ShannonError
from shannon_project.settings.env import ENV
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.state import state_of

_TIMEOUT_SECONDS = 3600.0


class Command(BaseCommand):
    """Submits one task."""

    help = "Submit a task over HTTP; with --follow, show it until its end. Without --base-url: the local stack's."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("query", help="what should be done")
        parser.add_argument("--follow", action="store_true", help="show the run until its end")
        parser.add_argument("--session", help="a session's id, or a name of your own")
        parser.add_argument("--file", type=Path, action="append", default=[], help="put into the workspace; repeatable")
        parser.add_argument("--mode", help="simple, standard or complex; absent: chosen by the platform")
        parser.add_argument("--model-tier", help="small, medium or large")
        parser.add_argument("--base-url", help="where the platform is, for example http://127.0.0.1:8080")
        parser.add_argument("--api-key", help="a key with the scopes tasks:write and tasks:read")
        parser.add_argument("--timeout-seconds", type=float, default=_TIMEOUT_SECONDS, help="for following")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the files, submit, follow."""
        base_url, api_key = _address(options["base_url"], options["api_key"])
        session_id = options["session"] or (f"cli-{uuid4().hex[:8]}" if options["file"] else None)
        values = {"session_id": session_id, "mode": options["mode"], "model_tier": options["model_tier"]}
        try:
            with ApiClient(base_url, api_key) as client:
                for file in options["file"]:
                    client.file_write(session_id=str(session_id), path=file.name, content=file.read_bytes())
                task_id = client.task_submit(query=options["query"], **values)
                self.stdout.write(f"task {task_id}")
                if options["follow"]:
                    task_follow(client, task_id, console=Console(), timeout_seconds=options["timeout_seconds"])
        except ShannonError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}") from error


def _address(base_url: str | None, api_key: str | None) -> tuple[str, str]:
    """Return the platform's address and a key: as given, or the running local stack's.

    Raises:
        CommandError: Neither was given nor is a local stack known.
    """
    if base_url and api_key:
        return base_url, api_key
    state = state_of(StackPaths(ENV.local_dir.resolve()))
    if state is None:
        raise CommandError("There is no local stack: start one with `make up`, or give --base-url and --api-key.")
    return base_url or state.base_url, api_key or state.api_key
