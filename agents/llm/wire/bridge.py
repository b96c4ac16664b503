"""From plain code to the event loop on which exchanges run: the one that runs the code, or else the process's own."""

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

import uvloop

from agents.llm.wire.exchange import connections_close
from shannon_project.foundation import coroutines

T = TypeVar("T")

_END_SECONDS: Final = 2.0  # that a process waits at its end for its connections to close
_lock = threading.Lock()
_own: tuple[int, asyncio.AbstractEventLoop] | None = None


def result_of(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine gives. Who is interrupted in a coroutine of plain code leaves it."""
    here = coroutines.coroutine_here()
    if here is None:
        return asyncio.run_coroutine_threadsafe(work(), _own_loop()).result()
    done: T = here.wait(work(), is_interruptible=True)
    return done


def items_of(source: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
    """Yield what an asynchronous generator yields. Close this one when leaving it early; that closes the other."""
    here = coroutines.coroutine_here()
    return _in_thread(source) if here is None else _on_loop(source(), here)


def _on_loop(items: AsyncGenerator[T], here: coroutines.Coroutine[Any]) -> Generator[T]:
    try:
        while True:
            try:
                item = here.wait(anext(items), is_interruptible=True)
            except StopAsyncIteration:
                return
            yield item
    finally:
        here.wait(items.aclose(), is_interruptible=False)


def _in_thread(source: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
    found: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    async def pump() -> None:
        items = source()
        try:
            async for item in items:
                found.put((True, item))
        except Exception as error:  # noqa: BLE001 - it is raised again where the item is waited for
            found.put((False, error))
        else:
            found.put((False, None))
        finally:
            await items.aclose()

    pumping = asyncio.run_coroutine_threadsafe(pump(), _own_loop())
    try:
        while True:
            is_item, value = found.get()
            if is_item:
                yield value
            elif value is None:
                return
            else:
                raise value
    finally:
        pumping.cancel()


def _own_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of this process, which runs in a thread of its own; a forked process has another."""
    global _own  # noqa: PLW0603 - one loop per process, guarded by the lock
    own = _own
    if own is not None and own[0] == os.getpid():
        return own[1]
    with _lock:
        if _own is None or _own[0] != os.getpid():
            loop = uvloop.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="model-wire", daemon=True)
            thread.start()
            _own = (os.getpid(), loop)
            atexit.register(_end, os.getpid(), loop, thread)
        return _own[1]


def _end(pid: int, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Close the connections when the process ends, which a process that was forked from it does not."""
    if pid != os.getpid():
        return
    closing = asyncio.run_coroutine_threadsafe(connections_close(), loop)
    closing.add_done_callback(lambda _: loop.call_soon_threadsafe(loop.stop))
    thread.join(_END_SECONDS)
