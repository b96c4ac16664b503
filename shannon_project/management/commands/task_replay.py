"""`manage.py task_replay ID`: computes a run again from its history, without any effect."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from orchestration.models import Task
from orchestration.replaying.service import replay
from shannon_project.foundation.errors import ShannonError


class Command(BaseCommand):
    """Replays one task."""

    help = "Compute a run that has ended again from its history. Exit code 1 and the first difference, if there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the task's id."""
        parser.add_argument("task_id", type=UUID)
        parser.add_argument("--ignore-prompts", action="store_true", help="models may be asked in other words")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay, then say what was found."""
        try:
            report = replay(Task.objects.get(id=options["task_id"]), with_prompts=not options["ignore_prompts"])
        except Task.DoesNotExist as error:
            raise CommandError(f"There is no task {options['task_id']}.") from error
        except ShannonError as error:
            raise CommandError(error.message) from error
        counted = f"{report.decisions} decisions, {report.steps} steps, {report.effects} effects"
        if report.difference is None:
            self.stdout.write(f"{report.strategy}: {counted} came to the same")
            return
        difference = json.dumps(asdict(report.difference), indent=2, ensure_ascii=False, default=str)
        raise CommandError(f"{report.strategy}: the replay differs.\n{difference}")
