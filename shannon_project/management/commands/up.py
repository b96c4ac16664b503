"""`manage.py up`: start the stack and leave it running."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shannon_project.foundation.errors import ShannonError
from shannon_project.settings.env import ENV
from shannon_project.stack.paths import StackPaths, json_read
from shannon_project.stack.progress import Progress
from shannon_project.stack.services import stack_up, stack_wait
from shannon_project.stack.state import admin_login


class Command(BaseCommand):
    """Starts everything, waits until it is healthy, and returns."""

    help = "Start Postgres, Valkey, web, workers, beat and Flower, and leave them running; `down` stops them."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--while-pid", type=int, help="stop everything when this process ends, however it ends")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, and say where everything is."""
        paths = StackPaths(ENV.local_dir.resolve())
        known = json_read(paths.credentials)
        try:
            report = Progress()
            _, started = stack_up(paths=paths, report=report, owner_pid=options["while_pid"])
            state = stack_wait(paths=paths, report=report)
        except ShannonError as exc:
            raise CommandError(exc.message) from exc
        self.stdout.write("The stack is up." if started else "The stack was up already.")
        self.stdout.write(f"  home     {state.base_url}/")
        self.stdout.write(f"  API      {state.docs_url}   key {state.api_key}")
        self.stdout.write(f"  admin    {state.admin_url}   {admin_login(state, paths, known)}")
        self.stdout.write(f"  Flower   {state.flower_url}")
        self.stdout.write(f"  metrics  {state.metrics_url}")
        self.stdout.write(f"All of this is in {paths.state}; logs are in {paths.log_dir}; `make down` stops it.")
