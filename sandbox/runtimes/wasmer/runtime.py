"""`WasmerRuntime`: WASI modules on the vendor's `wasmer-sdk`.

The next guest is started while nobody waits: a run that finds one ready saves the interpreter's own start. A guest
serves one run and is thrown away, so nothing can pass from one run to the next.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.guests import javascript, python, tenant_module
from sandbox.guests.base import ROOT, GuestAltered, GuestMissing, WasiGuest
from sandbox.runtimes.base import OnCall, Runtime, RuntimeBroken, RuntimeProblem, nobody_answers
from sandbox.runtimes.calls import Calls
from sandbox.runtimes.endings import Ending, Stopwatch
from sandbox.runtimes.guest_files import files_changed, files_put
from sandbox.runtimes.guest_watch import guest_watch
from sandbox.runtimes.outcomes import FilesExceeded, outcome_of, result_for
from sandbox.runtimes.wasm_module import WasmModuleInvalid, memory_tier_bytes
from sandbox.runtimes.wasmer.packages import Packages
from sandbox.runtimes.wasmer.sdk import sdk
from sandbox.runtimes.wasmer.started import Files, Started
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

if TYPE_CHECKING:
    from wasmer_sdk import Wasmer

_T = TypeVar("_T")


class WasmerRuntime(Runtime):
    """WASI modules on wasmer: no network, no host files, no environment, memory capped by the module itself."""

    name = "wasmer"
    guests = frozenset({"python", "javascript", "module"})
    calls_outside = frozenset({"python", "javascript"})

    def __init__(self, *, cache_dir: Path) -> None:
        """See `Runtime`."""
        super().__init__(cache_dir=cache_dir)
        self._loop = asyncio.Runner()
        self._client: Wasmer | None = None
        self._packages = Packages(cache_dir)
        self._ahead: dict[str, Started] = {}  # guests that wait for a program, by key
        self._last: tuple[WasiGuest, int] | None = None

    @classmethod
    def preload(cls, *, cache_dir: Path) -> None:  # noqa: ARG003 - see `Runtime.preload`
        """See `Runtime`: the library. The engine has threads, so each host makes its own."""
        sdk()

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:
        """See `Runtime`."""
        self._last = self._guest(ExecutionRequest(guest)), memory_tier_bytes(limits.memory_bytes)
        self.prepare()

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,
    ) -> ExecutionResult:
        """See `Runtime`."""
        if request.limits is None:
            raise RuntimeBroken("a request without limits reached the runtime")
        limits = replace(request.limits, memory_bytes=memory_tier_bytes(request.limits.memory_bytes))
        self._last = self._guest(request), limits.memory_bytes
        return self._run(self._execute(request, limits, on_running, on_ended, on_call))

    def prepare(self) -> None:
        """Start the guest of the next run, on the guess that it is the same with the same memory cap."""
        if self._last is None or self.spent:
            return
        guest, memory_bytes = self._last
        if guest.waits and guest.key not in self._ahead:
            self._ahead[guest.key] = self._run(self._start(guest, memory_bytes, {}))

    @classmethod
    def problems(cls) -> list[RuntimeProblem]:
        """See `Runtime`."""
        try:
            python.module_bytes()
            javascript.module_bytes()
        except (GuestMissing, GuestAltered) as error:
            key = "missing" if isinstance(error, GuestMissing) else "altered"
            return [RuntimeProblem(key, str(error), "Install the pinned requirements again.")]
        return []

    def _guest(self, request: ExecutionRequest) -> WasiGuest:
        if request.guest == "javascript":
            return javascript.guest()
        if request.guest == "module":
            return tenant_module.guest(self.cache_dir, request.module_sha256, request.arguments)
        return python.guest()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return self._loop.run(work)
        except (sdk().WasmerError, TimeoutError, OSError, GuestMissing, GuestAltered, WasmModuleInvalid) as error:
            raise RuntimeBroken(f"{type(error).__name__}: {error}") from error

    async def _execute(
        self,
        request: ExecutionRequest,
        limits: SandboxLimits,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall,
    ) -> ExecutionResult:
        guest = self._guest(request)
        if guest.waits:
            started = await self._take(guest, limits.memory_bytes)
            await started.ready()
            await files_put(Files(started.sandbox.fs), request.files)
        else:
            try:
                started = await self._start(guest, limits.memory_bytes, request.files)
            except (sdk().WasmerError, WasmModuleInvalid) as error:  # it was looked at when it was uploaded, not run
                on_running()
                on_ended()
                message = f"The module cannot be started: {str(error)[:300]}."
                return ExecutionResult.not_kept(Outcome.CRASHED, message, runtime=self.name)
        on_running()
        clock = Stopwatch()
        calls = Calls(on_call, started.write) if limits.network_hosts else None
        feeding = asyncio.ensure_future(started.feed(request.code.encode(), request.stdin, calls))
        stdout = calls.printed(started.stdout) if calls else started.stdout
        ending = await guest_watch(
            exited=started.exited(), stdout=stdout, stderr=started.stderr, limits=limits, clock=clock
        )
        on_ended()
        feeding.cancel()
        # A call that is not answered holds a thread, which waits for an answer where the next request would arrive.
        held = calls is not None and calls.waiting
        self.spent |= ending.stopped_for is not None or held
        result = await self._result(started, request, limits, ending)
        if not self.spent:
            await started.sandbox.close()
        return result

    async def _result(
        self, started: Started, request: ExecutionRequest, limits: SandboxLimits, ending: Ending
    ) -> ExecutionResult:
        changed: dict[str, bytes] = {}
        deleted: tuple[str, ...] = ()
        exceeded: FilesExceeded | None = None
        if outcome_of(ending).ended_by_itself:
            try:
                changed, deleted = await files_changed(
                    Files(started.sandbox.fs), request.files, limits, own=started.guest.own_files
                )
            except FilesExceeded as error:
                exceeded = error
        return result_for(
            runtime=self.name, ending=ending, limits=limits, changed=changed, deleted=deleted, exceeded=exceeded
        )

    async def _take(self, guest: WasiGuest, memory_bytes: int) -> Started:
        started = self._ahead.pop(guest.key, None)
        if started is None:
            return await self._start(guest, memory_bytes, {})
        if started.memory_bytes != memory_bytes:
            await started.discard()
            return await self._start(guest, memory_bytes, {})
        return started

    async def _start(self, guest: WasiGuest, memory_bytes: int, files: Mapping[str, bytes]) -> Started:
        """Start a guest with these files in its working directory."""
        client = self._client = self._client or sdk().Wasmer(cache_root=self.cache_dir)
        try:
            package = await self._packages.loaded(client, guest, memory_bytes)
        finally:
            self.spent |= self._packages.burning
        sandbox = await client.sandboxes.create(packages=[package], env=dict(guest.environment))
        await files_put(Files(sandbox.fs), files)
        process = await sandbox.command(package, guest.arguments, cwd=ROOT).spawn(stdin="pipe")
        if process.stdout is None or process.stderr is None:
            raise RuntimeBroken("wasmer gave a process without its streams")
        return Started(guest, memory_bytes, sandbox, process, aiter(process.stdout), aiter(process.stderr))
