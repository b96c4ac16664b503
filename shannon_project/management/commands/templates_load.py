"""`manage.py templates_load`: store the templates of a folder as the platform's own."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration.errors import TemplateInvalid
from orchestration.workflows.service import templates_load


class Command(BaseCommand):
    """Stores each file as the next version of its name, unless nothing changed."""

    help = "Store the templates of a folder as the platform's own."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a folder."""
        parser.add_argument("folder", nargs="?", type=Path, help="Default: SHANNON_TEMPLATES_DIR.")

    def handle(self, *args: Any, folder: Path | None = None, **options: Any) -> None:
        """Load, and say what is new."""
        try:
            loaded = templates_load(folder)
        except TemplateInvalid as error:
            raise CommandError(error.message) from error
        for row, is_new in loaded:
            print(f"{row}: {'new' if is_new else 'unchanged'}")
