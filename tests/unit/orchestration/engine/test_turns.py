"""Who computes in a process, on clocks that the test sets: what is let pass, for how long, and who gets a thread."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from orchestration.engine.turns import (
    CREDIT_SECONDS,
    LOOK_SECONDS,
    SHORT_STEP_DRAINERS,
    STAND_SECONDS,
    WORK_SECONDS,
    Turns,
)

HEAVY, LIGHT, THIRD = uuid4(), uuid4(), uuid4()


class Process:
    """A process whose clocks stand unless the test moves them; each drainer has a thread of its own."""

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.cpu_seconds: dict[int, float] = {}
        self.turns = Turns(cpu_seconds=lambda ident: self.cpu_seconds.get(ident, 0.0), now_seconds=self._now)
        self._stack = ExitStack()
        self._drainers: list[Drainer] = []

    def _now(self) -> float:
        return self.now_seconds

    def close(self) -> None:
        self._stack.close()

    def begin(self, tenant_id: UUID, *, weight: int | None = None, takes_thread: bool = True) -> "Drainer":
        context = self.turns.drainer(tenant_id, weight=weight, takes_thread=takes_thread)
        drainer = Drainer(self, self._stack.enter_context(ThreadPoolExecutor(1)), context)
        self._drainers.append(drainer)
        return drainer


class Drainer:
    """A drainer in its thread."""

    def __init__(self, process: Process, pool: ThreadPoolExecutor, context: AbstractContextManager[bool]) -> None:
        self._process, self._pool, self._context = process, pool, context
        self.ident = pool.submit(threading.get_ident).result()
        self.has_thread = pool.submit(self._context.__enter__).result()

    def computes(self, seconds: float) -> None:
        self._process.cpu_seconds[self.ident] = self._process.cpu_seconds.get(self.ident, 0.0) + seconds

    def gives_way(self) -> "Future[bool]":
        return self._pool.submit(self._process.turns.give_way)

    def end(self) -> None:
        self._pool.submit(self._context.__exit__, None, None, None).result()


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    yield made
    made.close()


@contextmanager
def standing(process: Process, drainer: Drainer) -> Iterator["Future[bool]"]:
    """Yield the wait of a drainer that stands still."""
    wait = drainer.gives_way()
    until = threading.Event()
    for _ in range(2000):
        with process.turns._changed:
            if any(tenant.stands_since_seconds is not None for tenant in process.turns._present.values()):
                break
        until.wait(0.002)
    assert not wait.done()
    yield wait


def test_who_is_alone_never_stands_still(process: Process) -> None:
    heavy = process.begin(HEAVY)
    heavy.computes(100.0)
    assert heavy.gives_way().result() is False


def test_who_has_computed_for_long_lets_one_that_comes_pass_until_it_ends(process: Process) -> None:
    heavy = process.begin(HEAVY)
    heavy.computes(1.0)
    light = process.begin(LIGHT)
    assert light.gives_way().result() is False
    with standing(process, heavy) as wait:
        light.end()
        assert wait.result() is True
    assert heavy.gives_way().result() is False


def test_it_goes_on_when_those_it_let_pass_wait_for_something_else(process: Process) -> None:
    heavy = process.begin(HEAVY)
    heavy.computes(1.0)
    process.begin(LIGHT)
    with standing(process, heavy) as wait:
        process.now_seconds += LOOK_SECONDS * 2  # in which the other has computed nothing: it waits for a model
        assert wait.result() is True


def test_it_goes_on_when_the_other_has_had_its_credit(process: Process) -> None:
    heavy = process.begin(HEAVY)
    heavy.computes(1.0)
    light = process.begin(LIGHT)
    with standing(process, heavy) as wait:
        light.computes(CREDIT_SECONDS)
        process.now_seconds += LOOK_SECONDS * 2
        assert wait.result() is True


def test_it_stands_no_longer_than_so_long_and_then_works_for_a_while(process: Process) -> None:
    heavy = process.begin(HEAVY)
    heavy.computes(1.0)
    light = process.begin(LIGHT)
    with standing(process, heavy) as wait:
        light.computes(CREDIT_SECONDS / 2)
        process.now_seconds += STAND_SECONDS
        assert wait.result() is True
    light.computes(LOOK_SECONDS)
    assert heavy.gives_way().result() is False
    process.now_seconds += WORK_SECONDS
    light.computes(WORK_SECONDS)
    with standing(process, heavy):
        light.end()


def test_tenants_that_have_had_the_same_do_not_wait_for_each_other(process: Process) -> None:
    first, second = process.begin(HEAVY), process.begin(LIGHT)
    for _ in range(50):
        process.now_seconds += LOOK_SECONDS
        for drainer in (first, second):
            drainer.computes(LOOK_SECONDS / 2)
            assert drainer.gives_way().result() is False


def test_a_tenant_of_twice_the_weight_has_had_half_as_much_for_the_same_time(process: Process) -> None:
    process.begin(THIRD).end()  # the clock of service stands at zero
    heavy, light = process.begin(HEAVY, weight=4), process.begin(LIGHT)
    heavy.computes(0.4)
    light.computes(0.2)
    process.now_seconds += LOOK_SECONDS
    assert heavy.gives_way().result() is False
    with standing(process, light) as wait:
        heavy.end()
        assert wait.result() is True


def test_an_absence_gives_no_more_than_the_credit(process: Process) -> None:
    light = process.begin(LIGHT)
    light.end()
    heavy = process.begin(HEAVY)
    heavy.computes(1000.0)
    light = process.begin(LIGHT)
    light.computes(CREDIT_SECONDS)
    process.now_seconds += LOOK_SECONDS
    assert heavy.gives_way().result() is False


def test_the_reserve_is_for_a_tenants_first_drainer_only(process: Process, settings: Settings) -> None:
    settings.SHANNON_RESERVED_SHARE = 0.25
    process.turns.capacity_set(8)
    assert [process.begin(HEAVY).has_thread for _ in range(7)] == [True] * 6 + [False]
    assert [process.begin(LIGHT).has_thread for _ in range(2)] == [True, False]
    assert process.begin(THIRD).has_thread


def test_there_are_no_more_drainers_than_threads_whosever_they_are(process: Process, settings: Settings) -> None:
    settings.SHANNON_RESERVED_SHARE = 0.125
    process.turns.capacity_set(2)
    assert [process.begin(tenant_id).has_thread for tenant_id in (HEAVY, LIGHT, THIRD)] == [True, True, False]


def test_of_a_large_reserve_half_may_be_taken_by_who_got_more_messages(process: Process, settings: Settings) -> None:
    settings.SHANNON_RESERVED_SHARE = 0.25
    process.turns.capacity_set(40)
    assert [process.begin(HEAVY).has_thread for _ in range(36)] == [True] * 35 + [False]


def test_a_thread_that_was_given_back_is_given_out_again(process: Process, settings: Settings) -> None:
    settings.SHANNON_RESERVED_SHARE = 0.25
    process.turns.capacity_set(4)
    drainers = [process.begin(HEAVY) for _ in range(3)]
    assert not process.begin(HEAVY).has_thread
    drainers[0].end()
    assert process.begin(HEAVY).has_thread


def test_what_is_done_in_another_thread_takes_none_of_the_drainers_and_lets_others_pass(
    process: Process, settings: Settings
) -> None:
    settings.SHANNON_RESERVED_SHARE = 0.5
    process.turns.capacity_set(2)
    heavy = process.begin(HEAVY, takes_thread=False)
    heavy.computes(1.0)
    assert [process.begin(HEAVY).has_thread for _ in range(2)] == [True, False]
    light = process.begin(LIGHT)
    with standing(process, heavy) as wait:
        light.end()
        assert wait.result() is True


def test_few_drainers_do_the_short_steps_of_a_task_and_the_next_when_they_have_ended() -> None:
    turns, task_id, other_id = Turns(), uuid4(), uuid4()
    with ExitStack() as first:
        for _ in range(SHORT_STEP_DRAINERS):
            may = first.enter_context(turns.hurry())
            assert (may(task_id), may(task_id)) == (True, True)
        with turns.hurry() as further:
            assert not further(task_id)
        with turns.hurry() as of_another:
            assert of_another(other_id)
    with turns.hurry() as following:
        assert following(task_id)


def test_how_many_drainers_there_are_is_told_whenever_one_comes_or_goes(process: Process) -> None:
    told: list[int] = []
    process.turns.crowd_heed(told.append)
    first, second = process.begin(HEAVY), process.begin(LIGHT)
    second.end()
    first.end()
    assert told == [1, 2, 1, 0]


def test_each_of_many_that_come_and_go_looks_at_itself_alone(process: Process) -> None:
    drainers = [process.begin(HEAVY) for _ in range(20)]
    looks: list[int] = []
    of_thread = process.turns._cpu_seconds

    def counted(ident: int) -> float:
        looks.append(ident)
        return of_thread(ident)

    process.turns._cpu_seconds = counted
    for drainer in drainers:
        drainer.computes(1.0)
        drainer.end()
    assert len(looks) == len(drainers)
    assert process.turns._tenants[HEAVY].served_seconds == pytest.approx(20.0)
