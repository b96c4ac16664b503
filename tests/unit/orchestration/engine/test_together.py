"""Outcomes of one task that threads have at the same time go into one transaction."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from orchestration.engine.advance import MoveOn
from orchestration.engine.claim import ClaimedStep
from orchestration.engine.outcome import StepEnd, Written
from orchestration.engine.together import STEPS_AT_ONCE, OutcomeDesk
from orchestration.types import StepKind, StepOutcome, StepStatus

TASK = uuid4()
PATIENCE_SECONDS = 120.0


class Writer:
    """Writes nothing, and the first time only when it is told to; one of a step in `refused` is not written."""

    def __init__(self) -> None:
        self.written: list[list[UUID]] = []
        self.refused: set[UUID] = set()
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, _task_id: UUID, ends: Sequence[StepEnd], _move_on: MoveOn | None) -> Written:
        ids = [end.step.step_id for end in ends]
        if not self.began.is_set():
            self.began.set()
            assert self.may_end.wait(PATIENCE_SECONDS)
        if self.refused.intersection(ids):
            raise ValueError("cannot be stored")
        self.written.append(ids)
        return Written(frozenset(ids), newly_ready=len(ids), is_task_open=True, has_open=False)


def an_end() -> StepEnd:
    step = ClaimedStep(uuid4(), TASK, "s", StepKind.NOOP, "s", {}, (), attempt=1, failures=0)
    return StepEnd(step, StepStatus.SUCCEEDED, StepOutcome(output={}))


def crowd(desk: OutcomeDesk, writer: Writer, ends: Sequence[Sequence[StepEnd]]) -> list[Future[Written]]:
    """Let one thread begin to write, the others come while it does, and it go on; return what all were told."""
    with ThreadPoolExecutor(len(ends)) as threads:
        futures = [threads.submit(desk.write, TASK, ends[0])]
        assert writer.began.wait(PATIENCE_SECONDS)
        for number, some in enumerate(ends[1:], start=1):
            futures.append(threads.submit(desk.write, TASK, some))
            while desk.desk.waiting(TASK) < number:
                threading.Event().wait(0.001)
        writer.may_end.set()
    return futures


@pytest.fixture
def writer() -> Writer:
    return Writer()


def test_what_comes_while_somebody_writes_is_written_together(writer: Writer) -> None:
    ends = [[an_end()], [an_end(), an_end()], [an_end()], [an_end()]]
    told = [future.result() for future in crowd(OutcomeDesk(writer), writer, ends)]
    assert [len(ids) for ids in writer.written] == [1, 4]
    assert [written.recorded for written in told] == [1, 2, 1, 1]
    assert [written.step_ids for written in told] == [{end.step.step_id for end in some} for some in ends]
    assert sorted(written.newly_ready for written in told) == [0, 0, 1, 4], "only one of those together rings"
    assert [written.has_open for written in told].count(False) == 2, "and only one of them moves the task on"


def test_a_thread_that_is_alone_writes_at_once(writer: Writer) -> None:
    writer.began.set()
    desk = OutcomeDesk(writer)
    assert [desk.write(TASK, [an_end()]).recorded for _ in range(3)] == [1, 1, 1]
    assert [len(ids) for ids in writer.written] == [1, 1, 1]


def test_an_error_is_told_only_to_whom_it_belongs(writer: Writer) -> None:
    ends = [[an_end()] for _ in range(5)]
    writer.refused = {ends[3][0].step.step_id}
    futures = crowd(OutcomeDesk(writer), writer, ends)
    assert [future.exception() is None for future in futures] == [True, True, True, False, True]
    assert sorted(len(ids) for ids in writer.written) == [1, 1, 1, 1]


def test_the_error_of_the_one_that_writes_stops_nobody(writer: Writer) -> None:
    ends = [[an_end()] for _ in range(3)]
    writer.refused = {ends[0][0].step.step_id}
    futures = crowd(OutcomeDesk(writer), writer, ends)
    assert [future.exception() is None for future in futures] == [False, True, True]


def test_a_transaction_holds_only_so_many(writer: Writer) -> None:
    ends = [[an_end()] for _ in range(3)] + [[an_end() for _ in range(STEPS_AT_ONCE - 1)]]
    told = [future.result() for future in crowd(OutcomeDesk(writer), writer, ends)]
    assert [len(ids) for ids in writer.written] == [1, 2, STEPS_AT_ONCE - 1]
    assert sum(written.recorded for written in told) == STEPS_AT_ONCE + 2


def test_tasks_do_not_wait_for_each_other(writer: Writer) -> None:
    desk = OutcomeDesk(writer)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(desk.write, TASK, [an_end()])
        assert writer.began.wait(PATIENCE_SECONDS)
        assert desk.write(uuid4(), [an_end()]).recorded == 1
        writer.may_end.set()
    assert slow.result().recorded == 1
