"""What the sandbox host gives up before it reads its first frame. Linux only where it says so.

The host confines itself, after it was forked from a process with one thread (`sandbox.host.forking`).
"""

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from select import poll

from sandbox.host.syscalls import network_left, syscalls_filtered

# prctl(2): https://man7.org/linux/man-pages/man2/prctl.2.html
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_GIBIBYTE = 1024**3
_ADDRESS_SPACE_BYTES = 96 * _GIBIBYTE  # addresses, not memory: wasmer reserves 8 GiB for each guest
_FILE_MAX_BYTES = 512 * 1024 * 1024  # a compiled module in the cache is 50 MB
_OPEN_FILES = 256
_CPUS = os.cpu_count() or 1
_OOM_SCORE = "800"  # when memory runs out, the kernel should take the host and not its worker


class NotConfined(Exception):
    """The host could not give something up, so it must not run anything."""


def confine(*, parent_pid: int, memory_bytes: int, may_start: bool = False) -> None:
    """Leave the network, set resource limits, refuse new privileges and needless system calls, end with the worker.

    Called while this process has one thread. What the kernel does not offer is left out, and `manage.py check` says so.

    Args:
        parent_pid: The process that this one was forked from.
        memory_bytes: Private writable memory (`RLIMIT_DATA`) of the whole host.
        may_start: Leave open to start a process, until `starting_refused`.

    Raises:
        NotConfined: The system refused, or the worker is already gone.
    """
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: _FILE_MAX_BYTES,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
    }
    if sys.platform == "linux":  # elsewhere these two count address space that is only reserved
        limits |= {resource.RLIMIT_AS: _ADDRESS_SPACE_BYTES, resource.RLIMIT_DATA: memory_bytes}
        network_left()
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        with contextlib.suppress(OSError):  # some containers do not offer it
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    for limit, value in limits.items():
        _limited(limit, value)
    syscalls_filtered(may_start=may_start)
    ended_with(parent_pid)


def ended_with(parent_pid: int) -> None:
    """Have the kernel end this process with its parent, where it can.

    Raises:
        NotConfined: The parent is already gone.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise NotConfined("the worker ended before its sandbox hosts had started")


def cpu_bounded(*, wall_seconds: float) -> None:
    """Let the kernel end this process when one run uses far more CPU time than its wall clock allows on all cores.

    A backstop for the case that neither the runtime's nor the worker's clock stops it.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_seconds = usage.ru_utime + usage.ru_stime
    allowed_seconds = math.ceil(used_seconds + (wall_seconds + 5.0) * _CPUS)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed_seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limited(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (bounded, bounded))


def end_with_worker(read_fd: int) -> None:
    """End this process when the worker's end of the pipe closes, also where there is no death signal."""

    def watch() -> None:
        poller = poll()
        poller.register(read_fd, 0)  # no events asked for: only a hang-up is reported
        poller.poll()
        os._exit(0)

    threading.Thread(target=watch, name="worker-watch", daemon=True).start()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise NotConfined(f"prctl({option}) failed: {os.strerror(ctypes.get_errno())}")
