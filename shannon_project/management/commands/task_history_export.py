"""`manage.py task_history_export ID`: prints a run's history, for `tests/histories/` or to look at elsewhere."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from orchestration.models import Task
from orchestration.replaying import history_export
from shannon_project.foundation.errors import ShannonError


class Command(BaseCommand):
    """Exports one task's history."""

    help = "Print the history of a run that has ended as JSON. It holds what was asked and answered: mind who reads it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the task's id and where to write."""
        parser.add_argument("task_id", type=UUID)
        parser.add_argument("--output", type=Path, help="a file; absent: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export."""
        try:
            history = history_export(options["task_id"])
        except Task.DoesNotExist as error:
            raise CommandError(f"There is no task {options['task_id']}.") from error
        except ShannonError as error:
            raise CommandError(error.message) from error
        text = json.dumps(history, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False, sort_keys=True)
        if options["output"] is None:
            self.stdout.write(text)
        else:
            options["output"].write_text(text + "\n", encoding="utf-8")
