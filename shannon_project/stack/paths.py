"""Where the stack keeps its files: all below one folder, `.local/` by default."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, TextIO

_LOCK_SILENT_SECONDS = 2.0  # a wait that takes longer is told
_LOCK_POLL_SECONDS = 0.05
_LOG_END_LINES = 15
_LOG_LINE_CHARS = 300  # one line of JSON may hold a whole traceback


@dataclass(frozen=True, slots=True)
class StackPaths:
    """The files of one stack; two stacks live in two folders."""

    local_dir: Path

    @property
    def env(self) -> Path:
        """Variables of the running stack; the settings read them."""
        return self.local_dir / "env"

    @property
    def state(self) -> Path:
        """Addresses, keys and pids of the running stack; written by its supervisor, absent when it is down."""
        return self.local_dir / "stack.json"

    @property
    def credentials(self) -> Path:
        """API key and admin login that `seed` made."""
        return self.local_dir / "credentials.json"

    @property
    def secret_key(self) -> Path:
        """Django's secret key; made once."""
        return self.local_dir / "secret_key"

    @property
    def supervisor_config(self) -> Path:
        """What the supervisor runs; written at each start."""
        return self.local_dir / "supervisor.conf"

    @property
    def log_dir(self) -> Path:
        """One log file for each role."""
        return self.local_dir / "log"

    @property
    def prometheus_dir(self) -> Path:
        """Metrics of all processes, which web's /metrics adds up; emptied at each start."""
        return self.local_dir / "prometheus"

    @property
    def static_root(self) -> Path:
        """Collected static files; empty here, because web finds them in the packages."""
        return self.local_dir / "static_root"

    @property
    def postgres_dir(self) -> Path:
        """Data of the embedded Postgres."""
        return self.local_dir / "postgres"

    @property
    def valkey_dir(self) -> Path:
        """Data of the embedded Valkey."""
        return self.local_dir / "valkey"

    def log(self, role: str) -> Path:
        """Log file of a role."""
        return self.log_dir / f"{role}.log"

    @contextmanager
    def lock(self, report: Callable[[str], None]) -> Iterator[None]:
        """Hold the stack: one `up` or `down` at a time.

        Args:
            report: Told when another one has held it for 2 s; the wait goes on.
        """
        self.local_dir.mkdir(parents=True, exist_ok=True)
        path = self.local_dir / "lock"
        with path.open("w") as file:
            if not _locked_soon(file):
                report(f"another `up` or `down` holds {path}: waiting for its end")
                flock(file, LOCK_EX)
            yield


def _locked_soon(file: TextIO) -> bool:
    """Lock a file, waiting 2 s at most; return whether that worked."""
    deadline = monotonic() + _LOCK_SILENT_SECONDS
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            if monotonic() > deadline:
                return False
            Event().wait(_LOCK_POLL_SECONDS)
        else:
            return True


def private_write(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read (mode 600); a reader never sees half of it."""
    # A name of its own for each write: threads, processes and signal handlers may write the same file at once.
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def log_end(path: Path) -> str:
    """Return a log's last 15 lines, each cut at 300 characters; empty when there is no such file."""
    lines = path.read_text(errors="replace").splitlines()[-_LOG_END_LINES:] if path.exists() else []
    return "\n".join(line if len(line) <= _LOG_LINE_CHARS else f"{line[:_LOG_LINE_CHARS]}…" for line in lines)


def json_read(path: Path) -> dict[str, Any] | None:
    """Return a JSON object from a file, or None when the file is missing or is not one."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
