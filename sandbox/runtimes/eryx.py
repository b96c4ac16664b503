"""`EryxRuntime`: the fast lane for Python, on `pyeryx`. The only file that imports it.

A snapshot of a CPython that has its usual modules imported is mapped anew for each run. The next guest is made while
nobody waits. A guest that recurses deeper than the engine's own stack aborts the whole host process: see decision 0029.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.guests import fast_python
from sandbox.runtimes.base import OnCall, Runtime, RuntimeBroken, RuntimeProblem, RunUnsupported, nobody_answers
from sandbox.runtimes.descriptors import Descriptors
from sandbox.runtimes.endings import RSS_SLACK_BYTES, Captured, Ending, GuestExit, Stopwatch, rss_bytes
from sandbox.runtimes.fast_left import VFS_BYTES, files_left, said
from sandbox.runtimes.large_pages import large_buffers
from sandbox.runtimes.locks import machine_lock
from sandbox.runtimes.outcomes import FilesExceeded, result_for
from sandbox.runtimes.watcher import Watched, Watcher
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

if TYPE_CHECKING:
    import eryx

_EXIT_TRAP = "exit_exit"  # in the trace of a guest that called `os._exit`: its code is lost on the way
# Guests at once in the engine's pool, where each finds its pages mapped: one runs or gives its memory back, one waits.
# By itself it makes room for 1,000: 4 TiB of addresses and 16,000 guard pages, a quarter of a host's start.
_POOL_GUESTS = 4
_NO_PLACE = "maximum concurrent limit"  # in what it says when there are as many
_PLACE_SECONDS, _TURN_SECONDS = 5.0, 0.002  # for a place that is about to be given back, and between two looks


@dataclass(frozen=True, slots=True)
class _Guest:
    """A guest that waits for its program, and what it was made for."""

    memory_bytes: int
    fuel: int | None
    session: "eryx.Session"


class EryxRuntime(Runtime):
    """CPython 3.14 on pyeryx: no network, no host files, no environment; memory and instructions are metered.

    It cannot run what needs `bz2`, a package with native code, or files above 1 MiB: `RunUnsupported`, or never asked
    for (`sandbox.services.lanes`).
    """

    name = "eryx"
    guests = frozenset({"python"})
    meters_fuel = True
    ends_with_files = True
    # One thread beside the guest's own is enough for an engine that waits for nothing: with two, each wakes the other.
    environment: ClassVar[Mapping[str, str]] = {"ERYX_POOL_INSTANCES": str(_POOL_GUESTS), "TOKIO_WORKER_THREADS": "1"}

    def __init__(self, *, cache_dir: Path) -> None:
        """See `Runtime`."""
        super().__init__(cache_dir=cache_dir)
        self._factory: eryx.SandboxFactory | None = None
        self._next: _Guest | None = None
        self._ended: _Guest | None = None  # giving its memory back takes longer than a short program: see `prepare`
        self._made_for: tuple[int, int | None] | None = None
        self._rss_bytes: int | None = None  # before the next run, where it was looked at while nobody waited
        self._descriptors: Descriptors | None = None
        self._watcher: Watcher | None = None

    @classmethod
    def preload(cls, *, cache_dir: Path) -> None:
        """See `Runtime`. The snapshot itself stays with the hosts: the engine would start threads with it."""
        if not cls.is_cached(cache_dir):
            return
        import eryx  # noqa: PLC0415 - 95 MB, which only a sandbox host should map

        with contextlib.suppress(eryx.EryxError):  # pyeryx checks what it has unpacked before it looks for the file
            eryx.SandboxFactory.load(cache_dir / "no-snapshot")

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:  # noqa: ARG002 - there is one guest
        """See `Runtime`."""
        self._made_for = limits.memory_bytes, limits.fuel
        self._next = self._take(*self._made_for)
        self._rehearse(limits)

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,  # noqa: ARG002 - see `calls_outside`
    ) -> ExecutionResult:
        """See `Runtime`."""
        limits = request.limits
        if limits is None:
            raise RuntimeBroken("a request without limits reached the runtime")
        self._made_for = limits.memory_bytes, limits.fuel
        guest = self._ended = self._take(*self._made_for)
        source = fast_python.program(request.code, stdin=request.stdin, files=request.files)
        ending, left = self._ran(guest, source, request, limits, on_running)
        on_ended()
        return self._result(request, limits, ending, left)

    def prepare(self) -> None:
        """Make the guest of the next run, on the guess that it has the same limits; then forget the last one."""
        descriptors, _ = self._watching()
        descriptors.restore()
        if self._next is None and self._made_for is not None and not self.spent:
            self._next = self._take(*self._made_for)
        self._ended = None
        self._rss_bytes = rss_bytes()
        descriptors.redirect()

    @classmethod
    def problems(cls) -> list[RuntimeProblem]:
        """See `Runtime`."""
        if fast_python.engine_folder() is None:
            hint = "pyeryx needs Python 3.12 or newer; without it the general runtime takes every run."
            return [RuntimeProblem("missing", "pyeryx is not installed.", hint)]
        return []

    @classmethod
    def is_cached(cls, cache_dir: Path) -> bool:
        """See `Runtime`."""
        return fast_python.engine_folder() is not None and fast_python.snapshot_path(cache_dir).exists()

    def _ran(
        self,
        guest: _Guest,
        source: str,
        request: ExecutionRequest,
        limits: SandboxLimits,
        on_running: Callable[[], None],
    ) -> tuple[Ending, dict[str, Any]]:
        """Run a guest on this thread. The engine's own clock would start another thread for each run."""
        import eryx  # noqa: PLC0415 - see above

        descriptors, watcher = self._watching()
        descriptors.redirect()
        rss_now_bytes, self._rss_bytes = rss_bytes() if self._rss_bytes is None else self._rss_bytes, None
        rss_max_bytes = rss_now_bytes + limits.memory_bytes + max(2 * limits.file_bytes, VFS_BYTES) + RSS_SLACK_BYTES
        captured = Captured(limits.output_bytes), Captured(limits.output_bytes)
        clock = Stopwatch()

        def give_up(stopped_for: Outcome) -> None:
            used = clock.wall_seconds(), clock.cpu_seconds()
            ending = Ending(stopped_for, GuestExit(None), *captured, *used)
            self.on_given_up(self._result(request, limits, ending, {}))

        watched = Watched(captured, partial(_limit_hit, clock, limits, rss_max_bytes), give_up)
        on_running()  # first: a guest that ends the host at once must be known to have begun, and is bounded from there
        watcher.begin(watched)
        outcome: eryx.ExecuteResult | eryx.EryxError
        try:
            outcome = guest.session.execute(source)
        except eryx.EryxError as error:
            outcome = error
        finally:
            used = clock.wall_seconds(), clock.cpu_seconds()
            watcher.end(watched)
        return _ending(outcome, captured, used)

    def _watching(self) -> tuple[Descriptors, Watcher]:
        if self._descriptors is None or self._watcher is None:
            self._descriptors = Descriptors()
            self._watcher = Watcher(self._descriptors)
        return self._descriptors, self._watcher

    def _result(
        self, request: ExecutionRequest, limits: SandboxLimits, ending: Ending, left: dict[str, Any]
    ) -> ExecutionResult:
        changed: dict[str, bytes] = {}
        deleted: tuple[str, ...] = ()
        exceeded: FilesExceeded | None = None
        try:
            changed, deleted = files_left(left, request, limits)
        except FilesExceeded as error:
            exceeded = error
        return result_for(
            runtime=self.name, ending=ending, limits=limits, changed=changed, deleted=deleted, exceeded=exceeded
        )

    def _rehearse(self, limits: SandboxLimits) -> None:
        """Run an empty program, so that the first call finds everything loaded."""
        self.execute(ExecutionRequest("python", "", limits=limits), on_running=_nothing, on_ended=_nothing)
        self.prepare()

    def _take(self, memory_bytes: int, fuel: int | None) -> _Guest:
        guest, self._next = self._next, None
        if guest is not None and (guest.memory_bytes, guest.fuel) == (memory_bytes, fuel):
            return guest
        del guest  # its place in the pool is needed
        import eryx  # noqa: PLC0415 - see above

        self._factory = self._factory or self._load()
        until = time.monotonic() + _PLACE_SECONDS
        while True:
            try:
                return self._made(self._factory, memory_bytes, fuel)
            except eryx.EryxError as error:
                if _NO_PLACE not in str(error) or time.monotonic() > until:
                    raise RuntimeBroken(f"the fast guest cannot be made: {error}") from error
            self._ended = None
            time.sleep(_TURN_SECONDS)  # the engine gives places back on a thread of its own, which tells nobody

    def _made(self, factory: "eryx.SandboxFactory", memory_bytes: int, fuel: int | None) -> _Guest:
        import eryx  # noqa: PLC0415 - see above

        session = factory.create_session(
            vfs=eryx.VfsStorage(),
            vfs_mount_path="/",
            resource_limits=eryx.ResourceLimits(
                execution_timeout_ms=None, max_memory_bytes=memory_bytes, max_fuel=None, max_callback_invocations=0
            ),
        )
        session.execute(fast_python.ready())
        session.fuel_limit = fuel  # type: ignore[attr-defined]  # which pyeryx's stubs have forgotten
        return _Guest(memory_bytes, fuel, session)

    def _load(self) -> "eryx.SandboxFactory":
        import eryx  # noqa: PLC0415 - see above

        try:
            path = fast_python.snapshot_path(self.cache_dir)
            if path.exists():
                # Damaged, or made on another processor: made again below. It is read, then copied: two buffers.
                with contextlib.suppress(eryx.EryxError), large_buffers(2 * path.stat().st_size):
                    return eryx.SandboxFactory.load(path)
            with machine_lock(self.cache_dir / "compile.lock"):
                return self._built(path)
        except (eryx.EryxError, OSError) as error:
            raise RuntimeBroken(f"the fast guest cannot be loaded: {error}") from error

    def _built(self, path: Path) -> "eryx.SandboxFactory":
        import eryx  # noqa: PLC0415 - see above

        if path.exists():  # another process made it while this one waited
            with contextlib.suppress(eryx.EryxError):
                return eryx.SandboxFactory.load(path)
        factory = eryx.SandboxFactory(imports=fast_python.IMPORTS, setup_code=fast_python.START)
        with NamedTemporaryFile(dir=self.cache_dir, prefix="making-", delete=False) as file:
            factory.save(file.name)
        Path(file.name).replace(path)
        return factory


