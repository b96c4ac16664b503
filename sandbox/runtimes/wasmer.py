"""`WasmerRuntime`: WASI modules on the vendor's `wasmer-sdk`. The only file that imports it.

The next guest is started while nobody waits: a run that finds one ready saves the interpreter's own start. A guest
serves one run and is thrown away, so nothing can pass from one run to the next.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import wasmer_sdk
from wasmer_sdk import (
    Package,
    PackageCommandDefinition,
    PackageDefinition,
    Process,
    Sandbox,
    SandboxFileSystem,
    Wasmer,
    WasmerError,
)

from sandbox.guests import python
from sandbox.runtimes.base import Runtime, RuntimeBroken, RuntimeProblem
from sandbox.runtimes.endings import Ending, GuestExit, Stopwatch
from sandbox.runtimes.guest_files import ROOT, files_changed, files_put
from sandbox.runtimes.guest_watch import guest_watch
from sandbox.runtimes.locks import machine_lock
from sandbox.runtimes.outcomes import FilesExceeded, outcome_of, result_for
from sandbox.runtimes.wasm_module import PAGE_BYTES, WasmModuleInvalid, memory_capped
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

_T = TypeVar("_T")
_READY_SECONDS = 30.0  # an interpreter that does not wait for its program by then never will
_MEMORY_MIN_BYTES = 32 * 1024 * 1024  # CPython alone takes 12 MiB
_MEMORY_MAX_BYTES = 2 * 1024 * 1024 * 1024


class _Files:
    """A guest's file system as `guest_files` wants it."""

    def __init__(self, file_system: SandboxFileSystem) -> None:
        self.write = file_system.write
        self.mkdir = file_system.mkdir
        self.read_dir = file_system.read_dir
        self._read = file_system.read

    async def read(self, path: str) -> bytes | None:
        try:
            return await self._read(path)
        except WasmerError as error:
            if error.code != "FILESYSTEM_ERROR":
                raise
            return None


@dataclass(slots=True)
class _Guest:
    """A started interpreter that waits for its program."""

    memory_bytes: int
    sandbox: Sandbox
    process: Process
    stdout: AsyncIterator[bytes]
    stderr: AsyncIterator[bytes]

    async def ready(self) -> None:
        async with asyncio.timeout(_READY_SECONDS):
            if await anext(self.stdout, b"") != python.READY:
                raise RuntimeBroken("the interpreter ended before it was ready")

    async def feed(self, code: bytes, stdin: bytes) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(WasmerError):  # a program may end without reading its input
                await self.process.stdin.write(b"%010d%b%b" % (len(code), code, stdin))
                await self.process.stdin.close()

    async def exited(self) -> GuestExit:
        try:
            return GuestExit((await self.process.wait()).exit_code)
        except WasmerError as error:
            if error.code != "EXECUTION_ERROR":
                raise
            return GuestExit(None, str(error).splitlines()[0])

    async def discard(self) -> None:
        """End an interpreter that got no program: it is blocked in a read, where wasmer can stop it."""
        await self.process.kill()
        await self.sandbox.close()


