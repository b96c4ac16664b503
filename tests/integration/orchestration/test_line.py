"""The line of tasks to be advanced, in a real broker: who is served in which order, by how many threads."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
import redis
from django.conf import settings

from orchestration.engine import control_desk, recover
from orchestration.engine.advance import Advanced
from orchestration.engine.control_desk import ControlDesk
from orchestration.engine.dispatch import CONTROL_QUEUE, ring_advance, ring_advances
from orchestration.engine.line import LINE, TURN_SECONDS, Charge, Line, Turn
from orchestration.types import PRIORITY_RANK, Priority

HEAVY, LIGHT, THIRD = uuid4(), uuid4(), uuid4()
TICK = TURN_SECONDS


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line(f"test:{uuid4()}")
    yield made
    made.clear()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job serve for as long as a busy machine takes; who looks at its end says when that is."""
    monkeypatch.setattr(control_desk, "JOB_SECONDS", 600.0)


def put(line: Line, tenant_id: UUID, count: int, priority: Priority = Priority.NORMAL) -> list[UUID]:
    turns = [Turn(uuid4(), tenant_id, PRIORITY_RANK[priority]) for _ in range(count)]
    assert line.put(turns) == count
    return [turn.task_id for turn in turns]


def tenants(line: Line, count: int, seconds: float = TICK, weights: dict[UUID, int] | None = None) -> list[UUID]:
    """Take so many turns, each of which takes so long, and return whose they were."""
    served: list[UUID] = []
    charge = None
    for _ in range(count):
        turn = line.take(charge=charge)
        assert turn is not None
        served.append(turn.tenant_id)
        charge = Charge(turn.tenant_id, seconds / (weights or {}).get(turn.tenant_id, 1))
    if charge is not None:
        line.pay(charge)
    return served


def desk_of(line: Line, advance: Callable[[UUID], object]) -> ControlDesk:
    return ControlDesk(line, advance, dict)


def test_a_task_that_comes_is_next_however_many_another_tenant_has_in_line(line: Line) -> None:
    put(line, HEAVY, 500)
    assert tenants(line, 20) == [HEAVY] * 20
    put(line, LIGHT, 1)
    assert LIGHT in tenants(line, 2), "at most one that began at the same place goes before it"


def test_tenants_take_turns(line: Line) -> None:
    for tenant_id in (HEAVY, LIGHT, THIRD):
        put(line, tenant_id, 10)
    served = tenants(line, 30)
    for first in range(0, 30, 3):
        assert set(served[first : first + 3]) == {HEAVY, LIGHT, THIRD}
    assert line.take() is None
    assert line.is_empty()


def test_turns_are_counted_by_what_they_take(line: Line) -> None:
    put(line, HEAVY, 20)
    put(line, LIGHT, 20)
    first = line.take()
    assert first is not None
    slow, quick = first.tenant_id, LIGHT if first.tenant_id == HEAVY else HEAVY
    line.pay(Charge(slow, TICK * 10.5))
    assert tenants(line, 12) == [quick] * 11 + [slow]


def test_a_tenant_of_weight_three_has_three_turns_for_one(line: Line) -> None:
    put(line, HEAVY, 40)
    put(line, LIGHT, 40)
    served = tenants(line, 40, weights={HEAVY: 3})
    assert 29 <= served.count(HEAVY) <= 31


def test_who_was_away_has_saved_up_nothing(line: Line) -> None:
    put(line, LIGHT, 1)
    assert tenants(line, 1) == [LIGHT]
    put(line, HEAVY, 100)
    tenants(line, 50)
    put(line, LIGHT, 50)
    served = tenants(line, 20)
    assert 9 <= served.count(LIGHT) <= 11


def test_a_tenants_tasks_go_by_priority_and_then_as_they_came(line: Line) -> None:
    normal = put(line, HEAVY, 1) + put(line, HEAVY, 1)
    low, critical = put(line, HEAVY, 1, Priority.LOW), put(line, HEAVY, 1, Priority.CRITICAL)
    found = [turn.task_id for _ in range(4) if (turn := line.take()) is not None]
    assert (found[0], set(found[1:3]), found[3]) == (critical[0], set(normal), low[0])


def test_a_task_is_in_line_once(line: Line) -> None:
    (task_id,) = put(line, HEAVY, 1)
    assert line.put([Turn(task_id, HEAVY)]) == 0
    assert line.depths() == {HEAVY: 1}


def test_who_is_passed_over_keeps_its_place(line: Line) -> None:
    put(line, HEAVY, 2)
    assert line.take(passed_over=[HEAVY]) is None
    put(line, LIGHT, 1)
    found = line.take(passed_over=[HEAVY])
    assert found is not None
    assert found.tenant_id == LIGHT
    assert tenants(line, 2) == [HEAVY, HEAVY]


def test_many_tenants_are_all_found(line: Line) -> None:
    names = [uuid4() for _ in range(100)]
    for tenant_id in names:
        put(line, tenant_id, 1)
    found = line.take(passed_over=names[:-1])
    assert found is not None
    assert found.tenant_id == names[-1]


