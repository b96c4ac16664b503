"""A pool of sandbox hosts: one run at a time for each, and one loaded host ahead of the next run.

A host that dies takes one run with it. Nobody can say whether that run killed it, or the kernel for want of memory, or
an operator; and a run changes nothing outside. So it is repeated once, on the host that is ready: an innocent run never
notices, and one that kills the second host too has `CRASHED`.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import structlog

from sandbox.errors import SandboxBusy, SandboxUnavailable
from sandbox.host.options import HostOptions
from sandbox.host.process import HostBroken, HostCannot, HostCrashed, HostGone, HostOverdue, HostProcess, OnCall
from sandbox.host.zygote import Zygote, ZygoteGone
from sandbox.runtimes.base import nobody_answers
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

log = structlog.get_logger(__name__)
_TRIES = 3  # hosts that may turn out dead before a run is given up
_PREPARED_SECONDS = 0.03  # after so long a host has made its next guest, mostly
_CRASHES = 2  # hosts that one run may be lost with: the first may have died of something else


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """How many hosts there are, and how patient their supervisor is.

    Attributes:
        hosts_max: Runs at once at most; one more host may wait, loaded, to replace one that ends.
        start_seconds: Time for a host to start and load its guest; the first time on a machine it compiles.
        grace_seconds: Time beyond a program's `wall_seconds` after which its host is killed.
        host: How each host works.
    """

    hosts_max: int
    start_seconds: float
    grace_seconds: float
    host: HostOptions


class Supervisor:
    """Starts, lends, replaces and ends sandbox hosts. Thread-safe."""

    def __init__(
        self, options: SupervisorOptions, *, on_replaced: Callable[[str], None] = lambda _reason: None
    ) -> None:
        """Make a supervisor; no host is started yet.

        Args:
            options: How many and how patient.
            on_replaced: Told why a host was replaced: `crashed`, `overdue`, `used_up`, `gone` or `broken`.
        """
        self._options = options
        self._on_replaced = on_replaced
        self._changed = threading.Condition()
        self._idle: list[HostProcess] = []  # the one that ran last is the last
        self._gave_back_at = 0.0  # when it came back, as `time.monotonic()`
        self._hosts: set[HostProcess] = set()
        self._lent = 0  # hosts that run something, or are being started for a run
        self._ahead = False  # True while a host is started that nobody has asked for yet
        self._closed = False
        self._warmed: tuple[str, SandboxLimits] | None = None
        self._zygote: Zygote | None = None
        # One thread starts every zygote: it ends with the thread that started it.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:
        """Start one host and have it load a guest, unless one is there.

        Raises:
            SandboxUnavailable: No host can be started or the guest cannot be loaded.
        """
        host = self._take(wait_seconds=self._options.start_seconds)
        try:
            host.warm(guest=guest, limits=limits, timeout_seconds=self._options.start_seconds)
        except (HostGone, HostBroken) as error:
            self._drop(host, "broken")
            raise SandboxUnavailable(f"The sandbox cannot start: {error}") from error
        self._give_back(host)
        self._warmed = (guest, limits)  # from now on a host is started ahead whenever one is lent

    def execute(
        self, request: ExecutionRequest, *, limits: SandboxLimits, on_call: OnCall = nobody_answers
    ) -> ExecutionResult:
        """Run one program on a host of its own; calls outside that it makes are answered on this thread.

        Raises:
            HostCannot: The hosts' runtime cannot run this program; another one may.
            SandboxBusy: No host became free within `limits.wait_seconds`.
            SandboxUnavailable: No host can be started: the installation's fault.
        """
        reason, crashes = "", 0
        started_at = time.monotonic()
        for _ in range(_TRIES):
            host = self._take(wait_seconds=limits.wait_seconds)
            try:
                return self._run(host, request, limits, on_call)
            except HostGone as error:
                log.warning("sandbox_host_gone", pid=host.pid, error=str(error))
                self._drop(host, "gone")
                reason = str(error)
            except HostCrashed as error:
                log.warning("sandbox_host_crashed", pid=host.pid, error=str(error))
                self._drop(host, "crashed")
                reason = str(error)
                crashes += 1
                if crashes == _CRASHES or self._closed:
                    return _lost(Outcome.CRASHED, "The program ended its sandbox host.", started_at)
            except HostBroken as error:
                self._drop(host, "broken")
                raise SandboxUnavailable(f"The sandbox cannot load the guest: {error}") from error
        raise SandboxUnavailable(f"{_TRIES} sandbox hosts in a row ended before they took the run; the last: {reason}")

    def pids(self) -> list[int]:
        """Return the process ids of all hosts."""
        with self._changed:
            return sorted(host.pid for host in self._hosts)

    def zygote_pid(self) -> int | None:
        """Return the process id of what hosts are forked from; None when there is none yet."""
        return self._zygote.pid if self._zygote is not None else None

    def idle_pids(self) -> list[int]:
        """Return the process ids of the hosts that wait for a run, the next one first."""
        with self._changed:
            return [host.pid for host in sorted(self._idle, key=lambda host: host is not self._next())]

    def shutdown(self) -> None:
        """End all hosts. Runs that are under way crash."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = self._hosts - set(idle)
            self._hosts.clear()
            self._changed.notify_all()
        for host in idle:
            host.end()
        for host in busy:
            host.kill()  # the thread that uses it sees its end, and closes its pipes
        with suppress(RuntimeError):  # it was shut down before
            self._starter.submit(self._end_zygote).result()
        self._starter.shutdown(wait=True)

    def _run(
        self, host: HostProcess, request: ExecutionRequest, limits: SandboxLimits, on_call: OnCall
    ) -> ExecutionResult:
        started_at = time.monotonic()
        try:
            result = host.run(
                request,
                limits=limits,
                start_seconds=self._options.start_seconds,
                grace_seconds=self._options.grace_seconds,
                on_call=on_call,
            )
        except HostCannot:
            self._give_back(host)
            raise
        except HostOverdue:
            log.warning("sandbox_host_overdue", pid=host.pid)
            self._drop(host, "overdue")
            return _lost(Outcome.TIMEOUT, f"The program did not end within {limits.wall_seconds:g} s.", started_at)
        if host.last_run_done:
            self._drop(host, "used_up")
        else:
            self._give_back(host)
        return result

    def _take(self, *, wait_seconds: float) -> HostProcess:
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while self._lent >= self._options.hosts_max or (not self._idle and self._ahead):
                if self._closed or not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
            if self._closed:
                raise SandboxUnavailable("The sandbox has been shut down.")
            if self._lent >= self._options.hosts_max or (not self._idle and self._ahead):
                raise SandboxBusy(
                    f"All {self._options.hosts_max} sandbox hosts were busy for {wait_seconds:g} s.",
                    details={"hosts": self._options.hosts_max, "wait_seconds": wait_seconds},
                )
            self._lent += 1
            host = self._next()
            if host is not None:
                self._idle.remove(host)
        self._start_ahead()
        return host or self._start()

    def _next(self) -> HostProcess | None:
        """Return the idle host for the next run: the one that ran last, of which most is still in a cache.

        Unless that was a moment ago, when it may still make its next guest: then the one that had most time for it.
        """
        if not self._idle:
            return None
        return self._idle[-1 if time.monotonic() - self._gave_back_at > _PREPARED_SECONDS else 0]

    def _start(self) -> HostProcess:
        """Start a host for a run that counts as lent already."""
        try:
            return self._started()
        except SandboxUnavailable:
            with self._changed:
                self._lent -= 1
                self._changed.notify()
            raise

    def _started(self) -> HostProcess:
        try:
            host: HostProcess = self._starter.submit(self._forked).result()
        except (OSError, ZygoteGone, RuntimeError) as error:  # RuntimeError: shut down meanwhile
            raise SandboxUnavailable(f"A sandbox host cannot be started: {error}") from error
        with self._changed:
            self._hosts.add(host)
        return host

    def _forked(self) -> HostProcess:
        """Return a new host, from a new zygote if the last one is gone. On the starter's thread only."""
        if self._closed:
            raise RuntimeError("the sandbox has been shut down")
        if self._zygote is not None:
            try:
                return HostProcess(self._options.host, self._zygote)
            except ZygoteGone as error:
                log.warning("sandbox_zygote_gone", error=str(error))
                self._zygote.end()
        self._zygote = Zygote(self._options.host, start_seconds=self._options.start_seconds)
        return HostProcess(self._options.host, self._zygote)

    def _end_zygote(self) -> None:
        """End all hosts and reap them: that is for the starter's thread, with whose end the zygote is killed."""
        if self._zygote is not None:
            self._zygote.end()

    def _give_back(self, host: HostProcess) -> None:
        with self._changed:
            self._lent -= 1
            self._changed.notify()
            if not self._closed:
                self._idle.append(host)
                self._gave_back_at = time.monotonic()
                return
        host.end()

    def _drop(self, host: HostProcess, reason: str) -> None:
        with self._changed:
            self._lent -= 1
            self._hosts.discard(host)
            self._changed.notify()
        host.end()
        self._on_replaced(reason)
        if reason != "broken":
            self._start_ahead()

    def _start_ahead(self) -> None:
        """Have a loaded host ready for the next run, in the background, unless one is; when that fails, it says why."""
        with self._changed:
            if self._closed or self._warmed is None or self._idle or self._ahead:
                return
            self._ahead = True
            guest, limits = self._warmed
        threading.Thread(target=self._load_ahead, args=(guest, limits), name="sandbox-ahead", daemon=True).start()

    def _load_ahead(self, guest: str, limits: SandboxLimits) -> None:
        host: HostProcess | None = None
        loaded = False
        try:
            host = self._started()
            host.warm(guest=guest, limits=limits, timeout_seconds=self._options.start_seconds)
            loaded = True
        except (SandboxUnavailable, HostGone, HostBroken) as error:
            log.warning("sandbox_host_not_ready_ahead", error=str(error))
        with self._changed:
            self._ahead = False
            loaded = loaded and not self._closed
            if host is not None and loaded:
                self._idle.insert(0, host)
            elif host is not None:
                self._hosts.discard(host)
            self._changed.notify_all()
        if host is not None and not loaded:
            host.end()


def _lost(outcome: Outcome, message: str, started_at: float) -> ExecutionResult:
    """Return the result of a run whose host was lost, and with it all that it printed."""
    limit = "wall_seconds" if outcome is Outcome.TIMEOUT else ""
    wall_seconds = time.monotonic() - started_at
    return ExecutionResult.not_kept(outcome, message, runtime="host", limit_hit=limit, wall_seconds=wall_seconds)
