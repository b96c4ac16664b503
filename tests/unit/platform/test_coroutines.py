"""Plain code on an event loop: it waits and others go on; what it waits for may fail or be left."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shannon_project.foundation.coroutines import Coroutine, coroutine_here, outside, pause

POOL = ThreadPoolExecutor(2, "outside")


class Left(Exception):
    """Somebody is gone."""


def waited(awaitable: object, *, is_interruptible: bool = True) -> object:
    here = coroutine_here()
    assert here is not None
    return here.wait(awaitable, is_interruptible=is_interruptible)  # type: ignore[arg-type] # what tests wait for


async def test_a_thousand_wait_at_once_in_one_thread() -> None:
    together, most, threads = 0, 0, set()

    def work() -> int:
        nonlocal together, most
        threads.add(threading.current_thread())
        together += 1
        most = max(most, together)
        pause(0.05)
        together -= 1
        threads.add(threading.current_thread())
        return together

    await asyncio.gather(*(Coroutine(work, POOL).run() for _ in range(1_000)))

    assert (most, together) == (1_000, 0)
    assert threads == {threading.current_thread()}


async def test_what_it_waits_for_may_fail() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("lost")

    def work() -> str:
        with pytest.raises(KeyError):
            waited(fail())
        return "gone on"

    assert await Coroutine(work, POOL).run() == "gone on"


async def test_what_it_raises_is_raised() -> None:
    def work() -> None:
        pause(0)
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        await Coroutine(work, POOL).run()


async def test_what_can_only_block_has_a_thread_of_the_pool() -> None:
    def work() -> tuple[str, str]:
        return threading.current_thread().name, outside(lambda: threading.current_thread().name)

    here, apart = await Coroutine(work, POOL).run()

    assert here == threading.current_thread().name
    assert apart.startswith("outside")


def test_in_a_thread_nothing_of_this_is_seen() -> None:
    assert coroutine_here() is None
    assert outside(lambda: threading.current_thread().name) == threading.current_thread().name
    pause(0)


async def test_it_is_told_when_it_may_leave_what_it_waits_for_and_at_once_when_it_waits_again() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    said: list[str] = []

    def work() -> str:
        with pytest.raises(Left):
            waited(never)
        said.append("left")
        waited(asyncio.sleep(0.01), is_interruptible=False)
        said.append("written")
        with pytest.raises(Left):
            waited(asyncio.sleep(60))
        return "ended"

    coroutine = Coroutine(work, POOL)
    running = asyncio.ensure_future(coroutine.run())
    await asyncio.sleep(0)
    coroutine.interrupt(Left())

    assert await running == "ended"
    assert said == ["left", "written"]
    assert never.cancelled()


async def test_what_must_be_written_is_written_before_it_is_told() -> None:
    written = asyncio.Event()

    def work() -> str:
        waited(written.wait(), is_interruptible=False)
        try:
            pause(60)
        except Left:
            return "left"
        return "stayed"

    coroutine = Coroutine(work, POOL)
    running = asyncio.ensure_future(coroutine.run())
    await asyncio.sleep(0)
    coroutine.interrupt(Left())
    await asyncio.sleep(0)
    assert not running.done()
    written.set()

    assert await running == "left"
