"""`WasmerRuntime`: WASI modules on the vendor's `wasmer-sdk`. The only file that imports it.

The next guest is started while nobody waits: a run that finds one ready saves the interpreter's own start. A guest
serves one run and is thrown away, so nothing can pass from one run to the next.
"""

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.guests import javascript, python, tenant_module
from sandbox.guests.base import READY, ROOT, GuestAltered, GuestMissing, WasiGuest
from sandbox.runtimes.base import OnCall, Runtime, RuntimeBroken, RuntimeProblem, nobody_answers
from sandbox.runtimes.calls import Calls
from sandbox.runtimes.endings import Ending, GuestExit, Stopwatch
from sandbox.runtimes.guest_files import files_changed, files_put
from sandbox.runtimes.guest_watch import guest_watch
from sandbox.runtimes.locks import machine_lock
from sandbox.runtimes.outcomes import FilesExceeded, outcome_of, result_for
from sandbox.runtimes.wasm_module import PAGE_BYTES, WasmModuleInvalid, memory_capped, memory_tier_bytes
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits

if TYPE_CHECKING:
    from wasmer_sdk import Package, PackageDefinition, Process, Sandbox, SandboxFileSystem, Wasmer

_T = TypeVar("_T")
_READY_SECONDS = 30.0  # an interpreter that does not wait for its program by then never will
_PACKAGES_MAX = 8  # loaded modules that one host keeps


@cache
def _sdk() -> Any:
    """Import the SDK where it is used, in a host: workers ask this file only what it can run, without its 18 MB."""
    import wasmer_sdk  # noqa: PLC0415

    return wasmer_sdk


class _Files:
    """A guest's file system as `guest_files` wants it."""

    def __init__(self, file_system: "SandboxFileSystem") -> None:
        self.write = file_system.write
        self.mkdir = file_system.mkdir
        self.read_dir = file_system.read_dir
        self._read = file_system.read

    async def read(self, path: str) -> bytes | None:
        try:
            return await self._read(path)
        except _sdk().WasmerError as error:
            if error.code != "FILESYSTEM_ERROR":
                raise
            return None


