"""The sandbox hosts: confined, replaced when they die, recycled, and gone with their worker."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from django.conf import settings

from sandbox.errors import SandboxBusy, SandboxUnavailable
from sandbox.guests.tenant_module import module_path, module_save
from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.duckdb_sql import DuckdbRuntime
from sandbox.runtimes.eryx import EryxRuntime
from sandbox.runtimes.monty import MontyRuntime
from sandbox.runtimes.wasmer import WasmerRuntime
from sandbox.services.execution import supervisor_options
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits
from tests.wasm_modules import HELLO

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


def _page_faults(pid: int) -> int:
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
        self._thread.join(90)
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


def test_a_host_killed_from_outside_costs_no_run(make: Callable[..., Supervisor], reasons: list[str]) -> None:
    supervisor = make(hosts_max=2)
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    slow = "import time\nend = time.monotonic() + 4\nwhile time.monotonic() < end: pass\nprint('done')"
    used = cpu_seconds(pid)
    lost = InBackground(supervisor, slow)
    eventually(lambda: runs(supervisor, pid, used_before=used))
    beside = InBackground(supervisor, "print('beside')")
    os.kill(pid, signal.SIGKILL)
    assert [run.outcome() for run in (lost, beside)] == [Outcome.OK, Outcome.OK]
    assert execute(supervisor, "print('next')").stdout == "next\n"
    assert reasons == ["crashed"]
    assert pid not in supervisor.pids()


def test_a_run_that_loses_two_hosts_has_crashed(make: Callable[..., Supervisor], reasons: list[str]) -> None:
    supervisor = make(runtime="tests.integration.sandbox.runtimes.CrashingRuntime")
    result = execute(supervisor, "die")
    assert (result.outcome, result.exit_code, result.runtime) == (Outcome.CRASHED, None, "host")
    assert reasons == ["crashed", "crashed"]
    assert execute(supervisor, "next").stdout == "next"


@pytest.mark.skipif(not find_spec("eryx"), reason="pyeryx has no wheel for Python 3.11")
def test_a_guest_of_the_fast_lane_that_aborts_its_host_has_crashed(
    make: Callable[..., Supervisor], reasons: list[str]
) -> None:
    supervisor = make(of=EryxRuntime)
    supervisor.warm(guest="python", limits=LIMITS)
    deep = "import sys; sys.setrecursionlimit(10**9)\nclass A:\n  def __repr__(self): return repr(self)\nrepr(A())"
    result = execute(supervisor, deep)
    assert (result.outcome, result.exit_code, result.limit_hit) == (Outcome.CRASHED, None, "")
    assert reasons == ["crashed", "crashed"]
    assert execute(supervisor, "print('next')").stdout == "next\n"


@pytest.mark.skipif(not find_spec("eryx"), reason="pyeryx has no wheel for Python 3.11")
def test_a_guest_of_the_fast_lane_finds_its_memory_mapped(make: Callable[..., Supervisor]) -> None:
    supervisor = make(of=EryxRuntime)
    runs = 8

    def faults_of_a_run() -> float:
        pid = supervisor.idle_pids()[0]
        before = _page_faults(pid)
        for _ in range(runs):
            supervisor.execute(ExecutionRequest("python", "print(1)", limits=LIMITS), limits=LIMITS)
        assert supervisor.idle_pids() == [pid]
        return (_page_faults(pid) - before) / runs

    supervisor.execute(ExecutionRequest("python", "print(1)", limits=LIMITS), limits=LIMITS)
    faults_of_a_run()
    assert faults_of_a_run() < 400  # 1 when written; without the engine's pool of guests each run has 1,150


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_host_killed_under_32_concurrent_runs_costs_none_of_them(
    make: Callable[..., Supervisor], reasons: list[str], runtime: type[Runtime]
) -> None:
    supervisor = make(of=runtime, hosts_max=2)
    supervisor.warm(guest="python", limits=LIMITS)
    (pid,) = supervisor.pids()
    runs = [InBackground(supervisor, f"print(sum(range({number} * 50_000)))") for number in range(32)]
    os.kill(pid, signal.SIGKILL)
    results = [run.result() for run in runs]
    assert [result.stdout for result in results if isinstance(result, ExecutionResult)] == [
        f"{sum(range(number * 50_000))}\n" for number in range(32)
    ]
    assert len(reasons) == 1
    assert reasons[0] in {"crashed", "gone"}


def test_a_loaded_host_waits_to_replace_one_that_ends(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    supervisor.warm(guest="python", limits=LIMITS)
    execute(supervisor, "pass")  # the first that is lent has its successor started
    eventually(lambda: len(supervisor.pids()) == 2)
    execute(supervisor, "pass")
    assert len(supervisor.pids()) == 2


def test_a_host_that_died_idle_is_replaced_without_anybody_noticing(
    make: Callable[..., Supervisor], reasons: list[str]
) -> None:
    supervisor = make()
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    os.kill(pid, signal.SIGKILL)
    assert execute(supervisor, "print('fine')").stdout == "fine\n"
    assert reasons == ["gone"]


def test_a_host_that_misses_its_deadline_is_killed_and_replaced(
    make: Callable[..., Supervisor], reasons: list[str]
) -> None:
    supervisor = make(grace_seconds=0.2)
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    used = cpu_seconds(pid)
    run = InBackground(supervisor, LOOP, replace(LIMITS, wall_seconds=3))
    eventually(lambda: runs(supervisor, pid, used_before=used))
    os.kill(pid, signal.SIGSTOP)  # now it keeps no clock
    assert run.outcome() is Outcome.TIMEOUT
    assert reasons == ["overdue"]
    assert not psutil.pid_exists(pid)
    assert execute(supervisor, "print('next')").stdout == "next\n"


def test_a_guest_that_was_given_up_does_not_burn_on(make: Callable[..., Supervisor], reasons: list[str]) -> None:
    supervisor = make()
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    assert execute(supervisor, LOOP, replace(LIMITS, wall_seconds=0.5)).outcome is Outcome.TIMEOUT
    assert not psutil.pid_exists(pid)
    assert reasons == ["used_up"]


def test_a_host_that_started_a_module_only_to_compile_it_serves_no_other_run(
    make: Callable[..., Supervisor], reasons: list[str]
) -> None:
    name = uuid4().hex.encode()
    module = HELLO + bytes([0, 1 + len(name), len(name)]) + name  # a section of its own: nobody has compiled this one
    sha256 = hashlib.sha256(module).hexdigest()
    cache = Path(settings.SHANNON_SANDBOX_CACHE_DIR)
    module_save(cache, sha256, module)
    supervisor = make()
    request = ExecutionRequest("module", module_sha256=sha256, limits=LIMITS)
    try:
        for _ in range(2):
            assert supervisor.execute(request, limits=LIMITS).stdout == "hello\n"
            assert reasons == ["used_up"]
    finally:
        module_path(cache, sha256).unlink()


def test_hosts_are_recycled_after_their_runs_or_their_memory(
    make: Callable[..., Supervisor], reasons: list[str]
) -> None:
    by_runs = make(runs_max=2)
    for _ in range(4):
        assert execute(by_runs, "pass").outcome is Outcome.OK
    assert reasons == ["used_up", "used_up"]
    by_memory = make(rss_max_bytes=1)
    execute(by_memory, "pass")
    assert len(reasons) == 3


def test_a_request_waits_no_longer_than_it_is_ready_to(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    used = cpu_seconds(pid)
    busy = InBackground(supervisor, LOOP)
    eventually(lambda: runs(supervisor, pid, used_before=used))
    with pytest.raises(SandboxBusy) as refusal:
        execute(supervisor, "pass", replace(LIMITS, wait_seconds=0.1))
    assert refusal.value.retryable
    supervisor.shutdown()
    assert busy.outcome() is Outcome.CRASHED
    assert not psutil.pid_exists(pid)
    with pytest.raises(SandboxUnavailable):
        execute(supervisor, "pass")


def test_a_host_that_cannot_load_its_runtime_says_why(make: Callable[..., Supervisor]) -> None:
    supervisor = make(runtime="sandbox.runtimes.nothing.Missing")
    with pytest.raises(SandboxUnavailable, match="nothing"):
        execute(supervisor, "pass")
    with pytest.raises(SandboxUnavailable, match="nothing"):
        supervisor.warm(guest="python", limits=LIMITS)


def test_a_host_has_nothing_of_its_worker(make: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk_live_secret")
    with open("/dev/null") as inherited:  # noqa: PTH123
        os.set_inheritable(inherited.fileno(), True)
        supervisor = make()
        execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    environment = psutil.Process(pid).environ()
    assert set(environment) <= {"LANG", "LC_CTYPE", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "HOME", "TMPDIR"}
    opened = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    of_worker = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    nowhere = {link.name for link in Path(f"/proc/{pid}/fd").iterdir() if str(link.readlink()) == "/dev/null"}
    assert nowhere == {"0"}
    assert not {name for name in opened & of_worker if name.startswith("socket:")}
    mapped = Path(f"/proc/{pid}/maps").read_text()
    assert "psycopg" not in mapped
    assert os.getsid(pid) == pid


def test_a_host_is_confined(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    execute(supervisor, "pass")
    (pid,) = supervisor.pids()
    limits = {line[:25].strip(): line[26:].split()[0] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert limits["Max core file size"] == "0"
    assert limits["Max open files"] == "256"
    assert int(limits["Max data size"]) == settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES
    assert limits["Max file size"] != "unlimited"
    assert int(limits["Max cpu time"]) < 600
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()


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
        supervisor, "sum(range(60_000_000)); print('whole')", replace(LIMITS, wall_seconds=120, cpu_seconds=120)
    )
    eventually(lambda: runs(supervisor, pid, used_before=used))
    os.kill(zygote, signal.SIGKILL)
    result = busy.result()
    assert isinstance(result, ExecutionResult)
    assert result.stdout == "whole\n"


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space on Linux only")
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_host_is_bounded_from_its_first_moment(make: Callable[..., Supervisor], runtime: type[Runtime]) -> None:
    supervisor = make(of=runtime)
    supervisor.warm(guest="python", limits=LIMITS)
    host = psutil.Process(supervisor.pids()[0])
    assert host.rlimit(psutil.RLIMIT_DATA) == (settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES,) * 2
    assert host.rlimit(psutil.RLIMIT_AS)[1] < 128 * 1024**3
    assert host.memory_info().vms < 32 * 1024**3  # addresses of a few guests, not of thousands


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
