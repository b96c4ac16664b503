"""What many threads bring at the same time, one of them does for all."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import OperationalError

from shannon_project.foundation.desk import APART_AT_ONCE, Desk
from shannon_project.foundation.gathering import write_soon, writes_gathered

PATIENCE_SECONDS = 120.0


class Act:
    """Doubles numbers; the first time only when it may. An odd one is not done together; 13 fails; 99 loses the server.

    Attributes:
        done: What was done together, in order.
    """

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, _key: str, numbers: Sequence[int]) -> list[int | None]:
        if not self.began.is_set():
            self.began.set()
            assert self.may_end.wait(PATIENCE_SECONDS)
        if 13 in numbers:
            raise ValueError("unlucky")
        if 99 in numbers:
            raise OperationalError("the server is gone")
        alone = len(numbers) == 1
        self.done.append([number for number in numbers if alone or number % 2 == 0])
        return [2 * number if alone or number % 2 == 0 else None for number in numbers]


def crowd(numbers: Sequence[int], *, at_once: int = 64) -> tuple[Act, list[Future[int]]]:
    """Let 0 be done, the numbers come while it is, and it end; return what came of the numbers."""
    act = Act()
    desk: Desk[str, int, int] = Desk(act, at_once=at_once)
    with ThreadPoolExecutor(len(numbers) + 1) as threads:
        threads.submit(desk.bring, "key", 0)
        assert act.began.wait(PATIENCE_SECONDS)
        futures = []
        for count, number in enumerate(numbers, start=1):
            futures.append(threads.submit(desk.bring, "key", number))
            while desk.waiting("key") < count:
                threading.Event().wait(0.001)
        act.may_end.set()
    return act, futures


def test_each_is_told_what_came_of_its_own() -> None:
    act, futures = crowd([2, 4, 6])
    assert [future.result() for future in futures] == [4, 8, 12]
    assert act.done == [[0], [2, 4, 6]]


def test_what_is_left_undone_is_done_alone() -> None:
    act, futures = crowd([1, 2, 3, 4])
    assert [future.result() for future in futures] == [2, 4, 6, 8]
    assert sorted(act.done) == [[0], [1], [2, 4], [3]]


def test_of_many_that_are_done_alone_a_few_are_at_a_time() -> None:
    few, lock = threading.Barrier(APART_AT_ONCE), threading.Lock()
    began, may_end = threading.Event(), threading.Event()
    at_once = [0, 0]

    def act(_key: str, numbers: Sequence[int]) -> list[int | None]:
        if not began.is_set():
            began.set()
            assert may_end.wait(PATIENCE_SECONDS)
            return list(numbers)
        if len(numbers) > 1:
            return [None] * len(numbers)
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        few.wait(PATIENCE_SECONDS)
        with lock:
            at_once[0] -= 1
        few.wait(PATIENCE_SECONDS)
        return list(numbers)

    desk: Desk[str, int, int] = Desk(act, at_once=64)
    numbers = range(1, 2 * APART_AT_ONCE + 1)
    with ThreadPoolExecutor(len(numbers) + 1) as threads:
        first = threads.submit(desk.bring, "key", 0)
        assert began.wait(PATIENCE_SECONDS)
        futures = [threads.submit(desk.bring, "key", number) for number in numbers]
        while desk.waiting("key") < len(numbers):
            threading.Event().wait(0.001)
        may_end.set()
    assert [first.result(), *(future.result() for future in futures)] == [0, *numbers]
    assert at_once[1] == APART_AT_ONCE


def test_an_error_is_told_to_whom_it_belongs() -> None:
    _, futures = crowd([2, 13, 4])
    assert [type(future.exception()) for future in futures] == [type(None), ValueError, type(None)]


@pytest.mark.parametrize("numbers", [[2, 4, 99], [99, 2, 4]])
def test_a_lost_server_is_told_to_all_for_nobody_knows_what_was_committed(numbers: list[int]) -> None:
    _, futures = crowd(numbers)
    assert [type(future.exception()) for future in futures] == [OperationalError] * 3
    assert len({id(future.exception()) for future in futures}) == 3


def test_no_more_is_done_at_once_than_fits() -> None:
    act, futures = crowd([2, 4, 6, 8, 10], at_once=2)
    assert [future.result() for future in futures] == [4, 8, 12, 16, 20]
    assert act.done == [[0], [2, 4], [6, 8], [10]]


def test_writes_of_a_kind_are_gathered_in_the_order_of_their_first() -> None:
    written: list[tuple[str, list[int]]] = []

    def letters(items: Sequence[int]) -> None:
        written.append(("letters", list(items)))

    def stamps(items: Sequence[int]) -> None:
        written.append(("stamps", list(items)))

    with writes_gathered():
        write_soon(letters, 1)
        write_soon(stamps, 2)
        write_soon(letters, 3)
        assert written == []
    assert written == [("letters", [1, 3]), ("stamps", [2])]
    write_soon(letters, 4)
    assert written[-1] == ("letters", [4])


def test_nothing_is_written_of_what_was_gathered_when_something_breaks() -> None:
    written: list[int] = []
    with pytest.raises(KeyError):
        _break_while_gathering(written)
    write_soon(written.extend, 2)
    assert written == [2]


def _break_while_gathering(written: list[int]) -> None:
    with writes_gathered():
        write_soon(written.extend, 1)
        raise KeyError