class WasmerRuntime(Runtime):
    """CPython for WASI on wasmer: no network, no host files, no environment, memory capped by its module."""

    name = "wasmer"
    guests = frozenset({"python"})

    def __init__(self, *, cache_dir: Path) -> None:
        """See `Runtime`."""
        super().__init__(cache_dir=cache_dir)
        self._loop = asyncio.Runner()
        self._client: Wasmer | None = None
        self._packages: dict[int, Package] = {}
        self._next: _Guest | None = None
        self._memory_bytes = 0

    def warm(self, *, guest: str, limits: SandboxLimits) -> None:  # noqa: ARG002 - there is one guest
        """See `Runtime`."""
        self._memory_bytes = memory_tier_bytes(limits.memory_bytes)
        self.prepare()

    def execute(
        self, request: ExecutionRequest, *, on_running: Callable[[], None], on_ended: Callable[[], None]
    ) -> ExecutionResult:
        """See `Runtime`."""
        if request.limits is None:
            raise RuntimeBroken("a request without limits reached the runtime")
        limits = replace(request.limits, memory_bytes=memory_tier_bytes(request.limits.memory_bytes))
        self._memory_bytes = limits.memory_bytes
        return self._run(self._execute(request, limits, on_running, on_ended))

    def prepare(self) -> None:
        """Start the guest of the next run, on the guess that it has the same memory cap."""
        if self._memory_bytes and self._next is None and not self.spent:
            self._next = self._run(self._start(self._memory_bytes))

    @classmethod
    def problems(cls) -> list[RuntimeProblem]:
        """See `Runtime`."""
        try:
            python.module_bytes()
        except (python.GuestMissing, python.GuestAltered) as error:
            key = "missing" if isinstance(error, python.GuestMissing) else "altered"
            return [RuntimeProblem(key, str(error), "Install the pinned requirements again.")]
        return []

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return self._loop.run(work)
        except (
            WasmerError,
            TimeoutError,
            OSError,
            python.GuestMissing,
            python.GuestAltered,
            WasmModuleInvalid,
        ) as error:
            raise RuntimeBroken(f"{type(error).__name__}: {error}") from error

    async def _execute(
        self,
        request: ExecutionRequest,
        limits: SandboxLimits,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
    ) -> ExecutionResult:
        guest = await self._take(limits.memory_bytes)
        await guest.ready()
        await files_put(_Files(guest.sandbox.fs), request.files)
        on_running()
        clock = Stopwatch()
        feeding = asyncio.ensure_future(guest.feed(request.code.encode(), request.stdin))
        ending = await guest_watch(
            exited=guest.exited(), stdout=guest.stdout, stderr=guest.stderr, limits=limits, clock=clock
        )
        on_ended()
        feeding.cancel()
        self.spent = ending.stopped_for is not None
        result = await self._result(guest, request, limits, ending)
        if not self.spent:
            await guest.sandbox.close()
        return result

    async def _result(
        self, guest: _Guest, request: ExecutionRequest, limits: SandboxLimits, ending: Ending
    ) -> ExecutionResult:
        changed: dict[str, bytes] = {}
        deleted: tuple[str, ...] = ()
        exceeded: FilesExceeded | None = None
        if outcome_of(ending).ended_by_itself:
            try:
                changed, deleted = await files_changed(_Files(guest.sandbox.fs), request.files, limits)
            except FilesExceeded as error:
                exceeded = error
        return result_for(
            runtime=self.name, ending=ending, limits=limits, changed=changed, deleted=deleted, exceeded=exceeded
        )

    async def _take(self, memory_bytes: int) -> _Guest:
        guest, self._next = self._next, None
        if guest is None:
            return await self._start(memory_bytes)
        if guest.memory_bytes != memory_bytes:
            await guest.discard()
            return await self._start(memory_bytes)
        return guest

    async def _start(self, memory_bytes: int) -> _Guest:
        client = self._client = self._client or Wasmer(cache_root=self.cache_dir)
        package = self._packages.get(memory_bytes) or await self._load(client, memory_bytes)
        self._packages[memory_bytes] = package
        sandbox = await client.sandboxes.create(packages=[package], env={"PYTHONHOME": python.HOME})
        process = await sandbox.command(package, python.ARGUMENTS, cwd=ROOT).spawn(stdin="pipe")
        if process.stdout is None or process.stderr is None:
            raise RuntimeBroken("wasmer gave a process without its streams")
        return _Guest(memory_bytes, sandbox, process, aiter(process.stdout), aiter(process.stderr))

    async def _load(self, client: Wasmer, memory_bytes: int) -> Package:
        module = memory_capped(python.module_bytes(), max_pages=memory_bytes // PAGE_BYTES)
        compiled = self.cache_dir / _compiled_mark(module)
        if not compiled.exists() or not python.library_path(self.cache_dir).exists():
            with machine_lock(self.cache_dir / "compile.lock"):
                await self._compile(client, module)
            compiled.touch()
        return await client.packages.create(_definition(module, python.library_files(self.cache_dir)))

    async def _compile(self, client: Wasmer, module: bytes) -> None:
        """Run the module once, which compiles it into the cache, and keep the standard library that is inside."""
        package = await client.packages.create(_definition(module, {}))
        async with await client.sandboxes.create(packages=[package]) as sandbox:
            await sandbox.command(package, python.EXPORT_LIBRARY, cwd=ROOT).run()
            python.library_save(self.cache_dir, await sandbox.fs.read(python.EXPORTED_LIBRARY_PATH))


def memory_tier_bytes(memory_bytes: int) -> int:
    """Return the cap that is applied: `memory_bytes` rounded down to a power of two, from 32 MiB to 2 GiB.

    The cap is a part of the module and so of what is compiled: few caps mean few compilations.
    """
    bounded = min(max(memory_bytes, _MEMORY_MIN_BYTES), _MEMORY_MAX_BYTES)
    return 1 << (bounded.bit_length() - 1)


def _definition(module: bytes, files: dict[str, bytes]) -> PackageDefinition:
    return PackageDefinition(
        modules={"main": module}, commands={"main": PackageCommandDefinition(module="main")}, files=files
    )


def _compiled_mark(module: bytes) -> str:
    """Return the name of the file that says: this module is in wasmer's cache.

    wasmer keeps what it compiled by the module's hash and its own version. The time of its installation stands for the
    version here, which would take 27 ms of every cold start to find out.
    """
    installed_at = int(Path(wasmer_sdk.__file__).stat().st_mtime)
    return f"compiled-{installed_at}-{hashlib.sha256(module).hexdigest()[:16]}"