def _limit_hit(clock: Stopwatch, limits: SandboxLimits, rss_max_bytes: int) -> Outcome | None:
    if clock.wall_seconds() > limits.wall_seconds:
        return Outcome.TIMEOUT
    if clock.cpu_seconds() > limits.cpu_seconds:
        return Outcome.CPU_EXCEEDED
    return Outcome.QUOTA_EXCEEDED if rss_bytes() > rss_max_bytes else None


def _nothing() -> None:
    """Nobody waits for a rehearsal."""


def _ending(
    outcome: "eryx.ExecuteResult | eryx.EryxError", captured: tuple[Captured, Captured], used: tuple[float, float]
) -> tuple[Ending, dict[str, Any]]:
    import eryx  # noqa: PLC0415 - see above

    if isinstance(outcome, eryx.ExecuteResult):
        left = said(outcome.result)
        if "unsupported" in left:
            raise RunUnsupported(str(left["unsupported"]))
        exit_code = left.get("exit_code")
        ended = GuestExit(exit_code) if isinstance(exit_code, int) else GuestExit(None, "it broke its start program")
        return Ending(None, ended, *captured, *used, fuel=outcome.fuel_consumed), left
    if isinstance(outcome, eryx.ResourceLimitError):
        return Ending(Outcome.CPU_EXCEEDED, GuestExit(None), *captured, *used), {}
    text = str(outcome)
    if _EXIT_TRAP in text:
        raise RunUnsupported("it ended by os._exit, whose code is lost here")
    if text.rstrip().endswith("MemoryError"):  # refused before the program could even be placed
        return Ending(Outcome.MEMORY_EXCEEDED, GuestExit(None), *captured, *used), {}
    return Ending(None, GuestExit(None, _trap_name(text)), *captured, *used), {}


def _trap_name(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = next((line for line in lines if "wasm trap" in line or "Error" in line), lines[0] if lines else "a trap")
    return found[:200]
