#!/usr/bin/env python
"""Django's command line: `python manage.py help` lists the commands."""

import os
import sys
from importlib import import_module

from django.core.management import execute_from_command_line

# They start and stop processes and know no model: loading every app first would take as long as starting the servers.
WITHOUT_APPS = ("demo", "up", "down")

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_APPS:
        import_module(f"shannon_project.management.commands.{sys.argv[1]}").Command().run_from_argv(sys.argv)
    else:
        execute_from_command_line(sys.argv)
