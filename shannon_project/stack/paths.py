"""Where the stack keeps its files: all below one folder, `.local/` by default."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

_PRIVATE = 0o600  # files that hold a key or a password


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
    def lock(self) -> Iterator[None]:
        """Hold the stack: one `up` or `down` at a time."""
        self.local_dir.mkdir(parents=True, exist_ok=True)
        with (self.local_dir / "lock").open("w") as file:
            flock(file, LOCK_EX)
            yield


def private_write(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read; a reader never sees half of it."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
        file.write(text)
    scratch.replace(path)


def json_read(path: Path) -> dict[str, Any] | None:
    """Return a JSON object from a file, or None when the file is missing or is not one."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