def test_one_message_serves_all_who_are_in_line(line: Line) -> None:
    tasks = put(line, HEAVY, 20) + put(line, LIGHT, 20)
    advanced: list[UUID] = []
    desk = desk_of(line, advanced.append)
    assert desk.serve(tasks[0]) == 40
    assert set(advanced) == set(tasks)
    assert desk.serve(tasks[1]) == 0, "its task has had its turn"


def test_a_task_that_is_not_in_line_is_put_there(line: Line) -> None:
    advanced: list[UUID] = []
    task_id = uuid4()
    assert desk_of(line, advanced.append).serve(task_id, tenant_id=HEAVY) == 1
    assert advanced == [task_id]


def test_a_tenant_has_half_of_the_threads_at_most_and_the_others_serve_who_comes(line: Line) -> None:
    heavy, (light,) = put(line, HEAVY, 5), [uuid4()]
    begun, go_on = threading.Semaphore(0), threading.Event()
    advanced: list[UUID] = []

    def advance(task_id: UUID) -> None:
        if task_id != light:
            begun.release()
            go_on.wait(120.0)
        advanced.append(task_id)

    desk = desk_of(line, advance)
    desk.capacity_set(4)
    with ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(desk.serve, task_id) for task_id in heavy[:2]]
        assert all(begun.acquire(timeout=120.0) for _ in jobs)
        assert desk.serve(heavy[2]) == 0, "the tenant has two of four threads"
        assert desk.serve(light, tenant_id=LIGHT) == 1
        assert advanced == [light]
        go_on.set()
        assert sum(job.result() for job in jobs) == 5, "those who were passed over are served by who was at work"
    assert line.is_empty()


@pytest.mark.parametrize(("threads", "rests"), [(4, 3), (1, 0)])
def test_a_tenant_whose_tasks_wait_for_threads_begins_them_at_leisure_where_others_have_a_thread(
    line: Line, threads: int, rests: int
) -> None:
    tasks = put(line, HEAVY, 4)
    rested: list[float] = []

    def advance(task_id: UUID) -> Advanced:
        return Advanced.MOVED if task_id == tasks[0] else Advanced.WAITS

    desk = ControlDesk(line, advance, dict, rested.append)
    desk.capacity_set(threads)
    assert desk.serve(tasks[0]) == len(tasks)
    assert len(rested) == rests
    assert all(0 < seconds <= control_desk.LEFT_MOST_SECONDS for seconds in rested)


def test_a_task_that_cannot_be_advanced_holds_up_none_behind_it(line: Line) -> None:
    tasks = put(line, HEAVY, 3)
    advanced: list[UUID] = []

    def advance(task_id: UUID) -> None:
        if task_id == tasks[0]:
            raise ValueError(task_id)
        advanced.append(task_id)

    assert desk_of(line, advance).serve(tasks[0]) == 3
    assert set(advanced) == set(tasks[1:])


def test_a_job_ends_after_a_while_and_another_goes_on(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[UUID] = []
    monkeypatch.setattr(control_desk, "JOB_SECONDS", -1.0)

    def ring(task_id: UUID) -> bool:
        told.append(task_id)
        return True

    monkeypatch.setattr(control_desk, "ring_line", ring)
    tasks = put(line, HEAVY, 2)
    desk = desk_of(line, lambda _task_id: None)
    assert desk.serve(tasks[0]) == 1
    assert len(told) == 1
    assert line.depths() == {HEAVY: 1}


def test_a_line_that_cannot_be_reached_delays_nobody(monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    def away(**_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(line, "take", away)
    advanced: list[UUID] = []
    task_id = uuid4()
    assert desk_of(line, advanced.append).serve(task_id) == 1
    assert advanced == [task_id]


@pytest.fixture
def broker() -> Iterator["redis.Redis"]:
    """The broker with nothing in our queues."""
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    client.delete(*settings.SHANNON_QUEUES)
    LINE.clear()
    yield client
    LINE.clear()


def test_many_tasks_that_are_rung_for_together_cost_few_messages(broker: "redis.Redis") -> None:
    turns = [Turn(uuid4(), HEAVY) for _ in range(200)]
    assert ring_advances(turns)
    assert (LINE.depths(), broker.llen(CONTROL_QUEUE)) == ({HEAVY: 200}, 8)
    assert ring_advances(turns)
    assert broker.llen(CONTROL_QUEUE) == 8, "all are in line, and told of"


def test_a_lost_message_is_sent_again_while_somebody_is_in_line(broker: "redis.Redis") -> None:
    assert ring_advance(uuid4(), LIGHT)
    assert not recover._line_tell(), "a message waits"
    broker.delete(CONTROL_QUEUE)
    assert recover._line_tell()
    assert broker.llen(CONTROL_QUEUE) == 1
    broker.delete(CONTROL_QUEUE)
    LINE.clear()
    assert not recover._line_tell(), "nobody is in line"
