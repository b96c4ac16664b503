"""A call of a tool in the sandbox, in each lane, beside others in the same run; calls a second; memory; hosts."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks.peers.nothing import NothingRuntime
from benchmarks.report import Row, spread
from benchmarks.rows.sandbox_hosts import host_rows, hosts, memory_mib
from benchmarks.rows.sandbox_peers import monty_ms, wasmtime_ms
from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.eryx import EryxRuntime
from sandbox.runtimes.wasmer import WasmerRuntime
from sandbox.services import limits_default
from sandbox.types import ExecutionRequest

CALLS, WARM_UP = 30, 3
PAUSE_SECONDS = 0.05  # between two calls, as an agent's: the next guest is made meanwhile
WIDTHS = (1, 8, 32)
THROUGHPUT_SECONDS = 1.0
PYTHON, JAVASCRIPT = "print(sum(range(100)))", "console.log([...Array(100).keys()].reduce((a, b) => a + b))"


def sandbox_rows(stack: dict[str, Any], runs: int) -> list[Row]:  # noqa: ARG001 - needs nothing of the stack
    """Measure both lanes and what they are compared with, in turn, so that the machine's drift hits all alike."""
    peers = {"bare python -I -S": _bare_subprocess_ms()}
    missing = []
    for name, measure in (("wasmtime-py, same CPython", wasmtime_ms), ("pydantic-monty", monty_ms)):
        try:
            peers[name] = measure(PYTHON)
        except (RuntimeError, subprocess.SubprocessError) as error:  # without a network, say: the rest is measured
            missing.append(f"{name} could not be measured: {error}"[:300])
    lanes: list[tuple[str, type[Runtime]]] = [("fast lane", EryxRuntime)] if find_spec("eryx") else []
    lanes.append(("Wasmer", WasmerRuntime))
    rows = [_pipe_row()]
    for name, runtime in lanes:
        rows += [*_lane_rows(name, runtime, peers), *host_rows(name, runtime)]
    rows += _javascript_rows(peers)
    return [replace(rows[0], note="; ".join(missing)), *rows[1:]]


def _lane_rows(name: str, runtime: type[Runtime], peers: dict[str, list[float]]) -> list[Row]:
    target = {"fast lane": 2.0, "Wasmer": 35.0}[name]
    with hosts(runtime) as supervisor:
        measured = _calls_ms(supervisor, "python", PYTHON)
        return [
            *(_row(f"warm Python call, {name}", measured, target, peer, theirs) for peer, theirs in peers.items()),
            *(_throughput_row(name, supervisor, "python", PYTHON, width) for width in WIDTHS),
        ]


def _javascript_rows(peers: dict[str, list[float]]) -> list[Row]:
    bare = next(iter(peers))
    with hosts(WasmerRuntime) as supervisor:
        measured = _calls_ms(supervisor, "javascript", JAVASCRIPT)
        return [
            _row("warm JavaScript call", measured, 5.0, bare, peers[bare]),
            *(_throughput_row("JavaScript", supervisor, "javascript", JAVASCRIPT, width) for width in WIDTHS),
        ]


def _pipe_row() -> Row:
    """Measure supervisor, pipes and frames alone, with a runtime that does nothing."""
    with hosts(NothingRuntime) as supervisor:
        return _row("the pipe: a call that runs nothing", _calls_ms(supervisor, "python", "4950\n"), None, "", None)


def _calls_ms(supervisor: Supervisor, guest: str, code: str) -> list[float]:
    def call() -> float:
        started = time.perf_counter()
        limits = limits_default()
        result = supervisor.execute(ExecutionRequest(guest, code, limits=limits), limits=limits)
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


def _throughput_row(name: str, supervisor: Supervisor, guest: str, code: str, width: int) -> Row:
    """Measure calls a second and core with so many callers, and the memory of the hosts meanwhile."""
    request = ExecutionRequest(guest, code, limits=limits_default())
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
    memory = memory_mib(supervisor)
    return Row(
        name=f"calls, {width} at once, {name}",
        unit="calls/s/core",
        ours=rate,
        ours_min=rate,
        ours_max=rate,
        runs=calls,
        note=f"{len(memory)} hosts with {sum(memory):.0f} MiB together (proportional)",
    )


def _bare_subprocess_ms() -> list[float]:
    def call() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-S", "-c", PYTHON], check=True, stdout=subprocess.DEVNULL)
        return (time.perf_counter() - started) * 1000

    return _paced(call)


def _row(name: str, measured: list[float], target_ms: float | None, peer: str, theirs: list[float] | None) -> Row:
    middle, low, high = spread(measured)
    reference = None if theirs is None else median(theirs)
    return Row(
        name=name,
        unit="ms",
        ours=middle,
        ours_min=low,
        ours_max=high,
        reference_name=peer,
        reference=reference,
        ratio=None if reference is None else middle / reference,
        target="" if target_ms is None else f"p50 ≤ {target_ms:.0f} ms",
        met=None if target_ms is None else middle <= target_ms,
        runs=len(measured),
    )
