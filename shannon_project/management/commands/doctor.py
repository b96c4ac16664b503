"""`manage.py doctor`: say what is wrong and what to do."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from shannon_project.settings.env import ENV
from shannon_project.stack.doctor import Verdict, examine
from shannon_project.stack.paths import StackPaths

_SIGN = {Verdict.FINE: "ok", Verdict.WRONG: "WRONG", Verdict.NOT_RUNNING: "-"}


class Command(BaseCommand):
    """Examines the installation and the running stack."""

    help = "Check this installation and the running stack; exit code 1 when something is wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--json", action="store_true", help="a list of objects instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine and tell."""
        results = examine(StackPaths(ENV.local_dir.resolve()))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(result) for result in results], indent=2))
        else:
            for result in results:
                sign = _SIGN[result.verdict]
                self.stdout.write(f"{result.check_id}  {sign:<6} {result.title:<11} {result.finding}")
                if result.verdict is Verdict.WRONG:
                    self.stdout.write(f"{'':14} -> {result.advice}")
        if any(result.verdict is Verdict.WRONG for result in results):
            raise SystemExit(1)
