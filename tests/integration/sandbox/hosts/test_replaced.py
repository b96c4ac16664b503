"""Hosts that die, hang, miss deadlines or are used up are replaced, and innocent runs never notice."""

import hashlib
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from django.conf import settings

from sandbox.errors import SandboxBusy, SandboxUnavailable
from sandbox.guests.tenant_module import module_path, module_save
from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.eryx import EryxRuntime
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome
from tests.integration.sandbox.hosts.supervising import (
    LIMITS,
    LOOP,
    RUNTIMES,
    InBackground,
    cpu_seconds,
    eventually,
    execute,
    make,
    reasons,
    runs,
)
from tests.wasm_modules import HELLO

__all__ = ["make", "reasons"]


def test_a_damaged_image_of_the_interpreter_is_made_anew(make: Callable[..., Supervisor], tmp_path: Path) -> None:
    cache = Path(settings.SHANNON_SANDBOX_CACHE_DIR)
    for compiled in (cache / "cache-v1").rglob("*.bin"):  # no more: another process may be writing beside them
        kept = tmp_path / compiled.relative_to(cache)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(compiled, kept)
    images = list(cache.glob("python-image-*.webc"))
    assert images
    for image in images:
        (tmp_path / image.name).write_bytes(image.read_bytes()[:100_000])
    supervisor = make(cache_dir=str(tmp_path))
    assert execute(supervisor, "import json; print(json.dumps([1]))").stdout == "[1]\n"
    assert any((tmp_path / image.name).read_bytes() == image.read_bytes() for image in images)


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
