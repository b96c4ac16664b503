"""What hosts are forked from: it may die or hang, shares nothing with them, and ends with its worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.duckdb_sql import DuckdbRuntime
from sandbox.runtimes.monty import MontyRuntime
from sandbox.runtimes.wasmer import WasmerRuntime
from sandbox.services.execution import supervisor_options
from sandbox.types import ExecutionResult
from tests.integration.sandbox.hosts.supervising import (
    LIMITS,
    RUNTIMES,
    InBackground,
    cpu_seconds,
    eventually,
    execute,
    make,
    reasons,
    runs,
)

__all__ = ["make", "reasons"]


def test_what_hosts_are_forked_from_may_die_and_costs_no_run(make: Callable[..., Supervisor]) -> None:
    supervisor = make(hosts_max=2)
    supervisor.warm(guest="python", limits=LIMITS)
    zygote, hosts = supervisor.zygote_pid(), supervisor.pids()
    assert zygote is not None
    assert {psutil.Process(pid).ppid() for pid in hosts} == {zygote}
    os.kill(zygote, signal.SIGKILL)
    eventually(lambda: not any(map(psutil.pid_exists, hosts)))
    assert execute(supervisor, "print(1)").stdout == "1\n"
    assert supervisor.zygote_pid() not in {None, zygote}


def test_what_hosts_are_forked_from_may_hang_and_is_replaced() -> None:
    options = replace(supervisor_options(WasmerRuntime), hosts_max=1, start_seconds=20.0)
    nothing = replace(options.host, runtime="benchmarks.peers.nothing.NothingRuntime", runs_max=1)
    supervisor = Supervisor(replace(options, host=nothing))
    try:
        assert execute(supervisor, "one").stdout == "one"
        hung = supervisor.zygote_pid()
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        assert execute(supervisor, "two").stdout == "two"
        assert supervisor.zygote_pid() != hung
        assert not psutil.pid_exists(hung)
    finally:
        supervisor.shutdown()


def test_a_run_survives_the_death_of_what_its_host_was_forked_from(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    execute(supervisor, "pass")
    (pid,), zygote = supervisor.pids(), supervisor.zygote_pid()
    assert zygote is not None
    used = cpu_seconds(pid)
    busy = InBackground(
        supervisor, "sum(range(60_000_000)); print('whole')", replace(LIMITS, wall_seconds=280, cpu_seconds=280)
    )
    eventually(lambda: runs(supervisor, pid, used_before=used))
    os.kill(zygote, signal.SIGKILL)
    result = busy.result()
    assert isinstance(result, ExecutionResult)
    assert result.stdout == "whole\n"


@pytest.mark.parametrize("runtime", [*RUNTIMES, DuckdbRuntime, MontyRuntime])
def test_what_hosts_are_forked_from_has_one_thread_and_no_descriptor_of_theirs(
    make: Callable[..., Supervisor], runtime: type[Runtime]
) -> None:
    supervisor = make(of=runtime, hosts_max=2)
    supervisor.warm(guest=next(iter(runtime.guests)), limits=LIMITS)
    supervisor.warm(guest=next(iter(runtime.guests)), limits=LIMITS)
    zygote = psutil.Process(supervisor.zygote_pid())
    assert zygote.num_threads() == 1

    def pipes() -> list[str]:
        opened = [str(link.readlink()) for link in Path(f"/proc/{zygote.pid}/fd").iterdir() if link.is_symlink()]
        return [name for name in opened if name.startswith("pipe:")]

    eventually(lambda: not pipes())


def test_a_host_does_not_keep_the_socket_of_what_it_was_forked_from(make: Callable[..., Supervisor]) -> None:
    supervisor = make(runtime="benchmarks.peers.nothing.NothingRuntime")
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    opened = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    assert not {name for name in opened if name.startswith("socket:")}


def test_hosts_that_were_replaced_leave_no_process_behind(make: Callable[..., Supervisor]) -> None:
    supervisor = make(runtime="benchmarks.peers.nothing.NothingRuntime", runs_max=1)
    for _ in range(5):
        execute(supervisor, "pass")
    zygote = psutil.Process(supervisor.zygote_pid())
    eventually(lambda: len(zygote.children()) == len(supervisor.pids()))
    supervisor.shutdown()
    assert not zygote.is_running()


def test_hosts_end_with_their_worker() -> None:
    code = (
        "import django; django.setup(); from sandbox.services import warm; from sandbox.services.execution import "
        "host_pids; warm(); print(*host_pids(), flush=True); import time; time.sleep(600)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        pids = set(map(int, worker.stdout.readline().split()))
        hosts = [psutil.Process(pid) for pid in pids]
        hosts += {psutil.Process(host.ppid()) for host in hosts}
        assert len(hosts) > len(pids)
    finally:
        worker.kill()
        worker.wait()
    eventually(lambda: all(not host.is_running() or host.status() == psutil.STATUS_ZOMBIE for host in hosts))


def test_what_was_compiled_is_used_after_a_restart(make: Callable[..., Supervisor]) -> None:
    cache = Path(settings.SHANNON_SANDBOX_CACHE_DIR)

    def compiled() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in cache.rglob("*.bin")}

    before = compiled()
    assert before
    supervisor = make()
    supervisor.warm(guest="python", limits=LIMITS)
    assert execute(supervisor, "print(1)").stdout == "1\n"
    assert compiled() == before
