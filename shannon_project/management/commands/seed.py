"""`manage.py seed`: make a tenant, an API key and an admin user."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from shannon_project.settings.env import ENV
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.seed import seed


class Command(BaseCommand):
    """Makes what a fresh database needs."""

    help = "Make the tenant, the API key and the admin user that are missing; safe to call again."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--migrate", action="store_true", help="migrate first")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, and say where the secrets are."""
        if options["migrate"]:
            call_command("migrate", interactive=False, verbosity=1, skip_checks=True)
        paths = StackPaths(ENV.local_dir.resolve())
        seed(paths=paths)
        self.stdout.write(f"The API key and the admin login are in {paths.credentials}.")
