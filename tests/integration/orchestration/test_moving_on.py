"""A task is moved on in the transaction that ended its last open step."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection

from orchestration.engine import advance
from orchestration.engine.advance import task_advance
from orchestration.engine.drain import drain
from orchestration.engine.finish import task_finish
from orchestration.engine.kinds import KINDS, Work
from orchestration.engine.stopping import STOPPING
from orchestration.models import Event, Step, Task
from orchestration.services import fanout_submit
from orchestration.strategies import Finish
from orchestration.types import EventKind, StepKind, StepOutcome, StepStatus, TaskStatus
from policy.types import Principal
from tests.integration.orchestration.playing import play, principal
from tests.logs import logged

__all__ = ["principal"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_last_outcome_and_the_end_of_the_task_are_one_transaction(principal: Principal) -> None:
    task_id = _ready(principal)
    assert drain(task_id, first=None) == 1
    assert Task.objects.get(id=task_id).status == TaskStatus.COMPLETED
    assert _transaction("orchestration_step", "task_id", task_id) == _transaction("orchestration_task", "id", task_id)


def test_a_move_that_cannot_be_written_costs_the_step_nothing(
    principal: Principal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task_id, tries = _ready(principal), []

    def finish_at_second(task: Task, move: Finish) -> None:
        tries.append(task.id)
        if len(tries) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        task_finish(task, move)

    monkeypatch.setattr(advance, "task_finish", finish_at_second)
    assert drain(task_id, first=None) == 1
    step, task = Step.objects.get(task_id=task_id), Task.objects.get(id=task_id)
    assert (step.status, step.attempt, step.failures, step.error) == (StepStatus.SUCCEEDED, 1, 0, None)
    assert task.status == TaskStatus.COMPLETED, "the drainer moved it on by itself"
    assert [entry["event"] for entry in logged(caplog, "orchestration.engine.together")] == ["task_not_moved_on"]
    numbers = list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, task.event_seq + 1)), "what was rolled back left no gap"


def test_a_worker_that_stops_ends_its_step_and_leaves_the_move_to_others(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = _ready(principal)
    _meanwhile(monkeypatch, STOPPING.begin)
    try:
        assert drain(task_id, first=None) == 1
    finally:
        STOPPING.forget()
    assert Task.objects.get(id=task_id).status == TaskStatus.RUNNING
    assert task_advance(task_id)
    assert Task.objects.get(id=task_id).status == TaskStatus.COMPLETED


def test_a_task_that_was_paused_meanwhile_is_not_moved_on(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = _ready(principal)
    _meanwhile(monkeypatch, lambda: Task.objects.filter(id=task_id).update(status=TaskStatus.PAUSED))
    drain(task_id, first=None)
    assert Step.objects.get(task_id=task_id).status == StepStatus.SUCCEEDED
    assert Task.objects.get(id=task_id).status == TaskStatus.PAUSED


def test_of_drainers_that_end_a_wide_task_together_one_moves_it_on(principal: Principal) -> None:
    task = fanout_submit(principal=principal, width=40, concurrency_limit=8)
    assert play(task.id).status == TaskStatus.COMPLETED
    ends = Event.objects.filter(task_id=task.id, kind=EventKind.WORKFLOW_COMPLETED)
    assert ends.count() == 1


def _ready(principal: Principal) -> UUID:
    """Return a task with one step, which is ready and does nothing."""
    task_id = fanout_submit(principal=principal, width=1, concurrency_limit=1).id
    assert task_advance(task_id)
    return task_id


def _meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something while a step that does nothing does it."""
    kind = KINDS[StepKind.NOOP]
    execute = kind.execute

    def acting(work: Work) -> StepOutcome:
        act()
        return execute(work)

    monkeypatch.setattr(kind, "execute", acting)


def _transaction(table: str, column: str, task_id: UUID) -> str:
    """Return which transaction wrote a task's row last."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT xmin::text FROM {table} WHERE {column} = %s", [task_id])
        ((found,),) = cursor.fetchall()
    return str(found)
