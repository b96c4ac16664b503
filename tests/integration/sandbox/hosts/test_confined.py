"""What a host has and may do: nothing of its worker, and so much memory."""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from sandbox.host.supervisor import Supervisor
from sandbox.runtimes.base import Runtime
from sandbox.runtimes.eryx import EryxRuntime
from sandbox.types import ExecutionRequest
from tests.integration.sandbox.hosts.supervising import LIMITS, RUNTIMES, execute, make, page_faults, reasons

__all__ = ["make", "reasons"]


@pytest.mark.skipif(not find_spec("eryx"), reason="pyeryx has no wheel for Python 3.11")
def test_a_guest_of_the_fast_lane_finds_its_memory_mapped(make: Callable[..., Supervisor]) -> None:
    supervisor = make(of=EryxRuntime)
    runs = 8

    def faults_of_a_run() -> float:
        pid = supervisor.idle_pids()[0]
        before = page_faults(pid)
        for _ in range(runs):
            supervisor.execute(ExecutionRequest("python", "print(1)", limits=LIMITS), limits=LIMITS)
        assert supervisor.idle_pids() == [pid]
        return (page_faults(pid) - before) / runs

    supervisor.execute(ExecutionRequest("python", "print(1)", limits=LIMITS), limits=LIMITS)
    faults_of_a_run()
    assert faults_of_a_run() < 400  # 1 when written; without the engine's pool of guests each run has 1,150


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


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space on Linux only")
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_host_is_bounded_from_its_first_moment(make: Callable[..., Supervisor], runtime: type[Runtime]) -> None:
    supervisor = make(of=runtime)
    supervisor.warm(guest="python", limits=LIMITS)
    host = psutil.Process(supervisor.pids()[0])
    assert host.rlimit(psutil.RLIMIT_DATA) == (settings.SHANNON_SANDBOX_HOST_MEMORY_BYTES,) * 2
    assert host.rlimit(psutil.RLIMIT_AS)[1] < 128 * 1024**3
    assert host.memory_info().vms < 32 * 1024**3  # addresses of a few guests, not of thousands