@dataclass(slots=True)
class _Started:
    """A guest that runs; one that `waits` has no program yet."""

    guest: WasiGuest
    memory_bytes: int
    sandbox: "Sandbox"
    process: "Process"
    stdout: AsyncIterator[bytes]
    stderr: AsyncIterator[bytes]

    async def ready(self) -> None:
        async with asyncio.timeout(_READY_SECONDS):
            if await anext(self.stdout, b"") != READY:
                raise RuntimeBroken("the interpreter ended before it was ready")

    async def feed(self, code: bytes, stdin: bytes, calls: Calls | None) -> None:
        """Give a guest its program and its input, of which the end is told unless answers of calls follow."""
        outside = b""
        if calls is not None and self.guest.outside is not None:
            outside, stdin = self.guest.outside(calls.mark, stdin), b""
        if self.guest.waits:
            stdin = b"%010d%b%010d%b%b" % (len(outside), outside, len(code), code, stdin)
        await self.write(stdin)
        if self.process.stdin is not None and not outside:
            with contextlib.suppress(_sdk().WasmerError):
                await self.process.stdin.close()

    async def write(self, data: bytes) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(_sdk().WasmerError):  # a program may end without reading its input
                await self.process.stdin.write(data)

    async def exited(self) -> GuestExit:
        try:
            return GuestExit((await self.process.wait()).exit_code)
        except _sdk().WasmerError as error:
            if error.code != "EXECUTION_ERROR":
                raise
            return GuestExit(None, str(error).splitlines()[0])

    async def discard(self) -> None:
        """End an interpreter that got no program: it is blocked in a read, where wasmer can stop it."""
        await self.process.kill()
        await self.sandbox.close()


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
        self._packages: OrderedDict[tuple[str, int], Package] = OrderedDict()
        self._ahead: dict[str, _Started] = {}  # guests that wait for a program, by key
        self._last: tuple[WasiGuest, int] | None = None

    @classmethod
    def preload(cls, *, cache_dir: Path, memory_bytes: int) -> None:
        """See `Runtime`: what the interpreter's package is made of. The engine has threads: each host makes its own."""
        _sdk()
        guest, memory_bytes = python.guest(cache_dir), memory_tier_bytes(memory_bytes)
        if guest.exports is None or not guest.exports.is_there():
            return
        with contextlib.suppress(GuestMissing, GuestAltered, WasmModuleInvalid):  # a host says so, when it is asked
            loadable = _loadable(guest, memory_bytes)
            definition = _definition(loadable.module, guest.files())
            _PRELOADED[guest.key, memory_bytes] = replace(loadable, definition=definition)

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
        return python.guest(self.cache_dir)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return self._loop.run(work)
        except (_sdk().WasmerError, TimeoutError, OSError, GuestMissing, GuestAltered, WasmModuleInvalid) as error:
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
            await files_put(_Files(started.sandbox.fs), request.files)
        else:
            try:
                started = await self._start(guest, limits.memory_bytes, request.files)
            except (_sdk().WasmerError, WasmModuleInvalid) as error:  # it was looked at when it was uploaded, not run
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
        self.spent = ending.stopped_for is not None or (calls is not None and calls.waiting)
        result = await self._result(started, request, limits, ending)
        if not self.spent:
            await started.sandbox.close()
        return result

    async def _result(
        self, started: _Started, request: ExecutionRequest, limits: SandboxLimits, ending: Ending
    ) -> ExecutionResult:
        changed: dict[str, bytes] = {}
        deleted: tuple[str, ...] = ()
        exceeded: FilesExceeded | None = None
        if outcome_of(ending).ended_by_itself:
            try:
                changed, deleted = await files_changed(
                    _Files(started.sandbox.fs), request.files, limits, own=started.guest.own_files
                )
            except FilesExceeded as error:
                exceeded = error
        return result_for(
            runtime=self.name, ending=ending, limits=limits, changed=changed, deleted=deleted, exceeded=exceeded
        )

    async def _take(self, guest: WasiGuest, memory_bytes: int) -> _Started:
        started = self._ahead.pop(guest.key, None)
        if started is None:
            return await self._start(guest, memory_bytes, {})
        if started.memory_bytes != memory_bytes:
            await started.discard()
            return await self._start(guest, memory_bytes, {})
        return started

    async def _start(self, guest: WasiGuest, memory_bytes: int, files: Mapping[str, bytes]) -> _Started:
        """Start a guest with these files in its working directory."""
        client = self._client = self._client or _sdk().Wasmer(cache_root=self.cache_dir)
        package = await self._package(client, guest, memory_bytes)
        sandbox = await client.sandboxes.create(packages=[package], env=dict(guest.environment))
        await files_put(_Files(sandbox.fs), files)
        process = await sandbox.command(package, guest.arguments, cwd=ROOT).spawn(stdin="pipe")
        if process.stdout is None or process.stderr is None:
            raise RuntimeBroken("wasmer gave a process without its streams")
        return _Started(guest, memory_bytes, sandbox, process, aiter(process.stdout), aiter(process.stderr))

    async def _package(self, client: "Wasmer", guest: WasiGuest, memory_bytes: int) -> "Package":
        kept = self._packages.get((guest.key, memory_bytes))
        if kept is not None:
            self._packages.move_to_end((guest.key, memory_bytes))
            return kept
        loadable = _PRELOADED.get((guest.key, memory_bytes)) or _loadable(guest, memory_bytes)
        compiled = self.cache_dir / loadable.mark
        if not compiled.exists() or not (guest.exports is None or guest.exports.is_there()):
            with machine_lock(self.cache_dir / f"compile-{guest.key[:16]}.lock"):
                if not compiled.exists() or guest.exports is not None:
                    await self._compile(client, guest, loadable.module)
            compiled.touch()
        package = await client.packages.create(loadable.definition or _definition(loadable.module, guest.files()))
        self._packages[guest.key, memory_bytes] = package
        while len(self._packages) > _PACKAGES_MAX:
            self._packages.popitem(last=False)
        return package

    async def _compile(self, client: "Wasmer", guest: WasiGuest, module: bytes) -> None:
        """Start the module once, which compiles it into the cache, and keep the files that are inside."""
        package = await client.packages.create(_definition(module, {}))
        sandbox = await client.sandboxes.create(packages=[package])
        arguments = guest.exports.arguments if guest.exports else ()
        process = await sandbox.command(package, arguments, cwd=ROOT).spawn(stdin="pipe")
        if process.stdin is not None:
            await process.stdin.close()
        if guest.exports is not None:
            await process.wait()
            guest.exports.save(await sandbox.fs.read(guest.exports.path))
        elif not guest.waits:
            self.spent = True  # a tenant's module may burn on, although nobody waits for this first start of it
            await process.kill()
        await sandbox.close()


@dataclass(frozen=True, slots=True)
class _Loadable:
    """A module with its memory capped, the name of the file that says that it is compiled, and its package if known."""

    module: bytes
    mark: str
    definition: "PackageDefinition | None" = None


_PRELOADED: dict[tuple[str, int], _Loadable] = {}  # by guest and memory; filled before hosts are forked


def _loadable(guest: WasiGuest, memory_bytes: int) -> _Loadable:
    module = memory_capped(guest.module(), max_pages=memory_bytes // PAGE_BYTES)
    return _Loadable(module, _compiled_mark(module))


def _definition(module: bytes, files: dict[str, bytes]) -> "PackageDefinition":
    commands = {"main": _sdk().PackageCommandDefinition(module="main")}
    made: PackageDefinition = _sdk().PackageDefinition(modules={"main": module}, commands=commands, files=files)
    return made


def _compiled_mark(module: bytes) -> str:
    """Return the name of the file that says: this module is in wasmer's cache.

    wasmer keeps what it compiled by the module's hash and its own version. The time of its installation stands for the
    version here, which would take 27 ms of every cold start to find out.
    """
    installed_at = int(Path(_sdk().__file__).stat().st_mtime)
    return f"compiled-{installed_at}-{hashlib.sha256(module).hexdigest()[:16]}"
