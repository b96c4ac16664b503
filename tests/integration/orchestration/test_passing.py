"""Passing slots on: in a thread of its own, so that drainers which end together do not all serve who waits."""

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from orchestration.engine import passing
from orchestration.engine.passing import SlotPasser


class Served:
    """Stands for what is served; the first turn lasts until it is let go."""

    def __init__(self) -> None:
        self.own: list[UUID] = []
        self.turns = 0
        self.thread = ""
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.error: Exception | None = None

    def task(self, task_id: UUID) -> int:
        self.own.append(task_id)
        return 1

    def waiting(self) -> int:
        self.turns += 1
        self.thread = threading.current_thread().name
        self.begun.release()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        assert self.go_on.wait(120.0)
        return 0


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    made = Served()
    monkeypatch.setattr(passing, "task_serve", made.task)
    monkeypatch.setattr(passing, "waiting_serve", made.waiting)
    return made


@pytest.fixture
def passer(served: Served) -> Iterator[SlotPasser]:
    made = SlotPasser()
    made.start()
    yield made
    served.go_on.set()
    made.stop()


def test_a_drainer_that_ends_does_not_wait_for_it_and_many_are_served_together(
    passer: SlotPasser, served: Served
) -> None:
    first, others = uuid4(), [uuid4() for _ in range(20)]
    passer.pass_on(first)
    assert served.begun.acquire(timeout=120.0)
    for task_id in others:
        passer.pass_on(task_id)
    passer.pass_on(None)
    assert (served.turns, served.own) == (1, [first]), "the others are noted while it is at the first"
    served.go_on.set()
    assert served.begun.acquire(timeout=120.0)
    passer.stop()
    assert (served.turns, set(served.own[1:]), served.thread) == (2, set(others), "slots")


@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("broken")])
def test_what_goes_wrong_once_does_not_end_it(passer: SlotPasser, served: Served, error: Exception) -> None:
    served.error = error
    passer.pass_on(None)
    assert served.begun.acquire(timeout=120.0)
    passer.pass_on(None)
    assert served.begun.acquire(timeout=120.0)


def test_what_was_asked_for_is_served_before_the_end(passer: SlotPasser, served: Served) -> None:
    served.go_on.set()
    task_id = uuid4()
    passer.pass_on(task_id)
    passer.stop()
    assert served.own == [task_id]


def test_without_its_thread_who_asks_serves(served: Served) -> None:
    served.go_on.set()
    SlotPasser().pass_on(None)
    assert served.thread == threading.current_thread().name
