"""Brings the stack's database up to date: migrations, and what `seed` makes."""

import subprocess
import sys

import psycopg
from django.db.migrations.loader import MigrationLoader

from shannon_project.settings.env import BASE_DIR, child_environment
from shannon_project.stack.errors import PreparationFailed
from shannon_project.stack.paths import StackPaths

_LOG_TAIL_LINES = 15


def migrations_pending(database_url: str) -> list[tuple[str, str]]:
    """Return (app, name) of the migrations on disk that a database has not seen; 20 ms, without Django's connection.

    Raises:
        psycopg.Error: The database does not answer.
    """
    loader = MigrationLoader(None, ignore_no_migrations=True)
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return sorted(loader.disk_migrations)
        applied = {(str(app), str(name)) for app, name in connection.execute("SELECT app, name FROM django_migrations")}
    return sorted(set(loader.disk_migrations) - applied)


def database_prepare(paths: StackPaths, environment: dict[str, str]) -> None:
    """Migrate and seed, in a process of its own: this one may have read other settings.

    Raises:
        PreparationFailed: The command failed; the message ends with its last lines.
    """
    log_path = paths.log("seed")
    command = [sys.executable, str(BASE_DIR / "manage.py"), "seed", "--migrate"]
    with log_path.open("wb") as log:
        done = subprocess.run(  # noqa: S603 the command is ours
            command, cwd=BASE_DIR, stdout=log, stderr=log, env=child_environment(**environment), check=False
        )
    if done.returncode != 0:
        tail = "\n".join(log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        raise PreparationFailed(f"The database could not be migrated and seeded. The end of {log_path}:\n{tail}")
