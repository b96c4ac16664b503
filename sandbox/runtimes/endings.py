"""What is seen of one run while it goes on, and at its end. Imports nothing heavy: a fast host starts with it."""

import os
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.types import Outcome

_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
_STATM = Path("/proc/self/statm")
TICK_SECONDS = 0.02  # how late a limit on time or memory may be noticed
RSS_SLACK_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class GuestExit:
    """How the guest's process ended: with an exit code, or by a trap whose text is `trap`."""

    exit_code: int | None
    trap: str = ""


@dataclass(slots=True)
class Captured:
    """The first bytes of a stream."""

    max_bytes: int
    head: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def add(self, chunk: bytes) -> None:
        """Keep what there is room for."""
        room = self.max_bytes - len(self.head)
        self.head += chunk[:room]
        self.truncated = self.truncated or len(chunk) > room

    def text(self) -> str:
        """Return what was kept as text."""
        return self.head.decode(errors="replace")


@dataclass(slots=True)
class Ending:
    """What was seen of a run.

    Attributes:
        stopped_for: Why it was stopped; None when the guest ended by itself.
        exit: How the guest ended.
        stdout: What it printed.
        stderr: The same for standard error.
        wall_seconds: From its program to its end.
        cpu_seconds: CPU time of this process meanwhile.
        fuel: Instructions; None where they are not metered.
    """

    stopped_for: Outcome | None
    exit: GuestExit
    stdout: Captured
    stderr: Captured
    wall_seconds: float
    cpu_seconds: float | None = None
    fuel: int | None = None


@dataclass(slots=True)
class Stopwatch:
    """Wall clock and CPU clock of a run."""

    started_at: float = field(default_factory=time.monotonic)
    cpu_at_start: float = field(default_factory=time.process_time)

    def wall_seconds(self) -> float:
        """Return the time since the start."""
        return time.monotonic() - self.started_at

    def cpu_seconds(self) -> float:
        """Return the CPU time of this process, all threads together, since the start."""
        return time.process_time() - self.cpu_at_start


def rss_bytes() -> int:
    """Return this process's resident memory; 0 where the system does not tell: files then count only at the end."""
    statm_fd = _statm_fd(os.getpid())
    return 0 if statm_fd is None else int(os.pread(statm_fd, 128, 0).split()[1]) * _PAGE_BYTES


@cache
def _statm_fd(pid: int) -> int | None:  # noqa: ARG001 - one for each process, should it fork
    """Return the open file that tells of this process: to open it anew takes ten times as long as to read it."""
    return os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC) if _STATM.exists() else None
