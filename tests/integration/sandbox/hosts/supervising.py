"""Supervisors for tests, runs on threads of their own, and what can be seen of a host from outside."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.errors import SandboxUnavailable
from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.eryx import EryxRuntime
from sandbox.runtimes.wasmer import WasmerRuntime
from sandbox.services.execution import supervisor_options
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

LIMITS = SandboxLimits(wall_seconds=60)
LOOP = "while True: pass"
RUNTIMES: list[type[Runtime]] = [WasmerRuntime, EryxRuntime] if find_spec("eryx") else [WasmerRuntime]


def eventually(condition: Callable[[], bool], *, timeout_seconds: float = 60) -> None:
    """Wait until a condition holds."""
    changed = threading.Event()
    for _ in range(int(timeout_seconds / 0.02)):
        if condition():
            return
        changed.wait(0.02)
    pytest.fail("it never came true")


def page_faults(pid: int) -> int:
    """Return how often a process has had a page mapped for which nothing had to be read."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


@pytest.fixture
def reasons() -> list[str]:
    """Why hosts were replaced; filled by the supervisor."""
    return []


@pytest.fixture
def make(reasons: list[str]) -> Iterator[Callable[..., Supervisor]]:
    """Make supervisors that are shut down at the end: `make(hosts_max=1, runs_max=…)`."""
    made = []

    def supervisor(
        *, hosts_max: int = 1, grace_seconds: float = 30.0, of: type[Runtime] = WasmerRuntime, **host: Any
    ) -> Supervisor:
        options = supervisor_options(of)
        options = replace(options, hosts_max=hosts_max, grace_seconds=grace_seconds, host=replace(options.host, **host))
        made.append(Supervisor(options, on_replaced=reasons.append))
        return made[-1]

    yield supervisor
    for one in made:
        one.shutdown()


def execute(supervisor: Supervisor, code: str, limits: SandboxLimits = LIMITS) -> ExecutionResult:
    return supervisor.execute(ExecutionRequest("python", code, limits=limits), limits=limits)


class InBackground:
    """A run on a thread of its own."""

    def __init__(self, supervisor: Supervisor, code: str, limits: SandboxLimits = LIMITS) -> None:
        self._results: list[ExecutionResult | Exception] = []
        self._thread = threading.Thread(target=self._run, args=(supervisor, code, limits))
        self._thread.start()

    def _run(self, supervisor: Supervisor, code: str, limits: SandboxLimits) -> None:
        try:
            self._results.append(execute(supervisor, code, limits))
        except SandboxUnavailable as error:
            self._results.append(error)

    def result(self) -> ExecutionResult | Exception:
        self._thread.join(300)
        return self._results[0]

    def outcome(self) -> Outcome:
        result = self.result()
        assert isinstance(result, ExecutionResult)
        return result.outcome


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a host has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def runs(supervisor: Supervisor, pid: int, *, used_before: float) -> bool:
    """True when the host is lent and has worked for longer than it takes to start a guest, however busy the machine."""
    return pid not in supervisor.idle_pids() and cpu_seconds(pid) > used_before + 0.2
