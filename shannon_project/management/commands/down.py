"""`manage.py down`: stop the stack."""

from typing import Any

from django.core.management.base import BaseCommand

from shannon_project.settings.env import ENV
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.progress import Progress
from shannon_project.stack.services import stack_down


class Command(BaseCommand):
    """Stops everything that `up` started."""

    help = "Stop what `up` started, and whatever a killed stack left behind."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop, and say whether there was anything to stop."""
        stopped = stack_down(paths=StackPaths(ENV.local_dir.resolve()), report=Progress())
        self.stdout.write("The stack is down." if stopped else "The stack was not running.")
