"""A guest that runs on wasmer: what it is given, what it says, how it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.guests.base import READY, WasiGuest
from sandbox.runtimes.base import RuntimeBroken
from sandbox.runtimes.calls import Calls
from sandbox.runtimes.endings import GuestExit
from sandbox.runtimes.wasmer.sdk import sdk

if TYPE_CHECKING:
    from wasmer_sdk import Process, Sandbox, SandboxFileSystem

_READY_SECONDS = 30.0  # an interpreter that does not wait for its program by then never will


class Files:
    """A guest's file system as `guest_files` wants it."""

    def __init__(self, file_system: "SandboxFileSystem") -> None:
        self.write = file_system.write
        self.mkdir = file_system.mkdir
        self.read_dir = file_system.read_dir
        self._read = file_system.read

    async def read(self, path: str) -> bytes | None:
        try:
            return await self._read(path)
        except sdk().WasmerError as error:
            if error.code != "FILESYSTEM_ERROR":
                raise
            return None


@dataclass(slots=True)
class Started:
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
            with contextlib.suppress(sdk().WasmerError):
                await self.process.stdin.close()

    async def write(self, data: bytes) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(sdk().WasmerError):  # a program may end without reading its input
                await self.process.stdin.write(data)

    async def exited(self) -> GuestExit:
        try:
            return GuestExit((await self.process.wait()).exit_code)
        except sdk().WasmerError as error:
            if error.code != "EXECUTION_ERROR":
                raise
            return GuestExit(None, str(error).splitlines()[0])

    async def discard(self) -> None:
        """End an interpreter that got no program: it is blocked in a read, where wasmer can stop it."""
        await self.process.kill()
        await self.sandbox.close()
