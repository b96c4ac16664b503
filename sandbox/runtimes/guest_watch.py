"""Watches one running guest: collects its output, and gives it up at the first limit it hits.

A guest that is given up is not stopped: wasmer-sdk 0.5 reports a killed guest as ended while a loop inside it goes on
burning its core (measured). What stops it is the end of its host, which serves no other run: see `Runtime.spent`.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.types import Outcome, SandboxLimits

_TICK_SECONDS = 0.02  # how late a limit on time or memory may be noticed
_DRAIN_SECONDS = 1.0  # a guest that has ended closes its streams at once
_RSS_SLACK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GuestExit:
    """How the guest's process ended: with an exit code, or by a trap whose text is `trap`."""

    exit_code: int | None
    trap: str = ""


@dataclass(slots=True)
class Captured:
    """The first bytes of a stream."""

    max_bytes: int
    head: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def add(self, chunk: bytes) -> None:
        """Keep what there is room for."""
        room = self.max_bytes - len(self.head)
        self.head += chunk[:room]
        self.truncated = self.truncated or len(chunk) > room

    def text(self) -> str:
        """Return what was kept as text."""
        return self.head.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Ending:
    """What was seen of a run; `stopped_for` is None when the guest ended by itself."""

    stopped_for: Outcome | None
    exit: GuestExit
    stdout: Captured
    stderr: Captured
    wall_seconds: float


async def guest_watch(
    *,
    exited: Awaitable[GuestExit],
    stdout: AsyncIterator[bytes],
    stderr: AsyncIterator[bytes],
    limits: SandboxLimits,
    started_at: float,
) -> Ending:
    """Wait until the guest has ended or gone too far.

    Args:
        exited: Gives the guest's end.
        stdout: Its output; reading stops at the limit, so a guest that prints for ever is held back by its full pipe.
        stderr: The same for standard error.
        limits: What it may use.
        started_at: `time.monotonic()` when it was given its program.
    """
    captured = Captured(limits.output_bytes), Captured(limits.output_bytes)
    overflow = asyncio.Event()
    readers = [
        asyncio.ensure_future(_collect(*pair, overflow)) for pair in zip((stdout, stderr), captured, strict=True)
    ]
    exit_task = asyncio.ensure_future(exited)
    overflow_task = asyncio.ensure_future(overflow.wait())
    rss_max_bytes = _rss_bytes() + limits.memory_bytes + 2 * limits.file_bytes + _RSS_SLACK_BYTES
    stopped_for: Outcome | None = None
    try:
        while not exit_task.done() and stopped_for is None:
            await asyncio.wait({exit_task, overflow_task}, timeout=_TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not exit_task.done():
                stopped_for = _limit_hit(overflow, started_at, rss_max_bytes, limits)
        wall_seconds = time.monotonic() - started_at
        if stopped_for is not None:
            return Ending(stopped_for, GuestExit(None), *captured, wall_seconds)
        await asyncio.wait(readers, timeout=_DRAIN_SECONDS)  # what was still in the pipes
        return Ending(None, exit_task.result(), *captured, wall_seconds)
    finally:
        for task in (*readers, exit_task, overflow_task):
            task.cancel()


def _limit_hit(overflow: asyncio.Event, started_at: float, rss_max_bytes: int, limits: SandboxLimits) -> Outcome | None:
    if overflow.is_set():
        return Outcome.OUTPUT_EXCEEDED
    if time.monotonic() - started_at > limits.wall_seconds:
        return Outcome.TIMEOUT
    # The memory cap is the module's own, so what grows beyond it are files: they live in the host's memory.
    if _rss_bytes() > rss_max_bytes:
        return Outcome.QUOTA_EXCEEDED
    return None


async def _collect(stream: AsyncIterator[bytes], captured: Captured, overflow: asyncio.Event) -> None:
    async for chunk in stream:
        captured.add(chunk)
        if captured.truncated:
            overflow.set()
            return


def _rss_bytes() -> int:
    """Return this process's resident memory; 0 where the system does not tell: files then count only at the end."""
    statm = Path("/proc/self/statm")
    return int(statm.read_bytes().split()[1]) * os.sysconf("SC_PAGESIZE") if statm.exists() else 0
