"""The sandbox hosts: how fast one starts, how late one ends a stuck program, how soon a dead one is replaced."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil

from benchmarks.report import Row, spread
from sandbox.host.process import HostProcess
from sandbox.host.supervisor import Supervisor
from sandbox.host.zygote import Zygote
from sandbox.runtimes.base import Runtime
from sandbox.services import limits_default
from sandbox.services.execution import supervisor_options
from sandbox.types import ExecutionRequest, Outcome

COLD_STARTS, DEADLINES, DEATHS = 5, 6, 6
DEADLINE_SECONDS = 0.2
LATE_MS, REPLACED_MS, COLD_MS = 200.0, 300.0, 150.0
_READY_SECONDS = 20.0


@contextmanager
def hosts(runtime: type[Runtime], count: int = 2) -> Iterator[Supervisor]:
    """Yield a warm supervisor of so many hosts."""
    supervisor = Supervisor(replace(supervisor_options(runtime), hosts_max=count))
    supervisor.warm(guest="python", limits=limits_default())
    try:
        yield supervisor
    finally:
        supervisor.shutdown()


def host_rows(name: str, runtime: type[Runtime]) -> list[Row]:
    """Measure the hosts of one lane, and what they are forked from."""
    with hosts(runtime, 1) as supervisor:
        late, replaced = _late_ms(supervisor), _replaced_ms(supervisor)
        memory = memory_mib(supervisor)
    return [
        _row(f"cold start from the cache, {name}", _cold_ms(runtime), f"p50 ≤ {COLD_MS:.0f} ms", COLD_MS),
        _row(f"the same in a worker that just started, {name}", _first_ms(runtime), f"p50 ≤ {COLD_MS:.0f} ms", COLD_MS),
        _row(f"a stuck program is ended after its deadline, {name}", late, f"all ≤ {LATE_MS:.0f} ms", LATE_MS, of=max),
        _row(f"a call after its host was killed, {name}", replaced, f"all ≤ {REPLACED_MS:.0f} ms", REPLACED_MS, of=max),
        Row(f"memory of a warm host, {name}", "MiB", *spread(memory), runs=len(memory)),
    ]


def memory_mib(supervisor: Supervisor) -> list[float]:
    """Return the proportional memory of each host: pages that hosts share count once."""
    return [psutil.Process(pid).memory_full_info().pss / 1024**2 for pid in supervisor.pids()]


def _cold_ms(runtime: type[Runtime]) -> list[float]:
    """Measure from no host to one that has loaded its guest, in a worker that has what hosts are forked from."""
    options = supervisor_options(runtime)
    zygote = Zygote(options.host, start_seconds=options.start_seconds)
    measured = []
    for number in range(COLD_STARTS + 1):
        started = time.perf_counter()
        host = HostProcess(options.host, zygote)
        host.warm(guest="python", limits=limits_default(), timeout_seconds=options.start_seconds)
        if number:  # the first one waits for the zygote itself
            measured.append((time.perf_counter() - started) * 1000)
        host.end()
    zygote.end()
    return measured


def _first_ms(runtime: type[Runtime]) -> list[float]:
    """Measure from nothing but the cache to the first host that has loaded its guest."""
    measured = []
    for _ in range(COLD_STARTS):
        started = time.perf_counter()
        with hosts(runtime, 1):
            measured.append((time.perf_counter() - started) * 1000)
    return measured


def _late_ms(supervisor: Supervisor) -> list[float]:
    """Measure from a program's deadline to its result in the worker's hands."""
    limits = replace(limits_default(), wall_seconds=DEADLINE_SECONDS)
    measured = []
    for _ in range(DEADLINES):
        _loaded(supervisor)
        started = time.perf_counter()
        result = supervisor.execute(ExecutionRequest("python", "while True: pass", limits=limits), limits=limits)
        measured.append((time.perf_counter() - started - DEADLINE_SECONDS) * 1000)
        if result.outcome is not Outcome.TIMEOUT:
            raise RuntimeError(f"the sandbox answered {result}")
    return measured


def _replaced_ms(supervisor: Supervisor) -> list[float]:
    """Measure from the death of the host whose turn is next to the result of the next call."""
    request = ExecutionRequest("python", "print(1)", limits=limits_default())
    measured = []
    for _ in range(DEATHS):
        _loaded(supervisor)
        os.kill(supervisor.idle_pids()[0], signal.SIGKILL)
        started = time.perf_counter()
        if supervisor.execute(request, limits=limits_default()).stdout != "1\n":
            raise RuntimeError("the sandbox answered something else")
        measured.append((time.perf_counter() - started) * 1000)
    return measured


def _loaded(supervisor: Supervisor) -> None:
    """Wait until one host serves and another one stands by, both with a guest that is ready."""
    supervisor.execute(ExecutionRequest("python", "", limits=limits_default()), limits=limits_default())
    end = time.monotonic() + _READY_SECONDS
    while len(supervisor.idle_pids()) < 2:
        if time.monotonic() > end:
            raise TimeoutError(f"no host stood by after {_READY_SECONDS:.0f} s")
        time.sleep(0.01)
    time.sleep(0.1)  # the next guest of the host that just served


def _row(
    name: str, measured: list[float], target: str, most: float, of: Callable[[list[float]], float] | None = None
) -> Row:
    middle, low, high = spread(measured)
    judged = middle if of is None else of(measured)
    return Row(name, "ms", middle, low, high, target=target, met=judged <= most, runs=len(measured))
