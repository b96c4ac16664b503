"""A pool of sandbox hosts: one run at a time for each, so that no run can suffer from another's."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.errors import SandboxBusy, SandboxUnavailable
from sandbox.host.options import HostOptions
from sandbox.host.process import HostBroken, HostCrashed, HostGone, HostOverdue, HostProcess
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

logger = logging.getLogger(__name__)
_TRIES = 3  # hosts that may turn out dead before a run is given up


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """How many hosts there are, and how patient their supervisor is.

    Attributes:
        hosts_max: Hosts at most, so runs at once at most.
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
        self._idle: list[HostProcess] = []
        self._hosts: set[HostProcess] = set()
        self._starting = 0
        self._closed = False
        self._warmed: tuple[str, SandboxLimits] | None = None
        # One thread starts every host: they end with the thread that started them (see HostProcess).
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:
        """Start one host and have it load a guest, unless one is there.

        Raises:
            SandboxUnavailable: No host can be started or the guest cannot be loaded.
        """
        self._warmed = (guest, limits)
        host = self._take(wait_seconds=self._options.start_seconds)
        try:
            host.warm(guest=guest, limits=limits, timeout_seconds=self._options.start_seconds)
        except (HostGone, HostBroken) as error:
            self._drop(host, "broken")
            raise SandboxUnavailable(f"The sandbox cannot start: {error}") from error
        self._give_back(host)

    def execute(self, request: ExecutionRequest, *, limits: SandboxLimits) -> ExecutionResult:
        """Run one program on a host of its own.

        Raises:
            SandboxBusy: No host became free within `limits.wait_seconds`.
            SandboxUnavailable: No host can be started: the installation's fault.
        """
        reason = ""
        for _ in range(_TRIES):
            host = self._take(wait_seconds=limits.wait_seconds)
            try:
                return self._run(host, request, limits)
            except HostGone as error:
                logger.warning("sandbox host %s was gone before it took a run: %s", host.pid, error)
                self._drop(host, "gone")
                reason = str(error)
            except HostBroken as error:
                self._drop(host, "broken")
                raise SandboxUnavailable(f"The sandbox cannot load the guest: {error}") from error
        raise SandboxUnavailable(f"{_TRIES} sandbox hosts in a row ended before they took the run; the last: {reason}")

    def pids(self) -> list[int]:
        """Return the process ids of all hosts."""
        with self._changed:
            return sorted(host.pid for host in self._hosts)

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
        self._starter.shutdown(wait=True, cancel_futures=True)

    def _run(self, host: HostProcess, request: ExecutionRequest, limits: SandboxLimits) -> ExecutionResult:
        started_at = time.monotonic()
        try:
            result = host.run(
                request,
                limits=limits,
                start_seconds=self._options.start_seconds,
                grace_seconds=self._options.grace_seconds,
            )
        except HostCrashed as error:
            logger.warning("sandbox host %s crashed under a run: %s", host.pid, error)
            self._drop(host, "crashed")
            return _lost(Outcome.CRASHED, "The program ended its sandbox host.", started_at)
        except HostOverdue:
            logger.warning("sandbox host %s was killed: it missed its deadline", host.pid)
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
            while not self._idle and len(self._hosts) + self._starting >= self._options.hosts_max:
                if self._closed or not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
            if self._closed:
                raise SandboxUnavailable("The sandbox has been shut down.")
            if self._idle:
                return self._idle.pop(0)  # the one whose next guest has had most time to start
            if len(self._hosts) + self._starting >= self._options.hosts_max:
                raise SandboxBusy(
                    f"All {self._options.hosts_max} sandbox hosts were busy for {wait_seconds:g} s.",
                    details={"hosts": self._options.hosts_max, "wait_seconds": wait_seconds},
                )
            self._starting += 1
        return self._start()

    def _start(self) -> HostProcess:
        """Start a host for which a place is reserved in `_starting`."""
        host: HostProcess | None = None
        try:
            host = self._starter.submit(HostProcess, self._options.host).result()
        except (OSError, RuntimeError) as error:  # RuntimeError: shut down meanwhile
            raise SandboxUnavailable(f"A sandbox host cannot be started: {error}") from error
        finally:
            with self._changed:
                self._starting -= 1
                if host is not None:
                    self._hosts.add(host)
                self._changed.notify_all()
        return host

    def _give_back(self, host: HostProcess) -> None:
        with self._changed:
            if not self._closed:
                self._idle.append(host)
                self._changed.notify()
                return
        host.end()

    def _drop(self, host: HostProcess, reason: str) -> None:
        with self._changed:
            self._hosts.discard(host)
            self._changed.notify()
        host.end()
        self._on_replaced(reason)
        if reason != "broken":
            threading.Thread(target=self._replace, name="sandbox-replacement", daemon=True).start()

    def _replace(self) -> None:
        """Have a loaded host ready before the next run asks for one; when that fails, that run will say why."""
        with self._changed:
            full = len(self._hosts) + self._starting >= self._options.hosts_max
            if self._closed or self._warmed is None or self._idle or full:
                return
            guest, limits = self._warmed
            self._starting += 1
        try:
            host = self._start()
        except SandboxUnavailable as error:
            logger.warning("a sandbox host could not be replaced ahead of time: %s", error)
            return
        try:
            host.warm(guest=guest, limits=limits, timeout_seconds=self._options.start_seconds)
        except (HostGone, HostBroken) as error:
            logger.warning("a new sandbox host could not load its guest: %s", error)
            self._drop(host, "broken")
            return
        self._give_back(host)


def _lost(outcome: Outcome, message: str, started_at: float) -> ExecutionResult:
    """Return the result of a run whose host was lost, and with it all that it printed."""
    return ExecutionResult(
        outcome=outcome,
        exit_code=None,
        stdout="",
        stderr="",
        stdout_truncated=False,
        stderr_truncated=False,
        files_changed={},
        files_deleted=(),
        wall_seconds=round(time.monotonic() - started_at, 6),
        runtime="host",
        message=message,
    )
