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
import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from rich.console import Console

from benchmarks.report import Row, Run
from orchestration.engine.line import LINE
from orchestration.models import Step, Task
from orchestration.types import TASK_TERMINAL, TaskStatus
from policy.services import principal_authenticate
from policy.types import Principal
from shannon_project.stack.health import workers_alive
from shannon_project.stack.roles import worker_command
from shannon_project.stack.supervisor import SupervisorClient

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.005  # each look costs a query, on the cores that are measured
START_SECONDS = 90.0
CONSUMERS = ("worker", "control")


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

    def stand_by(self, *roles: str) -> None:
        """Stop processes of the stack; `stand_up` starts them again before a row that needs them."""
        SupervisorClient(self.stack["supervisor_url"]).stop(*roles)

    def stand_up(self, *roles: str) -> None:
        """Start those of the roles that stand by, and wait until they work; none named: all consumers."""
        supervisor = SupervisorClient(self.stack["supervisor_url"])
        reports = supervisor.reports()
        if idle := [role for role in roles or CONSUMERS if not reports[role].is_up]:
            supervisor.start(*idle)
            self._await(idle)

    @contextmanager
    def siblings(self, count: int, *, threads: int, **variables: str) -> Iterator[list[psutil.Process]]:
        """Yield workers of this row's own that are forked from one process, and that process, which is the first."""
        self.stand_by("worker")
        name = f"bench-{os.getpid()}-{time.monotonic_ns()}"
        log = (Path(self.stack["log_dir"]) / "bench.log").open("ab")
        started = subprocess.Popen(
            worker_command(threads=threads, name=name, processes=count),
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
        )
        try:
            self._await([name, *(f"{name}-{number}" for number in range(2, count + 1))])
            parent = psutil.Process(started.pid)
            yield [parent, *parent.children()]
        finally:
            forked = psutil.Process(started.pid).children() if started.poll() is None else []
            started.kill()  # first, or it would start others in their place
            started.wait()
            for process in forked:
                process.kill()
            log.close()

    @contextmanager
    def workers(self, count: int, *, threads: int, **variables: str) -> Iterator[list[psutil.Process]]:
        """Yield workers of this row's own instead of the stack's worker, which stands by from now on."""
        self.stand_by("worker")
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

    def _await(self, names: list[str]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            answers = workers_alive(self.stack["broker_url"], role="*", timeout_seconds=1.0)
            if {name.split("@")[0] for name in answers} >= set(names):
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


RowFunction = Callable[[Bench], list[Row]]


def of_stack(measure: Callable[[dict[str, Any], int], list[Row]]) -> RowFunction:
    """Return a row that needs only the stack and the number of runs."""
    return lambda bench: measure(bench.stack, bench.runs)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement and the time that it may take. `is_alone`: it brings its own workers, if it needs any."""

    measure: RowFunction
    limit_seconds: int
    is_alone: bool = False


def run_rows(bench: Bench, chosen: Mapping[str, Measure], *, minutes: float) -> Run:
    """Run each row within its limit, and all of them within `minutes`; one that fails stops no other."""
    console, run = Console(stderr=True), Run()
    end = time.monotonic() + minutes * 60
    signal.signal(signal.SIGALRM, _over)
    for name, row in chosen.items():
        seconds = min(row.limit_seconds, int(end - time.monotonic()))
        if seconds <= 0:
            run.failures[name] = f"the {minutes:g} minutes of the whole run were over"
            continue
        console.print(f"measuring {name} (at most {seconds} s)")
        started = time.monotonic()
        signal.alarm(seconds)
        try:
            if not row.is_alone:
                bench.stand_up()
            run.rows += row.measure(bench)
        except RowOverdue:
            run.failures[name] = f"it was not done after {seconds} s"
        except Exception as error:  # noqa: BLE001 - the outermost edge of a row: the others are measured all the same
            run.failures[name] = f"{type(error).__name__}: {error}"[:500]
            console.print(traceback.format_exc(limit=-4))
        finally:
            signal.alarm(0)
            run.seconds[name] = round(time.monotonic() - started, 1)
        if name in run.failures:
            try:
                leftovers_clear()
            except (DatabaseError, InterfaceError, redis.RedisError) as error:
                console.print(f"what {name} left at work could not be ended: {error}", markup=False)
    return run


def leftovers_clear() -> None:
    """End what a row that failed has left at work, so that the next one does not measure it too."""
    connection.close()  # it may have been in the middle of a statement
    open_tasks = Task.objects.exclude(status__in=sorted(TASK_TERMINAL))
    open_steps = Step.objects.filter(task__in=open_tasks, status__in=["ready", "blocked", "waiting"])
    open_steps.update(status="cancelled")
    open_tasks.update(status=TaskStatus.CANCELLED, waits_since=None)
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.delete(*settings.SHANNON_QUEUES)
    LINE.clear()
    broker.close()


class RowOverdue(BaseException):
    """A row's time is over. No `Exception`: what a row asks may take those for a server that does not answer."""


def _over(*_: Any) -> None:
    raise RowOverdue
