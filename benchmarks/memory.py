"""How much memory of the machine processes take together."""

import time
from pathlib import Path
from typing import Final
from uuid import UUID

import psutil

from benchmarks.bench import task_wait
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL

_LOOK_SECONDS: Final = 0.05
_COUNT_SECONDS: Final = 0.5  # between two counts of pages: each takes milliseconds of the cores that are measured
_GROWN: Final = 1.02  # and whenever so much more is resident than at the last count
_BYTES_PER_KIB: Final = 1024


class PeakMemory:
    """The most memory that processes took together while they were watched, in MB; their children are not counted.

    A page of their own counts once, however many of them share it: it is in memory once. The pages of files (libraries)
    count in full, as many as the process has that has most of them, although others of the machine may share these too.
    For a process that was not forked this is its resident memory.
    """

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes = processes
        self._counted_at_seconds = float("-inf")
        self._counted_at_resident = 0.0
        self.megabytes = 0.0
        self.resident_megabytes = 0.0
        """What is resident in each, added up: shared pages count in each of them."""

    def look(self) -> None:
        """Look once."""
        resident = sum(process.memory_info().rss for process in self._processes) / 1e6
        self.resident_megabytes = max(self.resident_megabytes, resident)
        now = time.monotonic()
        if resident > self._counted_at_resident * _GROWN or now > self._counted_at_seconds + _COUNT_SECONDS:
            self.megabytes = max(self.megabytes, taken_megabytes([process.pid for process in self._processes]))
            self._counted_at_seconds = now
            self._counted_at_resident = max(self._counted_at_resident, resident)

    def watch(self, task_id: UUID, *, patience_seconds: float) -> None:
        """Look until a task has ended."""
        end = time.monotonic() + patience_seconds
        while time.monotonic() < end:
            self.look()
            if Task.objects.filter(id=task_id, status__in=[*TASK_TERMINAL]).exists():
                break
            time.sleep(_LOOK_SECONDS)
        task_wait(task_id, patience_seconds=1.0)


def taken_megabytes(pids: list[int]) -> float:
    """Return how much memory of the machine processes take together, counted as `PeakMemory` says."""
    shares = [_kibibytes(pid) for pid in pids]
    own = sum(share["Pss_Anon"] + share["Pss_Shmem"] for share in shares)
    files = max(share["Rss"] - share["Anonymous"] for share in shares)
    return (own + files) * _BYTES_PER_KIB / 1e6


def _kibibytes(pid: int) -> dict[str, int]:
    """Return the sums of a process's mappings (proc_pid_smaps_rollup(5))."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
