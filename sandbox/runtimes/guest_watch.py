"""Watches one running guest: collects its output, and gives it up at the first limit it hits.

A guest that is given up is not stopped: wasmer-sdk 0.5 reports a killed guest as ended while a loop inside it goes on
burning its core (measured). What stops it is the end of its host, which serves no other run: see `Runtime.spent`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable

from sandbox.runtimes.endings import (
    RSS_SLACK_BYTES,
    TICK_SECONDS,
    Captured,
    Ending,
    GuestExit,
    Stopwatch,
    rss_bytes,
)
from sandbox.types import Outcome, SandboxLimits

_DRAIN_SECONDS = 1.0  # a guest that has ended closes its streams at once


async def guest_watch(
    *,
    exited: Awaitable[GuestExit],
    stdout: AsyncIterator[bytes],
    stderr: AsyncIterator[bytes],
    limits: SandboxLimits,
    clock: Stopwatch,
) -> Ending:
    """Wait until the guest has ended or gone too far.

    Args:
        exited: Gives the guest's end.
        stdout: Its output; reading stops at the limit, so a guest that prints for ever is held back by its full pipe.
        stderr: The same for standard error.
        limits: What it may use.
        clock: Started when it was given its program.
    """
    captured = Captured(limits.output_bytes), Captured(limits.output_bytes)
    overflow = asyncio.Event()
    readers = [
        asyncio.ensure_future(_collect(*pair, overflow)) for pair in zip((stdout, stderr), captured, strict=True)
    ]
    exit_task = asyncio.ensure_future(exited)
    overflow_task = asyncio.ensure_future(overflow.wait())
    rss_max_bytes = rss_bytes() + limits.memory_bytes + 2 * limits.file_bytes + RSS_SLACK_BYTES
    stopped_for: Outcome | None = None
    try:
        while not exit_task.done() and stopped_for is None:
            await asyncio.wait({exit_task, overflow_task}, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not exit_task.done():
                stopped_for = _limit_hit(overflow, clock, rss_max_bytes, limits)
        used = clock.wall_seconds(), clock.cpu_seconds()
        if stopped_for is not None:
            return Ending(stopped_for, GuestExit(None), *captured, *used)
        await asyncio.wait(readers, timeout=_DRAIN_SECONDS)  # what was still in the pipes
        return Ending(None, exit_task.result(), *captured, *used)
    finally:
        for task in (*readers, exit_task, overflow_task):
            task.cancel()


def _limit_hit(overflow: asyncio.Event, clock: Stopwatch, rss_max_bytes: int, limits: SandboxLimits) -> Outcome | None:
    if overflow.is_set():
        return Outcome.OUTPUT_EXCEEDED
    if clock.wall_seconds() > limits.wall_seconds:
        return Outcome.TIMEOUT
    if clock.cpu_seconds() > limits.cpu_seconds:
        return Outcome.CPU_EXCEEDED
    # The memory cap is the module's own, so what grows beyond it are files: they live in the host's memory.
    if rss_bytes() > rss_max_bytes:
        return Outcome.QUOTA_EXCEEDED
    return None


async def _collect(stream: AsyncIterator[bytes], captured: Captured, overflow: asyncio.Event) -> None:
    async for chunk in stream:
        captured.add(chunk)
        if captured.truncated:
            overflow.set()
            return
