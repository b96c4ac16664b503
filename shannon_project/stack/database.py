"""Brings the stack's database up to date: migrations, and what `seed` makes."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from shannon_project.settings.core import INSTALLED_APPS
from shannon_project.settings.env import BASE_DIR, child_environment
from shannon_project.stack.errors import PreparationFailed
from shannon_project.stack.paths import StackPaths, log_end

TRANSACTION_IDLE_SECONDS: Final = "600"


def migrations_pending(database_url: str) -> list[tuple[str, str]]:
    """Return (app, name) of the migrations on disk that a database has not seen; 20 ms, without loading Django's apps.

    Raises:
        psycopg.Error: The database does not answer.
    """
    on_disk = _migrations_on_disk()
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return sorted(on_disk)
        applied = {(str(app), str(name)) for app, name in connection.execute("SELECT app, name FROM django_migrations")}
    return sorted(on_disk - applied)


def database_prepare(paths: StackPaths, environment: dict[str, str]) -> None:
    """Migrate and seed, in a process of its own: this one may have read other settings.

    Raises:
        PreparationFailed: The command failed; the message ends with its last lines.
    """
    log_path = paths.log("seed")
    command = [sys.executable, str(BASE_DIR / "manage.py"), "seed", "--migrate"]
    # Between two statements of a migration a slow machine thinks for long, and no task waits for it.
    child = child_environment(**{**environment, "SHANNON_DATABASE_TRANSACTION_IDLE_SECONDS": TRANSACTION_IDLE_SECONDS})
    with log_path.open("wb") as log:
        done = subprocess.run(  # noqa: S603 the command is ours
            command, cwd=BASE_DIR, stdout=log, stderr=log, env=child, check=False
        )
    if done.returncode != 0:
        raise PreparationFailed(
            f"The database could not be migrated and seeded. The end of {log_path}:\n{log_end(log_path)}"
        )


def _migrations_on_disk() -> set[tuple[str, str]]:
    """Return (app, name) of every migration, as Django's loader finds them; labels are the packages' last names."""
    found: set[tuple[str, str]] = set()
    for app in (name.partition(".apps.")[0] for name in INSTALLED_APPS):  # some are named by their configuration
        spec = find_spec(app)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            files = Path(folder, "migrations").glob("[!_]*.py")
            found |= {(app.rpartition(".")[2], file.stem) for file in files}
    return found
