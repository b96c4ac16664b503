"""A call of a tool in the sandbox, in each lane, beside others in the same run; calls a second; memory; cold starts."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from statistics import median
from typing import Any

import psutil

from benchmarks.report import Row, spread
from benchmarks.rows.sandbox_peers import monty_ms, wasmtime_ms
from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.eryx import EryxRuntime
from sandbox.runtimes.wasmer import WasmerRuntime
from sandbox.services import limits_default
from sandbox.services.execution import supervisor_options
from sandbox.types import ExecutionRequest

CALLS, WARM_UP = 40, 3
PAUSE_SECONDS = 0.05  # between two calls, as an agent's: the next guest is made meanwhile
WIDTHS = (1, 8, 32)
THROUGHPUT_SECONDS = 2.0
PYTHON, JAVASCRIPT = "print(sum(range(100)))", "console.log([...Array(100).keys()].reduce((a, b) => a + b))"


def sandbox_rows(stack: dict[str, Any], runs: int) -> list[Row]:  # noqa: ARG001 - needs nothing of the stack
    """Measure both lanes and what they are compared with, in turn, so that the machine's drift hits all alike."""
    bare = _bare_subprocess_ms()
    lanes: list[tuple[str, type[Runtime]]] = [("fast lane", EryxRuntime)] if find_spec("eryx") else []
    lanes.append(("Wasmer", WasmerRuntime))
    rows = [row for name, runtime in lanes for row in _lane_rows(name, runtime, median(bare))]
    rows.append(_javascript_row(median(bare)))
    peers = {"wasmtime-py with the same CPython": wasmtime_ms(PYTHON), "pydantic-monty": monty_ms(PYTHON)}
    rows += [_row(f"for comparison: {name}", times, None, median(bare)) for name, times in peers.items() if times]
    return rows


@contextmanager
def _hosts(runtime: type[Runtime], hosts: int = 2) -> Iterator[Supervisor]:
    supervisor = Supervisor(replace(supervisor_options(runtime), hosts_max=hosts))
    supervisor.warm(guest="python", limits=limits_default())
    try:
        yield supervisor
    finally:
        supervisor.shutdown()


def _lane_rows(name: str, runtime: type[Runtime], bare_ms: float) -> list[Row]:
    target = {"fast lane": 2.0, "Wasmer": 35.0}[name]
    with _hosts(runtime) as supervisor:
        rows = [_row(f"warm Python call, {name}", _calls_ms(supervisor, "python", PYTHON), target, bare_ms)]
        rows += [_throughput_row(name, supervisor, width) for width in WIDTHS]
    return [*rows, _cold_row(name, runtime)]


def _javascript_row(bare_ms: float) -> Row:
    with _hosts(WasmerRuntime) as supervisor:
        return _row("warm JavaScript call", _calls_ms(supervisor, "javascript", JAVASCRIPT), 5.0, bare_ms)


def _calls_ms(supervisor: Supervisor, guest: str, code: str) -> list[float]:
    def call() -> float:
        started = time.perf_counter()
        result = supervisor.execute(ExecutionRequest(guest, code, limits=limits_default()), limits=limits_default())
        if result.stdout != "4950\n":
            raise RuntimeError(f"the sandbox answered {result}")
        return (time.perf_counter() - started) * 1000

    return _paced(call)


def _paced(call: Callable[[], float]) -> list[float]:
    measured = []
    for _ in range(CALLS + WARM_UP):
        measured.append(call())
        time.sleep(PAUSE_SECONDS)
    return measured[WARM_UP:]


def _throughput_row(name: str, supervisor: Supervisor, width: int) -> Row:
    """Measure calls a second and core with so many callers, and the memory of the hosts meanwhile."""
    request = ExecutionRequest("python", PYTHON, limits=limits_default())
    end = time.monotonic() + THROUGHPUT_SECONDS

    def caller(_: int) -> int:
        count = 0
        while time.monotonic() < end:
            supervisor.execute(request, limits=limits_default())
            count += 1
        return count

    started = time.monotonic()
    with ThreadPoolExecutor(width) as pool:
        calls = sum(pool.map(caller, range(width)))
    rate = calls / (time.monotonic() - started) / (os.cpu_count() or 1)
    hosts = [psutil.Process(pid).memory_full_info().pss / 1024**2 for pid in supervisor.pids()]
    return Row(
        name=f"Python calls, {width} callers, {name}",
        unit="calls/s/core",
        ours=rate,
        ours_min=rate,
        ours_max=rate,
        runs=calls,
        note=f"{len(hosts)} hosts with {sum(hosts):.0f} MiB together (proportional)",
    )


def _cold_row(name: str, runtime: type[Runtime]) -> Row:
    """Measure from nothing but the cache to a host that has loaded its guest."""
    measured = []
    for _ in range(5):
        started = time.perf_counter()
        with _hosts(runtime, 1):
            measured.append((time.perf_counter() - started) * 1000)
    return _row(f"cold start from the cache, {name}", measured, 150.0, None)


def _bare_subprocess_ms() -> list[float]:
    def call() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-S", "-c", PYTHON], check=True, stdout=subprocess.DEVNULL)
        return (time.perf_counter() - started) * 1000

    return _paced(call)


def _row(name: str, measured: list[float], target_ms: float | None, bare_ms: float | None) -> Row:
    middle, low, high = spread(measured)
    return Row(
        name=name,
        unit="ms",
        ours=middle,
        ours_min=low,
        ours_max=high,
        reference_name="" if bare_ms is None else "bare python -I -S",
        reference=bare_ms,
        ratio=None if bare_ms is None else middle / bare_ms,
        target="" if target_ms is None else f"p50 ≤ {target_ms:.0f} ms",
        met=None if target_ms is None else middle <= target_ms,
        runs=len(measured),
    )
