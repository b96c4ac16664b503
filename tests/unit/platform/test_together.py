"""What many ask at the same moment is done together, and whoever asks gets its own."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from shannon_project.foundation.coroutines import Coroutine
from shannon_project.foundation.together import Together


class Doubling:
    """The work; it waits to be let go, and keeps what it was given."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()

    def __call__(self, _key: object, asked: Sequence[int]) -> list[int]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(asked))
        self.begun.set()
        assert self.free.wait(120)
        if 13 in asked:
            raise KeyError("13")
        return [2 * each for each in asked]


def test_who_is_alone_does_it_in_its_own_thread() -> None:
    work = Doubling()
    work.free.set()

    assert Together(work, at_once=8).do("key", 21) == 42
    assert work.threads == {threading.current_thread().name}


def test_those_who_come_meanwhile_are_done_together_and_no_more_at_once_than_is_said() -> None:
    work = Doubling()
    together = Together(work, at_once=8)
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(together.do, "key", 1)
        assert work.begun.wait(120)
        others = [pool.submit(together.do, "key", number) for number in range(100, 120)]
        while together.waiting("key") < 20:
            threading.Event().wait(0.001)
        work.free.set()

        assert first.result(120) == 2
        assert [other.result(120) for other in others] == [2 * number for number in range(100, 120)]

    assert [len(batch) for batch in work.batches] == [1, 8, 8, 4]


def test_what_fails_fails_for_those_who_were_in_it_and_the_next_ones_are_served() -> None:
    work = Doubling()
    work.free.set()
    together = Together(work, at_once=8)

    with pytest.raises(KeyError):
        together.do("key", 13)
    assert together.do("key", 1) == 2


async def test_coroutines_wait_without_a_thread_each() -> None:
    work = Doubling()
    work.free.set()
    together, pool = Together(work, at_once=500), ThreadPoolExecutor(4, "outside")

    calls = [Coroutine(partial(together.do, "key", number), pool) for number in range(100, 400)]
    found = await asyncio.gather(*(call.run() for call in calls))

    assert found == [2 * number for number in range(100, 400)]
    assert len(work.batches) < 300
    assert all(name.startswith("outside") for name in work.threads)


async def test_what_nobody_waits_for_is_done_all_the_same_and_in_its_turn() -> None:
    work = Doubling()
    work.free.set()
    together, pool = Together(work, at_once=8), ThreadPoolExecutor(1, "outside")

    def ask() -> int:
        together.soon("key", 1)
        together.soon("key", 2)
        return together.do("key", 3)

    assert await Coroutine(ask, pool).run() == 6
    assert [number for batch in work.batches for number in batch] == [1, 2, 3]
    assert together.do("key", 4) == 8, "nobody was left with the lead"
