"""What every row is given: the running stack, processes of its own, and a limit on its time."""

import os
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from rich.console import Console

from benchmarks.report import Row
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL, TaskStatus
from policy.services import principal_authenticate
from policy.types import Principal
from shannon_project.stack.health import workers_alive
from shannon_project.stack.roles import worker_command
from shannon_project.stack.supervisor import SupervisorClient

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.002
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A stack that runs, how often to measure, and at what scale (1: all)."""

    stack: dict[str, Any]
    runs: int
    scale: float

    def principal(self) -> Principal:
        """Return who measures."""
        return principal_authenticate(api_key=self.stack["api_key"])

    def scaled(self, count: int) -> int:
        """Return a count at this scale, at least 1."""
        return max(1, round(count * self.scale))

    @contextmanager
    def workers(self, count: int, *, threads: int, **variables: str) -> Iterator[list[psutil.Process]]:
        """Yield workers of this row's own instead of the stack's worker, which stands by meanwhile."""
        supervisor = SupervisorClient(self.stack["supervisor_url"])
        supervisor.stop("worker")
        names = [f"bench-{os.getpid()}-{time.monotonic_ns()}-{number}" for number in range(count)]
        log = (Path(self.stack["log_dir"]) / "bench.log").open("ab")
        started = [
            subprocess.Popen(
                worker_command(threads=threads, name=name),
                cwd=ROOT,
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
            )
            for name in names
        ]
        try:
            self._await(names)
            yield [psutil.Process(process.pid) for process in started]
        finally:
            for process in started:
                process.kill()
                process.wait()
            log.close()
            supervisor.start("worker")
            self._await(["worker"])

    def _await(self, names: list[str]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            alive = {name.split("@")[0] for name in workers_alive(self.stack["broker_url"], timeout_seconds=1.0)}
            if alive >= set(names):
                return
        raise TimeoutError(f"workers did not start in {START_SECONDS:.0f} s: {', '.join(names)}")


def task_wait(task_id: UUID, *, patience_seconds: float) -> None:
    """Wait until a task has ended well, as a client that polls does.

    Raises:
        TimeoutError: It did not end in time.
        RuntimeError: It ended otherwise.
    """
    end = time.monotonic() + patience_seconds
    while time.monotonic() < end:
        status = Task.objects.values_list("status", flat=True).get(id=task_id)
        if status == TaskStatus.COMPLETED:
            return
        if status in TASK_TERMINAL:
            raise RuntimeError(f"the task ended as {status}: {Task.objects.get(id=task_id).error}")
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"the task did not end in {patience_seconds:.0f} s")


class PeakMemory:
    """The most resident memory that processes had together while it was watched, in MB; children not counted."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes = processes
        self.megabytes = 0.0

    def look(self) -> None:
        """Look once."""
        now = sum(process.memory_info().rss for process in self._processes) / 1e6
        self.megabytes = max(self.megabytes, now)

    def watch(self, task_id: UUID, *, patience_seconds: float) -> None:
        """Look until a task has ended."""
        end = time.monotonic() + patience_seconds
        while time.monotonic() < end:
            self.look()
            if Task.objects.filter(id=task_id, status__in=[*TASK_TERMINAL]).exists():
                break
            time.sleep(0.02)
        task_wait(task_id, patience_seconds=1.0)


RowFunction = Callable[[Bench], list[Row]]


def of_stack(measure: Callable[[dict[str, Any], int], list[Row]]) -> RowFunction:
    """Return a row that needs only the stack and the number of runs."""
    return lambda bench: measure(bench.stack, bench.runs)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement and the time that it may take."""

    measure: RowFunction
    limit_seconds: int


def run_rows(bench: Bench, chosen: Mapping[str, Measure]) -> tuple[list[Row], dict[str, str]]:
    """Run each row within its limit. Returns what was found, and what failed with its reason, by name."""
    console, rows, failures = Console(stderr=True), [], {}
    signal.signal(signal.SIGALRM, _over)
    for name, row in chosen.items():
        console.print(f"measuring {name} (at most {row.limit_seconds} s)")
        signal.alarm(row.limit_seconds)
        try:
            rows += row.measure(bench)
        except RowOverdue:
            failures[name] = f"it was not done after {row.limit_seconds} s"
        except Exception as error:  # noqa: BLE001 - the outermost edge of a row: the others are measured all the same
            failures[name] = f"{type(error).__name__}: {error}"[:500]
            console.print(traceback.format_exc(limit=-4))
        finally:
            signal.alarm(0)
    return rows, failures


class RowOverdue(BaseException):
    """A row's time is over. No `Exception`: what a row asks may take those for a server that does not answer."""


def _over(*_: Any) -> None:
    raise RowOverdue
