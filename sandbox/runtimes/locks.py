"""A lock that all processes of a machine respect."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def machine_lock(path: Path) -> Iterator[None]:
    """Hold the lock: compiling the same module twice at once helps nobody. The kernel frees that of a dead process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
